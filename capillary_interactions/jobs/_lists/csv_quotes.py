"""What has a wrong quote swallowed? Lines of a CSV that can be taken back and read anew.

A quote that is never closed makes one cell of all that follows. What tells it from a broken cell
of several lines is that the lines in it look like rows.
"""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import chain, filterfalse, islice
from typing import Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.rows import BadRow
from capillary_interactions.jobs._lists.text import MAX_LINE

# Of so many lines one may look like something else than a row.
_ODD: Final = 10
_LOOKED_AT: Final = 1000
# No cell has more lines; where they are no rows either, nobody can tell what they are.
_MOST_LINES: Final = 50
_LONGEST_CELL: Final = MAX_LINE + (1 << 17)
_PIECE: Final = 64
_FEW: Final = 12
_MOST_AGAIN: Final = 1 << 26


class RecoverableLines:
    """The lines of a CSV that hold its rows.

    Args:
        lines: The lines.
        delimiter: What separates their cells.
        width: How many cells a row should have.
        before: Lines of the list before them.

    Attributes:
        held: Those of the row that is being read; whoever has read the row clears them.
        widths: How many cells a row may have: more than it should where they are empty.
    """

    def __init__(self, lines: Iterator[str], delimiter: str, width: int, before: int) -> None:
        self.held: list[str] = []
        self._lines = lines
        self._delimiter = delimiter
        self.widths = {width}
        self._before = before
        self._again: deque[str] = deque()
        self._size_again = 0
        self._are_rows_again = False
        # One limit for all of Python: what somebody else has set is not made smaller, and so it
        # is no guard against a cell that never ends.
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))

    def anew(self) -> Iterator[str]:
        """The lines that are still to be read; to be asked for again after `mended`."""
        pieces = chain.from_iterable(self._pieces(chain(self._taken_back(), self._lines)))
        # `append` returns None, so that every line is kept and goes on, at the speed of C.
        return filterfalse(self.held.append, pieces)

    def _taken_back(self) -> Iterator[str]:
        while self._again:
            yield self._again.popleft()

    def _pieces(self, source: Iterator[str]) -> Iterator[Iterator[str]]:
        """The lines, some at a time, with a look between them at how long the row is.

        Raises:
            csv.Error: It is too long, or swallows rows that an earlier quote has swallowed, too.
        """
        counted, size = 0, 0
        while (line := next(source, None)) is not None:
            yield chain((line,), islice(source, _PIECE))
            if len(self.held) < counted:
                counted, size = 0, 0
            size += sum(map(len, self.held[counted:]))
            counted = len(self.held)
            if size > _LONGEST_CELL:
                raise csv.Error("the row is too long")
            # Else each of many open quotes would be read to the end of what the first one took.
            if self._again and counted > _PIECE and self._are_rows(self.held[1:_FEW]):
                self._are_rows_again = True
                raise csv.Error("a quote is opened and not closed")

    def mended(self, number: int, wrong: csv.Error, read: int) -> BadRow:
        """The row for lines that are no CSV, of which the first may have swallowed the others.

        Args:
            number: The row's number.
            wrong: What Python says of them.
            read: Lines read since `anew`.

        Raises:
            ListError: Nobody can tell where the row ends.
        """
        first, last = self._before + read - len(self.held) + 1, self._before + read
        others = self.held[1:]
        are_rows, self._are_rows_again = self._are_rows_again, False
        if others and (are_rows or self._are_rows(others)):
            self._take_back(others)
            others, last = [], first
            wrong = csv.Error("a quote is opened and not closed")
        elif len(others) >= _MOST_LINES or sum(map(len, self.held)) > MAX_LINE:
            raise ListError(
                f"the quote at {_span(first, first)} is closed wrongly or never, and what stands "
                f"in {_span(first, last)} can be rows or the text of a cell; mend it"
            )
        raw = "".join([self.held[0], *others])
        self.held.clear()
        self._before = last
        reason = f"no CSV at {_span(first, last)}: {wrong}"
        return BadRow(number, "", reason, raw=raw.rstrip("\r\n"))

    def _are_rows(self, lines: list[str]) -> bool:
        some = [line for line in islice(lines, _LOOKED_AT) if line.strip()]
        cells = (next(csv.reader([line], delimiter=self._delimiter)) for line in some)
        return sum(len(each) not in self.widths for each in cells) * _ODD <= len(some)

    def _take_back(self, lines: list[str]) -> None:
        self._again.extendleft(reversed(lines))
        self._size_again += sum(map(len, lines))
        # Or lines made for it would be read as often as there are lines.
        if self._size_again > _MOST_AGAIN:
            raise ListError("so many quotes in it are never closed that it is no CSV")


def _span(first: int, last: int) -> str:
    return f"line {last}" if first >= last else f"lines {first} to {last}"
