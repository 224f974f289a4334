"""What a list holds, counted: rows, customers, duplicates, and why rows are rejected."""

from array import array
from typing import Final

from attrs import define, field

from capillary_interactions.jobs._lists.list_reader import Batch

_PARTS: Final = 256
_MAX_REASONS: Final = 100
_ROWS_NAMED: Final = 3
_OTHER_REASONS: Final = "other reasons"


@define
class RejectedRows:
    """Rows that cannot be asked for, all for the same reason.

    Attributes:
        count: How many.
        first_rows: The numbers of the first ones, counted from 1.
    """

    count: int = 0
    first_rows: list[int] = field(factory=list)

    def add(self, number: int) -> None:
        self.count += 1
        if len(self.first_rows) < _ROWS_NAMED:
            self.first_rows.append(number)


class ListTally:
    """Counts the batches of a list; ten million rows take 80 MB.

    Args:
        first: Rejected rows are counted among that many first ones, too.

    Attributes:
        rows: Rows of data.
        blank: Blank lines.
        rejected: Rejected rows by their reasons; beyond a hundred, the others are together.
        rejected_of_first: Rejected rows among the `first`.
        row_bytes: What all rows hold, as the job stores it.
    """

    def __init__(self, first: int) -> None:
        self.rows = 0
        self.blank = 0
        self.rejected: dict[str, RejectedRows] = {}
        self.rejected_of_first = 0
        self.row_bytes = 0
        self._first = first
        # Hashes of 64 bits in place of the customers: that two of ten million share one happens
        # once in 370,000 lists. In parts, as one set of them all would take ten times the memory.
        self._hashes = [array("q") for _ in range(_PARTS)]

    @property
    def customers(self) -> int:
        """Different customers as they are sent, each of which is asked for once."""
        return sum(len(set(part)) for part in self._hashes)

    @property
    def rejected_rows(self) -> int:
        return sum(rows.count for rows in self.rejected.values())

    @property
    def duplicates(self) -> int:
        """Rows whose customer stands in an earlier row, too."""
        return self.rows - self.rejected_rows - self.customers

    def add(self, batch: Batch) -> None:
        self.rows += len(batch.values)
        self.blank = batch.blank
        self.row_bytes += sum(map(len, batch.values)) + sum(map(len, batch.cells))
        hashes, reasons, sent = self._hashes, batch.reasons, batch.sent
        for index, value in enumerate(batch.values):
            if index in reasons:
                self._reject(batch.first + index, reasons[index])
            else:
                number = hash(sent.get(index, value))
                hashes[number % _PARTS].append(number)

    def _reject(self, number: int, reason: str) -> None:
        self.rejected_of_first += number <= self._first
        # A reason may be of this very row.
        if reason not in self.rejected and len(self.rejected) >= _MAX_REASONS:
            reason = _OTHER_REASONS
        self.rejected.setdefault(reason, RejectedRows()).add(number)
