"""Do the values in a job's file have the types that this program writes? Pure.

A file may be damaged, or made by another program, and SQLite stores any type in any column.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from capillary_interactions._model.vocabulary import ApiVersion, Network
from capillary_interactions.jobs._lists.customer_list import identifier_from_text

_Check = Callable[[Any], bool]

_END: Final = 253_402_300_800  # the year 10000, where datetime ends
_MAX_NUMBER: Final = 1e300
_MAX_FIGURE: Final = 1e15


def _is_type(*types: type) -> _Check:
    return lambda value: type(value) in types


def _optional(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _dict_with(defaults: Mapping[str, Any] | None = None, **checks: _Check) -> _Check:
    """A dict with these keys and perhaps others; those with a default may be missing."""

    def check_all(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        complete = {**(defaults or {}), **value}
        return all(name in complete and check(complete[name]) for name, check in checks.items())

    return check_all


_is_text: Final = _is_type(str)
_is_integer: Final = _is_type(int)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and abs(value) < _MAX_NUMBER


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_identifier(value: Any) -> bool:
    try:
        return _is_text(value) and bool(identifier_from_text(value))
    except ValueError:
        return False


def is_timestamp(value: Any) -> bool:
    """Whether it is a time in seconds since 1970."""
    return _is_number(value) and 0 <= value < _END


def _is_path(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"hex"} and _is_text(value["hex"])
    return _is_text(value) and value != ""


def _is_exports(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name and _list_of(_list_of(_is_count))(stamps) for name, stamps in value.items()
    )


# Earlier versions wrote fewer of the settings, and less of a list's stamp.
_METADATA: Final[Mapping[str, _Check]] = {
    "began": is_timestamp,
    "bookmark": _dict_with(
        {"rows": 0, "digest": "", "whole": False, "missing": 0},
        rows=_is_count,
        missing=_is_count,
        digest=_is_text,
        whole=_is_type(bool),
    ),
    "columns": _list_of(_is_text),
    "customers": _is_text,
    "exports": _is_exports,
    "forgotten_key": _is_text,
    "format": _optional(_is_text),
    "list": _dict_with(source=_optional(_is_path), identifier=_is_text),
    "schema": _is_text,
    "settings": _dict_with(
        {"column": None, "phone_region": None},
        column=_is_type(str, int, type(None)),
        api=set(ApiVersion).__contains__,
        network={None, *Network}.__contains__,
        type=_optional(_is_text),
        timezone=lambda zone: _is_text(zone) and zone != "",
        identifier=_is_identifier,
        phone_region=_optional(_is_text),
    ),
    "settled": _is_count,
    "stamp": _optional(_dict_with(path=_is_path, size=_is_count, sample=_is_text)),
}

# The columns of a result row, in the order of `records.RESULTS_QUERY`.
_RESULT_ROW: Final[tuple[_Check, ...]] = (
    _is_count,
    _is_text,
    _is_text,
    *map(
        _optional,
        (
            _is_text,
            _is_count,
            _is_number,
            _is_number,
            is_timestamp,
            _is_text,
            _is_text,
            _is_integer,
            _is_integer,
            _is_text,
            _is_number,
            _is_text,
            _is_text,
            _is_text,
        ),
    ),
)


def checked_metadata(name: str, value: Any) -> Any:
    if name in _METADATA and not _METADATA[name](value):
        raise ValueError(f"what it says of {name!r} is not what a job holds")
    return value


def is_result_row(columns: tuple[Any, ...]) -> bool:
    """Whether the columns of a result row have the types that they should."""
    return all(check(value) for check, value in zip(_RESULT_ROW, columns, strict=True))


def checked_run(columns: Iterable[Any]) -> tuple[Any, ...]:
    """When a stored run began, its figures and why it stopped; anything else is a `ValueError`."""
    began, *figures, stopped = columns
    typed = is_timestamp(began) and all(map(_is_number, figures)) and _optional(_is_text)(stopped)
    if not typed or not is_timestamp(began + figures[0]) or max(map(abs, figures)) > _MAX_FIGURE:
        raise ValueError("the figures of a run are no numbers")
    return (began, *figures, stopped)


def checked_counts(rows: Iterable[tuple[Any, Any]]) -> dict[str, int]:
    counts = dict(rows)
    if not all(_is_text(name) and _is_count(count) for name, count in counts.items()):
        raise ValueError("its counts are no counts")
    return counts


def checked_texts(values: list[Any]) -> list[str]:
    if not all(map(_is_text, values)):
        raise ValueError("what should be text is not")
    return values
