"""When is there a further page, and how do pages become one answer?

What `offset` counts is not documented, so a page that brings nothing new is always the last.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Final, TypeVar

import orjson
from attrs import evolve, fields

from capillary_interactions._models import (
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)
from capillary_interactions._structure import attach

_T = TypeVar("_T")


def lists_messages(interaction: Interaction) -> bool:
    """Whether the server gave a list of messages at all, if only an empty one."""
    return bool(interaction.messages) or interaction._lists_messages  # noqa: SLF001 - of the house


def is_short(held: CustomerInteractions) -> bool:
    """Whether the server counts more messages than it has given."""
    return any(
        lists_messages(each) and each.count > len(each.messages) for each in held.interactions
    )


def marked(held: CustomerInteractions, truncated: bool) -> CustomerInteractions:
    """The answer, saying whether it is the whole."""
    return held if held.truncated is truncated else evolve(held, truncated=truncated)


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
    return offset + page_size if full or is_short(held) else None


def merge(
    held: CustomerInteractions, page: CustomerInteractions
) -> tuple[CustomerInteractions, bool]:
    """Everything so far and a further page as one answer, and whether the page brought news.

    Messages are the same if network, interaction and id are; without an id, if all of it is.
    What both tell about the same thing stays as it was told first.
    """
    interactions, news = _merged(held.interactions, page.interactions)
    changes = _filled(held, page, ("name", "customer"))
    if any(old is not new for old, new in zip_longest(held.interactions, interactions)):
        changes["interactions"] = interactions
    warnings = _unseen(page.warnings, set(map(repr, held.warnings)), repr)
    if warnings:
        changes["warnings"] = (*held.warnings, *warnings)
    if page.truncated and not held.truncated:
        changes["truncated"] = True
    return (evolve(held, **changes) if changes else held), news


_Place = tuple[str | None, str, int]


def _places(interactions: Iterable[Interaction]) -> Iterable[tuple[_Place, Interaction]]:
    """Each interaction with its name; a name that comes again is told apart by its number."""
    seen: Counter[tuple[str | None, str]] = Counter()
    for each in interactions:
        kind = (each.network, each.name)
        yield (*kind, seen[kind]), each
        seen[kind] += 1


def _merged(
    held: tuple[Interaction, ...], page: tuple[Interaction, ...]
) -> tuple[tuple[Interaction, ...], bool]:
    merged = dict(_places(held))
    known: dict[tuple[str | None, str], set[Hashable]] = {}
    for each in held:
        known.setdefault((each.network, each.name), set()).update(map(_identity, each.messages))
    news = False
    for place, each in _places(page):
        seen = known.setdefault((each.network, each.name), set())
        fresh = _unseen(each.messages, seen, _identity)
        before = merged.get(place)
        if before is None:
            whole = len(fresh) == len(each.messages)
            merged[place] = each if whole else _changed(each, {"messages": fresh})
            news = True
        else:
            merged[place], grew = _grown(before, each, fresh)
            news = news or grew
    return tuple(merged.values()), news


def _grown(
    before: Interaction, page: Interaction, fresh: tuple[Message, ...]
) -> tuple[Interaction, bool]:
    """An interaction with what a further page tells of it, and whether that was new."""
    changes: dict[str, Any] = {"messages": (*before.messages, *fresh)} if fresh else {}
    for name in ("surveys", "locations"):
        held = getattr(before, name)
        new = _unseen(getattr(page, name), set(map(_content, held)), _content)
        if new:
            changes[name] = (*held, *new)
    news = bool(changes)
    if page.count > before.count:
        changes["count"] = page.count
    changes |= _filled(before, page, ("used", "last_interaction_at"))
    if page._lists_messages and not before._lists_messages:  # noqa: SLF001
        changes.setdefault("messages", before.messages)
    if not changes:
        return before, False
    return _changed(before, changes, lists=page._lists_messages), news  # noqa: SLF001


def _changed(
    interaction: Interaction, changes: Mapping[str, Any], *, lists: bool = False
) -> Interaction:
    """A changed copy that still knows whether there was a list of messages."""
    copy = evolve(interaction, **changes)
    attach(copy, _lists_messages=lists or interaction._lists_messages)  # noqa: SLF001
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


def _content(value: Message | Survey | Location) -> bytes:
    """Everything in a value, for a set: the hash of the models does not see `extra`."""
    return orjson.dumps(
        _FIELDS[type(value)](value),
        default=repr,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME,
    )


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
