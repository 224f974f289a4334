"""How are rows read from a CSV?"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain
from typing import Final

from capillary_interactions.jobs._columns import column_place, delimiter_of
from capillary_interactions.jobs._csv_quotes import CsvLines
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._rows import Row, Rows, Wanted, dumped

_LONGEST_HEADER: Final = 1 << 16


def csv_rows(lines: Iterable[str], wanted: Wanted) -> Rows:
    """Rows of a CSV.

    Raises:
        ListError: No column can be meant, or its header is none.
    """
    source = iter(lines)
    opening, blank = _opening(source, header=wanted.header)
    for _ in range(blank):
        yield None
    if not opening:
        return
    text = "".join(opening)
    delimiter = wanted.delimiter or delimiter_of(text, wanted.column or wanted.identifier)
    names = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    before = blank + len(opening)
    if not wanted.header:
        names = [f"column_{place}" for place in range(1, len(names) + 1)]
        source, before = chain(opening, source), blank
    place = column_place(names, wanted.identifier, wanted.column)
    wanted.columns[:] = names
    yield from _rows(CsvLines(source, delimiter, len(names), before), delimiter, place, len(names))


def _rows(lines: CsvLines, delimiter: str, place: int, width: int) -> Rows:
    number, held = 0, lines.held
    while True:
        # Strict, or a quote that is never closed would swallow all the rows after it.
        reader = csv.reader(lines.anew(), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                held.clear()
                if _is_blank(cells):
                    yield None
                else:
                    number += 1
                    yield _row(number, cells, place, width)
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
        if quotes % 2 == 0:
            return taken, blank
        if size > _LONGEST_HEADER:
            break
    if taken and header:
        raise ListError("a quote in its header is never closed")
    return taken, blank


def _is_blank(cells: list[str]) -> bool:
    """Whether a line held nothing; a pair of quotes is an empty cell, and that is something."""
    return not cells or (len(cells) == 1 and cells[0].isspace())


def _row(number: int, cells: list[str], place: int, width: int) -> Row:
    value = cells[place].strip() if place < len(cells) else ""
    reason = None
    if len(cells) != width:
        reason = f"the row has {len(cells)} {_noun(len(cells))}, the header {width}"
    return Row(number, value, reason, dumped(cells))


def _noun(count: int) -> str:
    return "cell" if count == 1 else "cells"
