"""Reads rows from JSON lines, one object a line."""

import json
from collections.abc import Iterable
from json import scanner
from typing import Any, Final

from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.rows import BadRow, ListFormat, Row, Rows, digits_of
from capillary_interactions.jobs._lists.text import BYTE_ORDER_MARK

# Python's decoder in C holds the GIL until it is done; its decoder in Python releases it.
_MAX_DECODED_IN_C: Final = 1 << 17


def json_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of JSON lines; the first object decides the key, a `ListError` if none can be meant."""
    number, key = 0, ""
    known: set[str] = set()
    for text in lines:
        # A file that was appended to another has its byte-order mark in the middle.
        line = text.strip().lstrip(BYTE_ORDER_MARK)
        if not line:
            yield None
            continue
        number += 1
        value = decode_json(line)
        if not isinstance(value, dict):
            yield BadRow(number, "", "the line is no JSON object", raw=line)
            continue
        if not key:
            names = list(value)
            key = names[find_column(names, wanted.identifier, wanted.column)]
        if not known.issuperset(value):
            wanted.columns.extend(name for name in value if name not in known)
            known.update(value)
        # The cells are the line itself, so that long numbers are exported with all their digits.
        yield _row(number, value, key, line)


class Number(str):
    """A JSON number, digit by digit: as a float, a long card number would be another one."""

    __slots__ = ()


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def _make_decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse_constant)


_DECODER: Final = _make_decoder()
_PYTHON_DECODER: Final = _make_decoder()
_PYTHON_DECODER.scan_once = scanner.py_make_scanner(_PYTHON_DECODER)  # type: ignore[attr-defined]


def decode_json(line: str) -> Any:
    """The value of a line, or None if it is no JSON."""
    decoder = _DECODER if len(line) <= _MAX_DECODED_IN_C else _PYTHON_DECODER
    try:
        return decoder.decode(line)
    except (ValueError, RecursionError):
        return None


def _row(number: int, cells: dict[str, Any], key: str, line: str) -> Row:
    if key not in cells:
        return Row(number, "", f"the object has no key {key!r}", line)
    value = cells[key]
    if isinstance(value, Number):
        digits = digits_of(value)
        if digits is not None:
            return Row(number, digits, None, line)
        reason = f"the number under {key!r} is not written in digits"
        return Row(number, str(value), reason, line)
    if isinstance(value, str):
        return Row(number, value.strip(), None, line)
    reason = f"under {key!r} is {_TYPES.get(type(value), 'nothing')}, no text"
    return Row(number, "", reason, line)


_TYPES: Final[dict[type, str]] = {bool: "a boolean", list: "a list", dict: "an object"}
