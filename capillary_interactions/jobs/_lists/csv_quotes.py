"""Recovers the rows that an unclosed quote of a CSV has swallowed.

Such a quote makes one cell of all that follows. It differs from a malformed cell of several lines
in that the lines in it look like rows.
"""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import chain, filterfalse, islice
from typing import Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.rows import BadRow
from capillary_interactions.jobs._lists.text import MAX_LINE

# One line in ten may look like something else than a row.
_ODD_LINES: Final = 10
_MAX_EXAMINED: Final = 1000
# With as many lines, and no rows in them, it stays unknown whether they are a cell's text.
_MAX_LINES: Final = 50
_MAX_CELL: Final = MAX_LINE + (1 << 17)
_LINES_AT_A_TIME: Final = 64
_FIRST_LINES: Final = 12
_MAX_REREAD: Final = 1 << 26
_UNCLOSED: Final = "a quote is opened and not closed"


class RecoverableLines:
    """The lines of a CSV's rows.

    Args:
        lines: The lines.
        delimiter: What separates their cells.
        width: How many cells a row should have.
        lines_before: Lines of the list before them.

    Attributes:
        row_lines: Those of the current row; cleared by the caller after each row.
        widths: How many cells a row may have; more than it should where they are empty.
    """

    def __init__(self, lines: Iterator[str], delimiter: str, width: int, lines_before: int) -> None:
        self.row_lines: list[str] = []
        self.widths = {width}
        self._lines = lines
        self._delimiter = delimiter
        self._lines_before = lines_before
        self._pushed_back: deque[str] = deque()
        self._size_pushed_back = 0
        self._swallows_rows = False
        # The limit is global: it is not lowered for other users of the csv module, and so it does
        # not bound a cell that never ends.
        csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))

    def remaining(self) -> Iterator[str]:
        """The lines still to be read; to be called again after `recover`."""
        lines = chain.from_iterable(self._bounded(chain(self._pop_pushed_back(), self._lines)))
        # `append` returns None, so that each line is recorded and passed on, in C.
        return filterfalse(self.row_lines.append, lines)

    def _pop_pushed_back(self) -> Iterator[str]:
        while self._pushed_back:
            yield self._pushed_back.popleft()

    def _bounded(self, source: Iterator[str]) -> Iterator[Iterator[str]]:
        """The lines, some at a time; raises csv.Error where the row is too long or a known trap."""
        counted, size = 0, 0
        while (line := next(source, None)) is not None:
            yield chain((line,), islice(source, _LINES_AT_A_TIME))
            if len(self.row_lines) < counted:
                counted, size = 0, 0
            size += sum(map(len, self.row_lines[counted:]))
            counted = len(self.row_lines)
            if size > _MAX_CELL:
                raise csv.Error("the row is too long")
            # Else each of many open quotes would read all lines that the first one has swallowed.
            many = self._pushed_back and counted > _LINES_AT_A_TIME
            if many and self._are_rows(self.row_lines[1:_FIRST_LINES]):
                self._swallows_rows = True
                raise csv.Error(_UNCLOSED)

    def recover(self, number: int, error: csv.Error, read: int) -> BadRow:
        """The rejected row for the current lines, of which the first may have swallowed the others.

        Args:
            number: The row's number.
            error: Why they cannot be parsed.
            read: Lines read since `remaining`.

        Raises:
            ListError: It cannot be known where the row ends.
        """
        first, last = self._lines_before + read - len(self.row_lines) + 1, self._lines_before + read
        others = self.row_lines[1:]
        swallows_rows, self._swallows_rows = self._swallows_rows, False
        if others and (swallows_rows or self._are_rows(others)):
            self._push_back(others)
            others, last = [], first
            error = csv.Error(_UNCLOSED)
        elif len(others) >= _MAX_LINES or sum(map(len, self.row_lines)) > MAX_LINE:
            raise ListError(
                f"the quote at {_span(first, first)} is closed wrongly or never, and what stands "
                f"in {_span(first, last)} can be rows or the text of a cell; mend it"
            )
        raw = "".join([self.row_lines[0], *others]).rstrip("\r\n")
        self.row_lines.clear()
        self._lines_before = last
        return BadRow(number, "", f"no CSV at {_span(first, last)}: {error}", raw=raw)

    def _are_rows(self, lines: list[str]) -> bool:
        examined = [line for line in islice(lines, _MAX_EXAMINED) if line.strip()]
        rows = (next(csv.reader([line], delimiter=self._delimiter)) for line in examined)
        return sum(len(cells) not in self.widths for cells in rows) * _ODD_LINES <= len(examined)

    def _push_back(self, lines: list[str]) -> None:
        self._pushed_back.extendleft(reversed(lines))
        self._size_pushed_back += sum(map(len, lines))
        # Against quadratic time: each line of a hostile file may swallow all the rest.
        if self._size_pushed_back > _MAX_REREAD:
            raise ListError("too many quotes in it are never closed; it is no CSV")


def _span(first: int, last: int) -> str:
    return f"line {last}" if first >= last else f"lines {first} to {last}"
