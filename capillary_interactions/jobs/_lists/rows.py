"""What is a row of a list, and how are rows read from lines of text?

Pure: one row at a time. Rows of data are numbered from 1; a blank line is no row and comes as
None. A row that cannot be read comes with the reason why.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import PurePath
from typing import Final, Literal, get_args

import orjson
from attrs import define, field

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions._text.masking import repr_masked
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.columns import DELIMITERS, is_type_line, separator_line
from capillary_interactions.jobs._lists.single_column import (
    check_first_value,
    looks_like_identifier,
    refuse_drawn_table,
)

Format = Literal["csv", "jsonl", "lines", "parquet", "arrow"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_LOOKED_AT: Final = 5
_MAX_NAME: Final = 200
_NAMES: Final = frozenset(IdentifierName)
_JOINS: Final = " ,;\t"
_PACKED: Final = frozenset({".gz", ".zst"})


@define  # not frozen: one is made for every row, and that would take three times as long
class Row:
    """One row of a list.

    Attributes:
        number: Which row of data, counted from 1.
        value: The customer's identifier as far as it could be read, without spaces around it.
        reason: Why it could not be read, or None.
        cells: Everything that stood in the row, as JSON: an array, or for JSON lines the object.
    """

    number: int
    value: str = field(repr=repr_masked)
    reason: str | None = None
    cells: str = field(default="[]", repr=False)


@define
class BadRow(Row):
    """One row that is not written as its list is, and so has no cells.

    Attributes:
        raw: Its text.
    """

    raw: str = field(default="", repr=False)


Rows = Iterator[Row | None]


@define(kw_only=True)
class ListFormat:
    """What is known of a list before its rows are, and its columns once they are found.

    Attributes:
        identifier: The kind of identifier, which a column may be named like.
        column: The column (or key) that holds it, by name or number; None to have it found.
        format: How the list is written; None to tell by its first line.
        chosen: Whether the caller has said how it is written, and not the file's name.
        header: Whether a CSV's first line holds the columns' names.
        delimiter: What separates a CSV's columns; None to have it found.
        columns: The names of the columns, or of the keys so far; filled while the list is read.
        schema: For Parquet and Arrow, the columns' types, as the format itself writes them.
    """

    identifier: str
    column: str | None = None
    format: Format | None = None
    chosen: bool = False
    header: bool = True
    delimiter: str | None = None
    columns: list[str] = field(factory=list)
    schema: bytes | None = None


def format_from_name(name: str) -> Format | None:
    """How a file of this name is written, if its suffix tells."""
    path = PurePath(name.lower())
    return _SUFFIXES.get((path.with_suffix("") if path.suffix in _PACKED else path).suffix)


def peek_line(lines: Iterable[str]) -> tuple[str, Iterable[str]]:
    """The first line that is not blank, or ""; and the lines, none missing."""
    source = iter(lines)
    before: list[str] = []
    for line in source:
        before.append(line)
        if line.strip():
            break
    return before[-1] if before else "", chain(before, source)


def detect_format(opening: str, wanted: ListFormat) -> Format:
    """How lines are written, by the first that is not blank."""
    if opening.lstrip().startswith("{"):
        return "jsonl"
    # A list of another kind of identifier has a header, too.
    named = len(opening) <= _MAX_NAME and clean_identifier(opening).casefold() in _NAMES
    split = any(each in opening for each in (wanted.delimiter, *DELIMITERS) if each)
    # A name that goes on in the next line.
    quoted = opening.lstrip().startswith('"') and opening.count('"') % 2 == 1
    separator = separator_line(opening) is not None or is_type_line(opening)
    if split and not wanted.column and _is_one(_ended(opening), wanted.identifier):
        return "lines"
    return "csv" if wanted.column or named or split or quoted or separator else "lines"


def line_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of a list that has one customer a line and nothing else."""
    wanted.columns[:] = [wanted.identifier]
    number, looking = 0, not wanted.chosen
    for line in lines:
        value = _ended(line)
        if not value:
            yield None
            continue
        number += 1
        if looking:
            _check_opening(value, wanted.identifier, number)
            looking = number < _LOOKED_AT and not looks_like_identifier(value, wanted.identifier)
        yield Row(number, value, None, cells_to_json([line.rstrip("\r\n")]))


def _is_one(value: str, identifier: str) -> bool:
    return looks_like_identifier(value, identifier) and not any(
        each in value for each in DELIMITERS
    )


def _ended(line: str) -> str:
    """A line's customer, without the comma that joins it to the next line's."""
    return line.strip().rstrip(_JOINS)


def _check_opening(value: str, identifier: str, number: int) -> None:
    if number == 1:
        check_first_value(value, identifier, "its first line")
    else:
        refuse_drawn_table(value, identifier, f"its line {number}")


def cells_to_json(cells: Sequence[str | None]) -> str:
    """Cells as they are kept."""
    try:
        return orjson.dumps(cells).decode()
    except TypeError:  # some encodings, such as UTF-7, can write half a character
        return orjson.dumps([cell and escape_unencodable(cell) for cell in cells]).decode()


def escape_unencodable(value: str) -> str:
    """A text that can be encoded; what cannot is shown by its number."""
    return value.encode(errors="backslashreplace").decode()


def digits_of(text: str) -> str | None:
    """The digits of a number as it stands in a list, or None if it is not written in digits.

    Tables with gaps are often written with .0 (or ,0) behind every number.
    """
    # Behind a decimal comma two zeros at most, for three may be thousands.
    whole = re.fullmatch(r"(\d+)(?:\.0+)?|(\d{5,}),00?", text, re.ASCII)
    return (whole[1] or whole[2]) if whole else None
