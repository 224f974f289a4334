"""When is there a further page, and how do pages become one answer?

What `offset` counts is not documented, so a page that brings nothing new is always the last.
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


def with_truncated(held: CustomerInteractions, truncated: bool) -> CustomerInteractions:
    """The answer, saying whether it is the whole."""
    return held if held.truncated is truncated else evolve(held, truncated=truncated)


def is_many(held: CustomerInteractions) -> bool:
    """Whether to take a further page may need more than some milliseconds."""
    return sum(len(each.messages) for each in held.interactions) > _QUICK_MESSAGES


def next_offset(
    held: CustomerInteractions, page: CustomerInteractions, offset: int, page_size: int
) -> int | None:
    """Where the next page begins, or None if this one was the last.

    Args:
        held: Everything so far, this page included.
        page: The page that came last.
        offset: Where it began.
        page_size: The most messages of one kind that a page holds.
    """
    full = any(len(each.messages) >= page_size for each in page.interactions)
    return offset + page_size if full or is_incomplete(held) else None


def merge(
    held: CustomerInteractions, page: CustomerInteractions
) -> tuple[CustomerInteractions, bool]:
    """Everything so far and a further page as one answer, and whether the page brought news."""
    pages = Pages(held)
    news = pages.add(page)
    return pages.held, news


_Kind = tuple[str | None, str]
_Place = tuple[str | None, str, int]


class Pages:
    """The pages of one customer, as one answer; each page is looked at once.

    Messages are the same if network, interaction and id are; without an id, if all of it is.
    What two pages tell about the same thing stays as it was told first.

    Args:
        first: The first page.

    Attributes:
        held: Everything so far.
    """

    def __init__(self, first: CustomerInteractions) -> None:
        self.held = first
        self._interactions: dict[_Place, Interaction] = {}
        # What is known of messages, by the kind of the interaction, and of surveys and locations,
        # by the interaction and the field in which they stand.
        self._messages: defaultdict[_Kind, set[Hashable]] = defaultdict(set)
        self._others: dict[tuple[_Place, str], set[Hashable]] = {}
        self._warnings: set[Hashable] = set()

    def add(self, page: CustomerInteractions) -> bool:
        """Take a further page; whether it brought anything new."""
        held = self.held
        if not self._interactions:
            self._index(held)
        news = [self._take(place, each) for place, each in _places(page.interactions)]
        changes = _filled(held, page, ("name", "customer"))
        interactions = tuple(self._interactions.values())
        if any(old is not new for old, new in zip_longest(held.interactions, interactions)):
            changes["interactions"] = interactions
        warnings = _unseen(page.warnings, self._warnings, repr)
        if warnings:
            changes["warnings"] = (*held.warnings, *warnings)
        if page.truncated and not held.truncated:
            changes["truncated"] = True
        if changes:
            self.held = evolve(held, **changes)
        return any(news)

    def _index(self, first: CustomerInteractions) -> None:
        self._interactions.update(_places(first.interactions))
        for each in first.interactions:
            self._messages[each.network, each.name].update(map(_identity, each.messages))
        _unseen(first.warnings, self._warnings, repr)

    def _take(self, place: _Place, page: Interaction) -> bool:
        """Take what a further page tells of an interaction; whether it was new."""
        fresh = _unseen(page.messages, self._messages[page.network, page.name], _identity)
        before = self._interactions.get(place)
        if before is None:
            whole = len(fresh) == len(page.messages)
            self._interactions[place] = page if whole else _changed(page, {"messages": fresh})
            return True
        self._interactions[place], news = self._grown(place, before, page, fresh)
        return news

    def _grown(
        self, place: _Place, before: Interaction, page: Interaction, fresh: tuple[Message, ...]
    ) -> tuple[Interaction, bool]:
        """An interaction with what a further page tells of it, and whether that was new."""
        changes: dict[str, Any] = {"messages": (*before.messages, *fresh)} if fresh else {}
        for name in ("surveys", "locations"):
            held = getattr(before, name)
            seen = self._others.get((place, name))
            if seen is None:
                seen = self._others[place, name] = set(map(_content, held))
            new = _unseen(getattr(page, name), seen, _content)
            if new:
                changes[name] = (*held, *new)
        news = bool(changes)
        if page.count > before.count:
            changes["count"] = page.count
        changes |= _filled(before, page, ("used", "last_interaction_at"))
        if page._has_message_list and not before._has_message_list:  # noqa: SLF001
            changes.setdefault("messages", before.messages)
        if not changes:
            return before, False
        return _changed(before, changes, lists=page._has_message_list), news  # noqa: SLF001


def _places(interactions: Iterable[Interaction]) -> Iterable[tuple[_Place, Interaction]]:
    """Each interaction with its name; a name that comes again is told apart by its number."""
    seen: Counter[_Kind] = Counter()
    for each in interactions:
        kind = (each.network, each.name)
        yield (*kind, seen[kind]), each
        seen[kind] += 1


def _changed(
    interaction: Interaction, changes: Mapping[str, Any], *, lists: bool = False
) -> Interaction:
    """A changed copy that still knows whether there was a list of messages."""
    copy = evolve(interaction, **changes)
    has_list = lists or interaction._has_message_list  # noqa: SLF001
    set_frozen(copy, "_has_message_list", has_list)
    return copy


def _filled(
    held: CustomerInteractions | Interaction,
    page: CustomerInteractions | Interaction,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """What only the page tells, of some fields and of `extra`."""
    changes = {
        name: getattr(page, name)
        for name in names
        if getattr(held, name) is None and getattr(page, name) is not None
    }
    if not page.extra.keys() <= held.extra.keys():
        changes["extra"] = {**page.extra, **held.extra}
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


def _unseen(
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
