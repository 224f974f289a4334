"""How are rows read from a CSV?"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain
from typing import Final

from capillary_interactions.jobs._columns import column_place, delimiter_of
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._rows import Row, Rows, Wanted, dumped

_LONGEST_HEADER: Final = 1 << 16


def csv_rows(lines: Iterable[str], wanted: Wanted) -> Rows:
    """Rows of a CSV.

    Raises:
        ListError: No column can be meant, or its header is none.
    """
    source = iter(lines)
    opening, blank, taken = _opening(source)
    for _ in range(blank):
        yield None
    if not opening:
        return
    delimiter = wanted.delimiter or delimiter_of(opening, wanted.column or wanted.identifier)
    names = next(csv.reader(StringIO(opening, newline=""), delimiter=delimiter))
    if not wanted.header:
        names = [f"column_{place}" for place in range(1, len(names) + 1)]
        source, taken = chain((opening,), source), blank
    place = column_place(names, wanted.identifier, wanted.column)
    wanted.columns[:] = names
    yield from _rows(source, delimiter, place, len(names), taken)


def _rows(lines: Iterator[str], delimiter: str, place: int, width: int, before: int) -> Rows:
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
                yield _row(number, cells, place, width)
        seen = reader.line_num


def _opening(lines: Iterator[str]) -> tuple[str, int, int]:
    """The first row's text, which may go over several lines, and the lines before and with it."""
    text, blank, taken = "", 0, 0
    for line in lines:
        taken += 1
        if not text and not line.strip():
            blank += 1
            continue
        text += line
        if text.count('"') % 2 == 0:
            return text, blank, taken
        if len(text) > _LONGEST_HEADER:
            break
    if text:
        raise ListError("a quote in its header is never closed")
    return "", blank, taken


def _is_blank(cells: list[str]) -> bool:
    """Whether a line held nothing; a pair of quotes is an empty cell, and that is something."""
    return not cells or (len(cells) == 1 and cells[0].isspace())


def _row(number: int, cells: list[str], place: int, width: int) -> Row:
    value = cells[place].strip() if place < len(cells) else ""
    reason = None
    if len(cells) != width:
        reason = f"the row has {len(cells)} {_noun(len(cells))}, the header {width}"
    return Row(number, value, reason, dumped(cells))  # type: ignore[arg-type] # it only reads


def _noun(count: int) -> str:
    return "cell" if count == 1 else "cells"


def _span(first: int, last: int) -> str:
    return f"line {last}" if first >= last else f"lines {first} to {last}"
