"""How are rows read from a CSV?"""

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

_LONGEST_HEADER: Final = 1 << 16
# Characters; it is read once for each delimiter that may be meant.
_MAX_HEADER: Final = 1 << 21
_END_OF_FILE: Final = "\x1a"
_NO_NAME: Final = "\n\n"  # no cell ends so when the spaces around it are gone
_REPEATED: Final = "the row repeats the header"


@frozen
class _Head:
    """What stands above a CSV's rows.

    Attributes:
        lines: The lines of the first row, mostly one; none in an empty list.
        blank: Blank lines before it.
        delimiter: What a line of a spreadsheet's own names as the delimiter, or None.
        before: Lines before the first row.
    """

    lines: list[str]
    blank: int
    delimiter: str | None
    before: int


@frozen
class _Table:
    """What a row of a CSV should look like.

    Attributes:
        names: Its columns, without what is not seen of their names.
        place: Where the customer stands.
        like: What gives the number of columns.
    """

    names: list[str]
    place: int
    like: str

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def name(self) -> str:
        """The name of the customers' column, by which the header is known again."""
        return self.names[self.place] if self.like == "the header" else _NO_NAME


def csv_rows(lines: Iterable[str], wanted: ListFormat) -> Rows:
    """Rows of a CSV.

    Raises:
        ListError: No column can be meant, or its header is none.
    """
    source = iter(lines)
    head = _head(source, header=wanted.header)
    yield from repeat(None, head.blank)
    if not head.lines:
        return
    text = "".join(head.lines)
    given = wanted.delimiter or head.delimiter
    delimiter = given or detect_delimiter(text, wanted.column or wanted.identifier)
    names = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    before = head.before + len(head.lines)
    if not wanted.header:
        names = [f"column_{place}" for place in range(1, len(names) + 1)]
        source, before = chain(head.lines, source), head.before
    place = find_column(names, wanted.identifier, wanted.column)
    wanted.columns[:] = names
    if wanted.header:
        # A blank line in place of it: no customer, and the lines are counted as they stand.
        source = chain(("\n" if is_rule(line) else line for line in islice(source, 1)), source)
    if wanted.column is None and not is_named(names, wanted.identifier):
        source = check_while_reading(source, text, wanted.identifier)
    table = _Table(
        list(map(clean, names)), place, "the header" if wanted.header else "the first row"
    )
    yield from _rows(RecoverableLines(source, delimiter, len(names), before), delimiter, table)


def _head(source: Iterator[str], *, header: bool) -> _Head:
    taken, blank = _opening(source, header=header)
    delimiter, notes = None, 0
    if len(taken) == 1 and is_type_line(taken[0]):
        taken, more = _opening(source, header=header)
        blank, notes = blank + more, notes + 1
    if len(taken) == 1:
        delimiter = separator_line(taken[0])
    if delimiter is not None:
        taken, more = _opening(source, header=header)
        blank, notes = blank + more, notes + 1
    return _Head(taken, blank, delimiter, blank + notes)


def _rows(lines: RecoverableLines, delimiter: str, table: _Table) -> Rows:
    number, held, place, width, name = 0, lines.held, table.place, table.width, table.name
    while True:
        # Strict, or a quote that is never closed would swallow all the rows after it.
        reader = csv.reader(lines.anew(), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                held.clear()
                value = cells[place].strip() if len(cells) == width else ""
                if value and not value.endswith(name):
                    number += 1
                    yield Row(number, value, None, cells_to_json(cells))
                elif _is_blank(cells, width):
                    yield None
                else:
                    number += 1
                    yield _odd(number, cells, table, lines)
        except csv.Error as wrong:
            number += 1
            yield lines.mended(number, wrong, reader.line_num)
        else:
            return


def _opening(lines: Iterator[str], *, header: bool) -> tuple[list[str], int]:
    """The lines of the first row, mostly one, and how many blank lines were before it."""
    taken: list[str] = []
    blank, quotes, size = 0, 0, 0
    for line in lines:
        if not taken and not line.strip():
            blank += 1
            continue
        taken.append(line)
        quotes += line.count('"')
        size += len(line)
        if size > _MAX_HEADER:
            raise ListError(f"its first row is longer than {_MAX_HEADER:,} characters; no list?")
        if quotes % 2 == 0:
            return taken, blank
        if size > _LONGEST_HEADER:
            break
    if taken and header:
        raise ListError("a quote in its header is never closed")
    return taken, blank


def _is_blank(cells: list[str], width: int) -> bool:
    """Whether a line held nothing, or nothing but empty cells.

    Where there is one column, a pair of quotes is an empty cell, and that is something.
    """
    if cells in ([""], [_END_OF_FILE]):
        return width > 1 or bool(cells[0])
    return not any(map(str.strip, cells))


def _odd(number: int, cells: list[str], table: _Table, lines: RecoverableLines) -> Row:
    """A row that is ragged, has no customer, or repeats the header."""
    count, width = len(cells), table.width
    has_more = any(map(str.strip, cells[width:]))
    value = cells[table.place].strip() if table.place < count else ""
    if has_more or table.place >= count:
        reason = f"the row has {count} {_noun(count)}, {table.like} {width}"
        return Row(number, value, reason, cells_to_json(cells))
    if count > width:
        lines.widths.add(count)
    # Spreadsheets leave empty cells at the end of a row out, or write more of them.
    cells = [*cells[:width], *repeat("", width - count)]
    # Behind the mark of a file that was appended to another, for instance.
    is_header = table.name != _NO_NAME and list(map(clean, cells)) == table.names
    return Row(number, value, _REPEATED if is_header else None, cells_to_json(cells))


def _noun(count: int) -> str:
    return "cell" if count == 1 else "cells"
