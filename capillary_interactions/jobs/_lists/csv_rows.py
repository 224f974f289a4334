"""Reads rows from a CSV."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain, islice, repeat
from typing import Final

from attrs import frozen

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.clean_text import clean
from capillary_interactions.jobs._lists.columns import (
    detect_delimiter,
    find_column,
    is_named,
    is_rule,
    is_type_line,
    separator_line,
)
from capillary_interactions.jobs._lists.csv_quotes import RecoverableLines
from capillary_interactions.jobs._lists.rows import ListFormat, Row, Rows, cells_to_json
from capillary_interactions.jobs._lists.single_column import check_while_reading

_MAX_QUOTED_HEADER: Final = 1 << 16
# Characters; it is parsed once for each possible delimiter.
_MAX_HEADER: Final = 1 << 21
_END_OF_FILE: Final = "\x1a"
_NO_NAME: Final = "\n\n"  # no stripped cell ends so
_REPEATED: Final = "the row repeats the header"


@frozen
class _Head:
    """The lines before and of the first row; `delimiter` is that of a line such as `sep=;`."""

    lines: list[str]
    blank: int
    delimiter: str | None
    lines_before: int


@frozen
class _Table:
    """The columns of a CSV; `origin` is what defines their number: the header or the first row."""

    names: list[str]
    column: int
    origin: str

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def column_name(self) -> str:
        return self.names[self.column] if self.origin == "the header" else _NO_NAME


def csv_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of a CSV; a `ListError` if no column can be meant, or its header is none."""
    source = iter(lines)
    head = _read_head(source, header=wanted.header)
    yield from repeat(None, head.blank)
    if not head.lines:
        return
    text = "".join(head.lines)
    delimiter = wanted.delimiter or head.delimiter
    delimiter = delimiter or detect_delimiter(text, wanted.column or wanted.identifier)
    names = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    lines_before = head.lines_before + len(head.lines)
    if not wanted.header:
        names = [f"column_{number}" for number in range(1, len(names) + 1)]
        source, lines_before = chain(head.lines, source), head.lines_before
    column = find_column(names, wanted.identifier, wanted.column)
    wanted.columns[:] = names
    if wanted.header:
        # Replaced by a blank line, so that lines are still counted.
        source = chain(("\n" if is_rule(line) else line for line in islice(source, 1)), source)
    if wanted.column is None and not is_named(names, wanted.identifier):
        source = check_while_reading(source, text, wanted.identifier)
    origin = "the header" if wanted.header else "the first row"
    table = _Table([clean(name) for name in names], column, origin)
    recoverable = RecoverableLines(source, delimiter, len(names), lines_before)
    yield from _rows(recoverable, delimiter, table)


def _read_head(source: Iterator[str], *, header: bool) -> _Head:
    first, blank = _first_row(source, header=header)
    delimiter, notes = None, 0
    if len(first) == 1 and is_type_line(first[0]):
        first, more = _first_row(source, header=header)
        blank, notes = blank + more, notes + 1
    if len(first) == 1:
        delimiter = separator_line(first[0])
    if delimiter is not None:
        first, more = _first_row(source, header=header)
        blank, notes = blank + more, notes + 1
    return _Head(first, blank, delimiter, blank + notes)


def _rows(lines: RecoverableLines, delimiter: str, table: _Table) -> Rows:
    number, row_lines, column = 0, lines.row_lines, table.column
    width, name = table.width, table.column_name
    while True:
        # Strict: else a quote that is never closed would swallow all rows after it.
        reader = csv.reader(lines.remaining(), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                row_lines.clear()
                value = cells[column].strip() if len(cells) == width else ""
                if value and not value.endswith(name):
                    number += 1
                    yield Row(number, value, None, cells_to_json(cells))
                elif _is_blank(cells, width):
                    yield None
                else:
                    number += 1
                    yield _irregular_row(number, cells, table, lines)
        except csv.Error as error:
            number += 1
            yield lines.recover(number, error, reader.line_num)
        else:
            return


def _first_row(lines: Iterator[str], *, header: bool) -> tuple[list[str], int]:
    """The lines of the first row, and the number of blank lines before it."""
    row: list[str] = []
    blank, quotes, size = 0, 0, 0
    for line in lines:
        if not row and not line.strip():
            blank += 1
            continue
        row.append(line)
        quotes += line.count('"')
        size += len(line)
        if size > _MAX_HEADER:
            raise ListError(f"its first row is longer than {_MAX_HEADER:,} characters; no list?")
        if quotes % 2 == 0:
            return row, blank
        if size > _MAX_QUOTED_HEADER:
            break
    if row and header:
        raise ListError("a quote in its header is never closed")
    return row, blank


def _is_blank(cells: list[str], width: int) -> bool:
    """Whether all cells are empty; in a single column, a pair of quotes is a cell."""
    if cells in ([""], [_END_OF_FILE]):
        return width > 1 or bool(cells[0])
    return not any(map(str.strip, cells))


def _irregular_row(number: int, cells: list[str], table: _Table, lines: RecoverableLines) -> Row:
    """A row that is ragged, has no customer, or repeats the header."""
    count, width = len(cells), table.width
    has_more = any(map(str.strip, cells[width:]))
    value = cells[table.column].strip() if table.column < count else ""
    if has_more or table.column >= count:
        noun = "cell" if count == 1 else "cells"
        reason = f"the row has {count} {noun}, {table.origin} {width}"
        return Row(number, value, reason, cells_to_json(cells))
    if count > width:
        lines.widths.add(count)
    # Spreadsheets omit empty cells at the end of a row, or write more of them.
    cells = [*cells[:width], *repeat("", width - count)]
    # Where a file was appended to another, its header is preceded by a byte-order mark.
    is_header = table.column_name != _NO_NAME and list(map(clean, cells)) == table.names
    return Row(number, value, _REPEATED if is_header else None, cells_to_json(cells))
