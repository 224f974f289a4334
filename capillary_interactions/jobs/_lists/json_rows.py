"""How are rows read from JSON lines, one object a line?"""

import json
from collections.abc import Iterable
from json import scanner
from typing import Any, Final

from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.rows import BadRow, ListFormat, Row, Rows, digits_of

# Python's own reader, in C, lets no other thread run before it is done.
_LONG: Final = 1 << 17
_MARK: Final = "\ufeff"


def json_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of JSON lines; the key is chosen by the first object.

    Raises:
        ListError: No key can be meant.
    """
    number, key = 0, ""
    known: set[str] = set()
    for whole in lines:
        # The mark of a file that another was appended to.
        line = whole.strip().lstrip(_MARK)
        if not line:
            yield None
            continue
        number += 1
        written = parsed(line)
        if not isinstance(written, dict):
            yield BadRow(number, "", "the line is no JSON object", raw=line)
            continue
        if not key:
            names = list(written)
            key = names[find_column(names, wanted.identifier, wanted.column)]
        if not known.issuperset(written):
            wanted.columns.extend(name for name in written if name not in known)
            known.update(written)
        # The line itself: whatever it holds comes out as it went in, long numbers too.
        yield _row(number, written, key, line)


class Number(str):
    """A number in a line of JSON, in the digits it is written in."""

    __slots__ = ()


def _no_number(text: str) -> None:
    raise ValueError(text)


# As a float, a long card number would be another one.
_DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_number)
_PATIENT: Final = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_number)
_PATIENT.scan_once = scanner.py_make_scanner(_PATIENT)  # type: ignore[attr-defined]


def parsed(line: str) -> Any:
    """A line's value with numbers as they stand, or None if the line is no JSON."""
    decoder = _DECODER if len(line) <= _LONG else _PATIENT
    try:
        return decoder.decode(line)
    except (ValueError, RecursionError):
        return None


def _row(number: int, written: dict[str, Any], key: str, line: str) -> Row:
    if key not in written:
        return Row(number, "", f"the object has no key {key!r}", line)
    value = written[key]
    if isinstance(value, Number):
        whole = digits_of(value)
        if whole is not None:
            return Row(number, whole, None, line)
        reason = f"the number under {key!r} is not written in digits"
        return Row(number, str(value), reason, line)
    if isinstance(value, str):
        return Row(number, value.strip(), None, line)
    reason = f"under {key!r} is {_KINDS.get(type(value), 'nothing')}, no text"
    return Row(number, "", reason, line)


_KINDS: Final[dict[type, str]] = {bool: "a boolean", list: "a list", dict: "an object"}
