"""What is a row of a list, and how are rows read from lines of text?

Rows of data are numbered from 1; a blank line is no row and comes as None. A row that cannot be
read comes with the reason.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import orjson
from attrs import define, field

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions._text.masking import repr_masked
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.columns import DELIMITERS, is_type_line, separator_line
from capillary_interactions.jobs._lists.compression import uncompressed_suffix
from capillary_interactions.jobs._lists.formats import SUFFIXES, Format
from capillary_interactions.jobs._lists.single_column import (
    check_first_value,
    looks_like_identifier,
    refuse_drawn_table,
)

_MAX_EXAMINED: Final = 5
_MAX_NAME: Final = 200
_NAMES: Final = frozenset(IdentifierName)
_SEPARATORS: Final = " ,;\t"


@define  # not frozen: one is made for every row, and that would take three times as long
class Row:
    """One row of a list.

    Attributes:
        number: Which row of data, counted from 1.
        value: The customer's identifier as far as it could be read, stripped.
        reason: Why it could not be read, or None.
        cells: All cells of the row, as JSON: an array, or for JSON lines the object.
    """

    number: int
    value: str = field(repr=repr_masked)
    reason: str | None = None
    cells: str = field(default="[]", repr=False)


@define
class BadRow(Row):
    """A row that is not in its list's format and so has no cells; `raw` is its text."""

    raw: str = field(default="", repr=False)


Rows = Iterator[Row | None]


@define(kw_only=True)
class ListFormat:
    """What is known of a list before its rows are read, and its columns once they are found.

    Attributes:
        identifier: The type of identifier, which a column may be named like.
        column: The column (or key) that holds it, by name or number; None to have it found.
        format: The format of the list; None to find it by the first line.
        chosen: Whether the caller has given the format, and not the file's name.
        header: Whether a CSV's first line holds the columns' names.
        delimiter: What separates a CSV's columns; None to have it found.
        columns: The names of the columns, or of the keys so far; filled while the list is read.
        schema: The columns' types of Parquet and Arrow, as a serialized Arrow schema.
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
    return SUFFIXES.get(uncompressed_suffix(name))


def peek_line(lines: Iterable[str]) -> tuple[str, Iterable[str]]:
    """The first line that is not blank, or ""; and all lines."""
    source = iter(lines)
    read: list[str] = []
    for line in source:
        read.append(line)
        if line.strip():
            break
    return read[-1] if read else "", chain(read, source)


def detect_format(opening: str, wanted: ListFormat) -> Format:
    """The format of lines, by the first that is not blank."""
    if opening.lstrip().startswith("{"):
        return "jsonl"
    delimiters = (*DELIMITERS, wanted.delimiter or DELIMITERS[0])
    has_delimiter = any(map(opening.count, delimiters))
    if has_delimiter and not wanted.column and _is_one_value(opening, wanted.identifier):
        return "lines"
    # A list of another type of identifier has a header, too.
    is_name = len(opening) <= _MAX_NAME and clean_identifier(opening).casefold() in _NAMES
    # A name that continues on the next line.
    is_quoted = opening.lstrip().startswith('"') and opening.count('"') % 2 == 1
    is_preamble = separator_line(opening) is not None or is_type_line(opening)
    is_csv = wanted.column or has_delimiter or is_name or is_quoted or is_preamble
    return "csv" if is_csv else "lines"


def line_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of a list with one customer a line and nothing else."""
    wanted.columns[:] = [wanted.identifier]
    number, examining = 0, not wanted.chosen
    for line in lines:
        value = _without_separator(line)
        if not value:
            yield None
            continue
        number += 1
        if examining:
            if number == 1:
                check_first_value(value, wanted.identifier, "its first line")
            else:
                refuse_drawn_table(value, wanted.identifier, f"its line {number}")
            plausible = looks_like_identifier(value, wanted.identifier)
            examining = number < _MAX_EXAMINED and not plausible
        yield Row(number, value, None, cells_to_json([line.rstrip("\r\n")]))


def _is_one_value(line: str, identifier: str) -> bool:
    value = _without_separator(line)
    return looks_like_identifier(value, identifier) and not any(map(value.count, DELIMITERS))


def _without_separator(line: str) -> str:
    """A line's customer, without a comma that joins it to the next line's."""
    return line.strip().rstrip(_SEPARATORS)


def cells_to_json(cells: Sequence[str | None]) -> str:
    try:
        return orjson.dumps(cells).decode()
    except TypeError:  # some encodings, such as UTF-7, can encode a lone surrogate
        return orjson.dumps([cell and escape_unencodable(cell) for cell in cells]).decode()


def escape_unencodable(text: str) -> str:
    """The text with lone surrogates escaped, as UTF-8 has none."""
    return text.encode(errors="backslashreplace").decode()


def digits_of(text: str) -> str | None:
    """The digits of a number, or None if it is not written in digits.

    Tables with gaps are often written with .0 (or ,0) behind every number.
    """
    # Behind a decimal comma two zeros at most: three may be thousands.
    match = re.fullmatch(r"(\d+)(?:\.0+)?|(\d{5,}),00?", text, re.ASCII)
    return (match[1] or match[2]) if match else None
