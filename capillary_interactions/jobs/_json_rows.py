"""How are rows read from JSON lines, one object a line?"""

import json
from collections.abc import Iterable
from typing import Any, Final

from capillary_interactions.jobs._columns import column_place
from capillary_interactions.jobs._rows import BadRow, Row, Rows, Wanted, number_written


def json_rows(lines: Iterable[str], wanted: Wanted) -> Rows:
    """Rows of JSON lines; the key is chosen by the first object.

    Raises:
        ListError: No key can be meant.
    """
    number, key = 0, ""
    known: set[str] = set()
    for line in lines:
        if not line.strip():
            yield None
            continue
        number += 1
        written = parsed(line)
        if not isinstance(written, dict):
            yield BadRow(number, "", "the line is no JSON object", raw=line.strip())
            continue
        if not key:
            names = list(written)
            key = names[column_place(names, wanted.identifier, wanted.column)]
        if not known.issuperset(written):
            wanted.columns.extend(name for name in written if name not in known)
            known.update(written)
        # The line itself: whatever it holds comes out as it went in, long numbers too.
        yield _row(number, written, key, line.strip())


class Number(str):
    """A number in a line of JSON, in the digits it is written in."""

    __slots__ = ()


def _no_number(text: str) -> None:
    raise ValueError(text)


def parsed(line: str) -> Any:
    """A line's value with numbers as they stand, or None if the line is no JSON."""
    try:
        # As a float, a long card number would be another one.
        return json.loads(line, parse_int=Number, parse_float=Number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _row(number: int, written: dict[str, Any], key: str, line: str) -> Row:
    if key not in written:
        return Row(number, "", f"the object has no key {key!r}", line)
    value = written[key]
    if isinstance(value, Number):
        whole = number_written(value)
        if whole is not None:
            return Row(number, whole, None, line)
        reason = f"the number under {key!r} is not written in digits"
        return Row(number, str(value), reason, line)
    if isinstance(value, str):
        return Row(number, value.strip(), None, line)
    reason = f"under {key!r} is {_KINDS.get(type(value), 'nothing')}, no text"
    return Row(number, "", reason, line)


_KINDS: Final[dict[type, str]] = {bool: "a boolean", list: "a list", dict: "an object"}
