"""When is there a further page, and how do pages become one answer?

What `offset` counts is not documented, so a page that adds nothing is always the last.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Final, TypeVar

import orjson
from attrs import evolve, fields

from capillary_interactions._json.structure import set_frozen
from capillary_interactions._model.interactions import (
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)

_T = TypeVar("_T")
_QUICK_MESSAGES: Final = 500


def is_incomplete(answer: CustomerInteractions) -> bool:
    """Whether the server counts more messages than it has sent, where it lists any at all."""
    return any(
        interaction.count > len(interaction.messages)
        and (bool(interaction.messages) or interaction._has_message_list)  # noqa: SLF001
        for interaction in answer.interactions
    )


def with_truncated(answer: CustomerInteractions, truncated: bool) -> CustomerInteractions:
    """The answer with its `truncated` set."""
    return answer if answer.truncated is truncated else evolve(answer, truncated=truncated)


def is_many(answer: CustomerInteractions) -> bool:
    """Whether to take a further page may need more than some milliseconds."""
    return sum(len(interaction.messages) for interaction in answer.interactions) > _QUICK_MESSAGES


def next_offset(
    merged: CustomerInteractions, page: CustomerInteractions, offset: int, page_size: int
) -> int | None:
    """Where the next page begins, or None if this one was the last.

    Args:
        merged: Everything so far, this page included.
        page: The page that came last.
        offset: Where it began.
        page_size: The most messages of one interaction that a page holds.
    """
    full = any(len(interaction.messages) >= page_size for interaction in page.interactions)
    return offset + page_size if full or is_incomplete(merged) else None


_Name = tuple[str | None, str]
_Key = tuple[str | None, str, int]


class Pages:
    """The pages of one customer, as one answer; each page is looked at once.

    Messages are the same if network, interaction and id are; without an id, if all of it is.
    Where two pages differ about the same thing, the first one counts.
    """

    def __init__(self, first: CustomerInteractions) -> None:
        self.merged = first
        # Whether a page shows the offset of its dates, which those of other pages may not.
        self.show_offset = first._shows_offset  # noqa: SLF001
        self._interactions: dict[_Key, Interaction] = {}
        # The messages seen, by the name of the interaction, and the surveys and locations, by the
        # key of the interaction and the field.
        self._messages: defaultdict[_Name, set[Hashable]] = defaultdict(set)
        self._others: dict[tuple[_Key, str], set[Hashable]] = {}
        self._warnings: set[Hashable] = set()

    def add(self, page: CustomerInteractions) -> bool:
        """Merge a further page; whether it added anything."""
        merged = self.merged
        self.show_offset |= page._shows_offset  # noqa: SLF001
        if not self._interactions:
            self._index(merged)
        added = [self._merge_interaction(*keyed) for keyed in _keyed(page.interactions)]
        changes = _missing_fields(merged, page, ("name", "customer"))
        interactions = tuple(self._interactions.values())
        if any(old is not new for old, new in zip_longest(merged.interactions, interactions)):
            changes["interactions"] = interactions
        warnings = _new_items(page.warnings, self._warnings, repr)
        if warnings:
            changes["warnings"] = (*merged.warnings, *warnings)
        if page.truncated and not merged.truncated:
            changes["truncated"] = True
        if changes:
            self.merged = evolve(merged, **changes)
        return any(added)

    def _index(self, first: CustomerInteractions) -> None:
        self._interactions.update(_keyed(first.interactions))
        for interaction in first.interactions:
            seen = self._messages[interaction.network, interaction.name]
            seen.update(map(_identity, interaction.messages))
        _new_items(first.warnings, self._warnings, repr)

    def _merge_interaction(self, key: _Key, page: Interaction) -> bool:
        """Merge an interaction of a further page; whether that added anything."""
        fresh = _new_items(page.messages, self._messages[page.network, page.name], _identity)
        before = self._interactions.get(key)
        if before is None:
            all_new = len(fresh) == len(page.messages)
            self._interactions[key] = page if all_new else _evolved(page, {"messages": fresh})
            return True
        self._interactions[key], added = self._extended(key, before, page, fresh)
        return added

    def _extended(
        self, key: _Key, before: Interaction, page: Interaction, fresh: tuple[Message, ...]
    ) -> tuple[Interaction, bool]:
        """An interaction merged with that of a further page, and whether that added anything."""
        changes: dict[str, Any] = {"messages": (*before.messages, *fresh)} if fresh else {}
        for name in ("surveys", "locations"):
            known = getattr(before, name)
            seen = self._others.get((key, name))
            if seen is None:
                seen = self._others[key, name] = set(map(_content, known))
            new = _new_items(getattr(page, name), seen, _content)
            if new:
                changes[name] = (*known, *new)
        added = bool(changes)
        if page.count > before.count:
            changes["count"] = page.count
        changes |= _missing_fields(before, page, ("used", "last_interaction_at"))
        if page._has_message_list and not before._has_message_list:  # noqa: SLF001
            changes.setdefault("messages", before.messages)
        if not changes:
            return before, False
        return _evolved(before, changes, lists=page._has_message_list), added  # noqa: SLF001


def _keyed(interactions: Iterable[Interaction]) -> Iterable[tuple[_Key, Interaction]]:
    """Each interaction with its key; of several with one name, each has its number."""
    seen: Counter[_Name] = Counter()
    for interaction in interactions:
        name = (interaction.network, interaction.name)
        yield (*name, seen[name]), interaction
        seen[name] += 1


def _evolved(
    interaction: Interaction, changes: Mapping[str, Any], *, lists: bool = False
) -> Interaction:
    """A changed copy that still knows whether there was a list of messages."""
    copy = evolve(interaction, **changes)
    has_list = lists or interaction._has_message_list  # noqa: SLF001
    set_frozen(copy, "_has_message_list", has_list)
    return copy


def _missing_fields(
    merged: CustomerInteractions | Interaction,
    page: CustomerInteractions | Interaction,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """The values that only the page has, of some fields and of `extra`."""
    changes = {
        name: getattr(page, name)
        for name in names
        if getattr(merged, name) is None and getattr(page, name) is not None
    }
    if not page.extra.keys() <= merged.extra.keys():
        changes["extra"] = {**page.extra, **merged.extra}
    return changes


def _identity(message: Message) -> Hashable:
    # As text: the hash of an integer is known beforehand, so a server could choose identifiers that
    # all collide, and a set of them would take quadratic time. The hash of a text is salted.
    return _content(message) if message.id is None else str(message.id)


def _content(value: Message | Survey | Location) -> str:
    """Everything in a value, for a set: the hash of the models does not see `extra`."""
    # Decoded, for bytes of orjson's stay in a block of memory of a whole kilobyte each.
    return orjson.dumps(
        _FIELDS[type(value)](value),
        default=repr,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME,
    ).decode()


_FIELDS: Final[Mapping[type, Callable[[Any], Any]]] = {
    model: attrgetter(*(field.name for field in fields(model) if field.eq))
    for model in (Message, Survey, Location)
}


def _new_items(
    values: Iterable[_T], seen: set[Hashable], key: Callable[[_T], Hashable]
) -> tuple[_T, ...]:
    """The values that have not been seen; they have been, afterwards."""
    fresh = []
    for value in values:
        identity = key(value)
        if identity not in seen:
            seen.add(identity)
            fresh.append(value)
    return tuple(fresh)
