"""Which customers does a list name? Readers of CSV, JSON lines and plain lines.

Pure: from lines of text to rows, one at a time. Rows of data are numbered from 1; a blank line is
no row and comes as None. A row that cannot be read comes with the reason why.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain
from pathlib import PurePath
from typing import Any, Final, Literal, get_args

from attrs import field, frozen

from capillary_interactions._masking import show_masked
from capillary_interactions.cli._columns import DELIMITERS, column_place, delimiter_of
from capillary_interactions.cli._report import count
from capillary_interactions.cli._text import ListError

Format = Literal["csv", "jsonl", "lines"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_LONGEST_HEADER: Final = 1 << 16


@frozen
class Row:
    """One row of a list.

    Attributes:
        number: Which row of data, counted from 1.
        value: The customer's identifier as far as it could be read, without spaces around it.
        reason: Why it could not be read, or None.
    """

    number: int
    value: str = field(repr=show_masked)
    reason: str | None = None


Rows = Iterator[Row | None]


def read_rows(
    lines: Iterable[str], form: Format | None, identifier: str, column: str | None = None
) -> Rows:
    """The rows of a list.

    Args:
        lines: Its lines, with their ends.
        form: How it is written; None to tell by its first line.
        identifier: The kind of identifier, which a column may be named like.
        column: The column (or the key) that holds it; None for the one that must be meant.

    Raises:
        ListError: No column can be meant, or the list is not written so.
    """
    first = (line for line in lines if line.strip())
    if form is None:
        opening = next(first, "")
        form = _guessed(opening, identifier, column)
        lines = chain((opening,), lines) if opening else ()
    if form == "csv":
        return _csv_rows(iter(lines), identifier, column)
    if form == "jsonl":
        return _jsonl_rows(lines, identifier, column)
    return _plain_rows(lines)


def form_of(name: str) -> Format | None:
    """How a file of this name is written, if its suffix tells."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def _guessed(opening: str, identifier: str, column: str | None) -> Format:
    if opening.lstrip().startswith("{"):
        return "jsonl"
    named = opening.strip().strip('"').casefold() == identifier.casefold()
    return "csv" if column or named or any(each in opening for each in DELIMITERS) else "lines"


def _plain_rows(lines: Iterable[str]) -> Rows:
    number = 0
    for line in lines:
        value = line.strip()
        if not value:
            yield None
            continue
        number += 1
        yield Row(number, value)


def _csv_rows(lines: Iterator[str], identifier: str, column: str | None) -> Rows:
    header, before = _header(lines)
    if not header:
        return
    delimiter = delimiter_of(header, column or identifier)
    names = next(csv.reader(StringIO(header, newline=""), delimiter=delimiter))
    place = column_place(names, identifier, column)
    # Strict, or a quote that is never closed would swallow all the rows after it without a word.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, seen = 0, 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            number += 1
            at = _span(before + seen + 1, before + reader.line_num)
            yield Row(number, "", f"no CSV at {at}: {wrong}")
        else:
            if _is_blank(cells):
                yield None
            else:
                number += 1
                yield _csv_row(number, cells, place, len(names))
        seen = reader.line_num


def _header(lines: Iterator[str]) -> tuple[str, int]:
    """The header's text, which may go over several lines, and how many lines that took."""
    text, taken = "", 0
    for line in lines:
        taken += 1
        if not text and not line.strip():
            continue
        text += line
        if text.count('"') % 2 == 0:
            return text, taken
        if len(text) > _LONGEST_HEADER:
            break
    if text:
        raise ListError("a quote in its header is never closed")
    return "", taken


def _is_blank(cells: list[str]) -> bool:
    """Whether a line held nothing; a pair of quotes is an empty cell, and that is something."""
    return not cells or (len(cells) == 1 and cells[0].isspace())


def _csv_row(number: int, cells: list[str], place: int, width: int) -> Row:
    value = cells[place].strip() if place < len(cells) else ""
    if len(cells) != width:
        return Row(number, value, f"the row has {count(len(cells), 'cell')}, the header {width}")
    return Row(number, value)


def _span(first: int, last: int) -> str:
    return f"line {last}" if first >= last else f"lines {first} to {last}"


def _jsonl_rows(lines: Iterable[str], identifier: str, column: str | None) -> Rows:
    number, key = 0, ""
    for line in lines:
        if not line.strip():
            yield None
            continue
        number += 1
        written = _parsed(line)
        if not isinstance(written, dict):
            yield Row(number, "", "the line is no JSON object")
            continue
        if not key:
            names = list(written)
            key = names[column_place(names, identifier, column)]
        yield _jsonl_row(number, written, key)


class _Number(str):
    __slots__ = ()


def _no_number(text: str) -> None:
    raise ValueError(text)


def _parsed(line: str) -> Any:
    try:
        # Digits as they stand: as a float, a long card number would be another one.
        return json.loads(line, parse_int=_Number, parse_float=_Number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _jsonl_row(number: int, written: dict[str, Any], key: str) -> Row:
    if key not in written:
        return Row(number, "", f"the object has no key {key!r}")
    value = written[key]
    if isinstance(value, _Number):
        # Tables with gaps are often written with .0 behind every number.
        whole = re.fullmatch(r"(\d+)(?:\.0+)?", value)
        return (
            Row(number, whole[1])
            if whole
            else Row(number, str(value), f"the number under {key!r} is not written in digits")
        )
    if isinstance(value, str):
        return Row(number, value.strip())
    return Row(number, "", f"under {key!r} is {_KINDS.get(type(value), 'nothing')}, no text")


_KINDS: Final[dict[type, str]] = {bool: "a boolean", list: "a list", dict: "an object"}
