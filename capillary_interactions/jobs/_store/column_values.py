"""Are the values in a job's file of the kinds that this program writes? Pure.

A file may be damaged, or made by another program: then SQLite gives any value anywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from capillary_interactions._model.vocabulary import ApiVersion, IdentifierName, Network

_END: Final = 253_402_300_800  # the year 10000, where datetime ends
_MAX_FAR: Final = 1e300
_MAX_FIGURE: Final = 1e15


def is_moment(value: object) -> bool:
    """Whether it is a time in seconds since 1970."""
    return _is_number(value) and 0 <= value < _END  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and abs(value) < _MAX_FAR  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_text_or_none(value: object) -> bool:
    return value is None or type(value) is str


def _is_count_or_none(value: object) -> bool:
    return value is None or _is_count(value)


def _is_whole_or_none(value: object) -> bool:
    return value is None or type(value) is int


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _is_moment_or_none(value: object) -> bool:
    return value is None or is_moment(value)


def _is_path(value: object) -> bool:
    hexadecimal = isinstance(value, dict) and value.keys() == {"hex"} and _is_text(value["hex"])
    return (_is_text(value) and value != "") or hexadecimal


def _has(value: object, **kinds: Callable[[object], bool]) -> bool:
    return isinstance(value, dict) and all(
        name in value and kind(value[name]) for name, kind in kinds.items()
    )


def _is_settings(value: object) -> bool:
    # Jobs of an earlier version hold fewer of them.
    return _has(
        {"column": None, **value} if isinstance(value, dict) else value,
        column=lambda column: column is None or type(column) in {str, int},
        api=lambda api: api in set(ApiVersion),
        network=lambda network: network is None or network in set(Network),
        type=_is_text_or_none,
        timezone=lambda zone: _is_text(zone) and zone != "",
        identifier=lambda name: name in set(IdentifierName),
    )


def _is_stamp(value: object) -> bool:
    # Jobs of an earlier version remember less.
    return value is None or _has(value, path=_is_path, size=_is_count, sample=_is_text)


def _is_list(value: object) -> bool:
    return _has(
        value, source=lambda source: source is None or _is_path(source), identifier=_is_text
    )


def _is_bookmark(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"rows", "digest", "whole"}
        and _is_count(value.get("rows", 0))
        and _is_text(value.get("digest", ""))
        and type(value.get("whole", False)) is bool
    )


def _is_exports(value: object) -> bool:
    return isinstance(value, dict) and all(
        name and isinstance(stamps, list) and all(map(_is_list_of_counts, stamps))
        for name, stamps in value.items()
    )


def _is_list_of_counts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


_FACTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "began": is_moment,
    "bookmark": _is_bookmark,
    "columns": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "customers": _is_text,
    "exports": _is_exports,
    "format": _is_text_or_none,
    "list": _is_list,
    "schema": _is_text,
    "settings": _is_settings,
    "settled": _is_count,
    "stamp": _is_stamp,
}


def checked_fact(name: str, value: Any) -> Any:
    """A fact, if it is one that a job can hold.

    Raises:
        ValueError: It is not.
    """
    if name in _FACTS and not _FACTS[name](value):
        raise ValueError(f"what it says of {name!r} is not what a job holds")
    return value


# The columns of a row that has ended, in the order in which they are read (see `_recording.py`).
_ENDED: Final[tuple[Callable[[object], bool], ...]] = (
    _is_count,
    _is_text,
    _is_text,
    _is_text_or_none,
    _is_count_or_none,
    _is_number_or_none,
    _is_number_or_none,
    _is_moment_or_none,
    _is_text_or_none,
    _is_text_or_none,
    _is_whole_or_none,
    _is_whole_or_none,
    _is_text_or_none,
    _is_number_or_none,
    _is_text_or_none,
    _is_text_or_none,
)


def are_ended(found: tuple[Any, ...]) -> bool:
    """Whether the columns of a row that has ended hold what they should."""
    return all(kind(value) for kind, value in zip(_ENDED, found, strict=True))


def checked_run(told: Iterable[Any]) -> tuple[Any, ...]:
    """What is kept of a run: when it began, its figures, and why it stopped.

    Raises:
        ValueError: It is something else.
    """
    began, *figures, stopped = told
    whole = is_moment(began) and all(map(_is_number, figures)) and _is_text_or_none(stopped)
    if not whole or not is_moment(began + figures[0]) or max(map(abs, figures)) > _MAX_FIGURE:
        raise ValueError("its figures of a run are no figures")
    return (began, *figures, stopped)


def checked_counts(rows: Iterable[tuple[Any, Any]]) -> dict[str, int]:
    """Counts by name.

    Raises:
        ValueError: They are something else.
    """
    counts = dict(rows)
    if not all(_is_text(name) and _is_count(count) for name, count in counts.items()):
        raise ValueError("its counts are no counts")
    return counts


def checked_texts(values: list[Any]) -> list[str]:
    """Texts.

    Raises:
        ValueError: One is something else.
    """
    if not all(map(_is_text, values)):
        raise ValueError("what should be text is not")
    return values
