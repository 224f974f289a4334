"""How does a list become batches that can be kept, from where an earlier reading has stopped?"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from typing import IO, Any, Final

from attrs import field, frozen

from capillary_interactions.jobs._errors import JobChangedError, ListError, NoListError
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.query_template import QueryTemplate, escape_unencodable
from capillary_interactions.jobs._lists.rows import BadRow, ListFormat, Row, Rows, cells_to_json
from capillary_interactions.jobs._lists.source_file import (
    check_unmodified,
    describe_change,
    is_regular_file,
)

# Few at first, so that the first request leaves soon.
_FIRST: Final = 200
# Then many, for a thread that keeps a batch stops the event loop at each step of it.
_BATCH: Final = 4000
# Or what so many reads have given (64 KiB each, of text): rows may be wide.
_READS: Final = 8


@frozen(kw_only=True)
class Batch:
    """Some rows of a list, one after the other.

    Attributes:
        first: The number of the first of them.
        values: Their customers, as far as there is one in a row.
        cells: Everything in each of them, as JSON.
        reasons: Why some of them cannot be asked, by their places from 0.
        blank: Blank lines before and between them that no earlier batch has counted.
        digest: The fingerprint of the list up to the last of them.
        columns: The names of the columns so far.
        schema: The types of the columns, where the format has any.
        format: How the list is written.
        last: Whether there is no more.
    """

    first: int
    values: list[str] = field(repr=False)
    cells: list[str] = field(repr=False)
    reasons: Mapping[int, str]
    blank: int
    digest: str
    columns: tuple[str, ...]
    schema: bytes | None
    format: str
    last: bool

    @property
    def end(self) -> int:
        """The number of the row behind the last of them."""
        return self.first + len(self.values)

    def rows(self) -> Iterator[Row]:
        """The rows; those with a reason cannot be asked."""
        for place, (value, cells) in enumerate(zip(self.values, self.cells, strict=True)):
            yield Row(self.first + place, value, self.reasons.get(place), cells)


@frozen(kw_only=True)
class ReadPosition:
    """How far a list has been read.

    Attributes:
        rows: Rows read.
        digest: The fingerprint of the list up to there.
        whole: Whether that was all.
    """

    rows: int = 0
    digest: str = ""
    whole: bool = False


class ListReader:
    """Reads one list once; all of it runs in the thread that reads.

    Args:
        customers: The list.
        template: What is asked of each row.
        bookmark: How far it was read before; what is before that is compared, and not given again.
        fingerprint: What the list's file looked like then, or None if that is not known.

    Attributes:
        fingerprint: What the file looks like that is read, once it is opened; None for a pipe.
    """

    def __init__(
        self,
        customers: CustomerList,
        template: QueryTemplate,
        bookmark: ReadPosition | None = None,
        fingerprint: dict[str, Any] | None = None,
    ) -> None:
        self.fingerprint: dict[str, Any] | None = None
        self._fingerprint_before = fingerprint
        self._customers = customers
        self._template = template
        self._bookmark = bookmark or ReadPosition()
        self._hash = hashlib.blake2b(digest_size=16)
        self._unhashed: list[str] = []
        self._wanted: ListFormat | None = None
        self._begin()
        self._blank = 0
        self._blank_since = 0
        self._number = 0
        self._patient = False
        self._put: Callable[[Batch], None]

    def read(self, put: Callable[[Batch], None]) -> None:
        """Read, and give away what is new.

        Raises:
            ListError: It cannot be read, or not any further.
            JobChangedError: It is not the list of the bookmark.
        """
        self._put = put
        file = self._customers.open()
        self._patient = is_regular_file(file)
        try:
            # A file that the caller has opened is the caller's to close.
            with nullcontext() if self._customers.path is None else closing(file):
                self._see(file)
                self._wanted, rows = self._customers.rows(file, self._before_read)
                self._take(rows)
                self._check_end(file)
            self._finish()
        except OSError as failed:
            self._hand_on()
            raise ListError(
                f"{self._customers.name} cannot be read: {failed.strerror or failed}"
            ) from None
        except ListError as wrong:
            if isinstance(wrong, NoListError):
                self._begin()
            self._hand_on()
            raise ListError(f"{self._customers.name}: {wrong}") from None

    def _see(self, file: IO[bytes]) -> None:
        """Look at the very file that is read: its path may soon be another one's."""
        self.fingerprint = self._customers.fingerprint_of(file)
        if self.fingerprint is not None and self._fingerprint_before is not None:
            how = describe_change(self._fingerprint_before, self.fingerprint)
            if how is not None:
                raise _changed(self._customers, how)

    def _check_end(self, file: IO[bytes]) -> None:
        if self.fingerprint is None:
            return
        try:
            check_unmodified(file, self.fingerprint)
        except ListError:
            self._begin()  # the last row of these may be half of one
            raise

    def _take(self, rows: Rows) -> None:
        # As few calls as can be: there may be millions of rows, and they share a lock with lookups.
        mark, unhashed, is_plain = self._bookmark, self._unhashed, self._template.is_plain
        for row in rows:
            if self._number < mark.rows:
                self._pass(row)
                continue
            if row is None:
                self._blank_since += 1
                continue
            if mark.whole:
                raise _changed(self._customers, f"it had {mark.rows:,} rows, and has more")
            self._number = number = row.number
            unhashed.append(row.cells)
            value = row.value
            if row.reason is None and is_plain(value):
                self._values.append(value)
                self._cells.append(row.cells)
            else:
                self._keep(row)
            if self._blank_since:
                # Counted with the row behind them, or a second reading might count them twice.
                self._blank, self._blank_since = self._blank + self._blank_since, 0
            if len(self._values) >= (_FIRST if number <= _FIRST else _BATCH):
                self._hand_on()

    def _pass(self, row: Row | None) -> None:
        """Compare a row that was read before, or a blank line between such rows."""
        if row is None:
            return
        self._number = row.number
        self._unhashed.append(row.cells)
        if row.number == self._bookmark.rows:
            self._compare()
        elif len(self._unhashed) >= _BATCH:
            self._hash_rows()

    def _begin(self) -> None:
        """Begin a batch: in flat lists, for the garbage collector goes through every row else."""
        self._values: list[str] = []
        self._cells: list[str] = []
        self._reasons: dict[int, str] = {}
        self._reads = 0

    def _keep(self, row: Row) -> None:
        cells, (value, reason) = row.cells, self._template.normalise(row)
        if reason is not None:
            self._reasons[len(self._values)] = reason
            value = escape_unencodable(value)
        if isinstance(row, BadRow):
            # Not before it is compared: the fingerprint is of what could be read.
            cells = cells_to_json([row.raw])
        self._values.append(value)
        self._cells.append(cells)

    def _hash_rows(self) -> None:
        """Hash what has been read, many rows at a time: a step for each costs more than it does."""
        text = "\n".join((*self._unhashed, ""))
        self._hash.update(text.encode(errors="backslashreplace"))
        self._unhashed.clear()

    def _digest(self) -> str:
        """The fingerprint of all rows so far."""
        self._hash_rows()
        return self._hash.hexdigest()

    def _compare(self) -> None:
        if self._digest() != self._bookmark.digest:
            raise _changed(self._customers, "its rows differ")

    def _finish(self) -> None:
        mark = self._bookmark
        if self._number < mark.rows:
            raise _changed(self._customers, f"it had {mark.rows:,} rows, and has {self._number:,}")
        if not self._number:
            raise ListError("it holds no rows")
        if not mark.whole:
            self._blank += self._blank_since
            self._give(last=True)

    def _before_read(self) -> None:
        """Give away what has been read where the next read may take for ever, or it is much."""
        self._reads += 1
        if not self._patient or self._reads > _READS:
            self._hand_on()

    def _hand_on(self) -> None:
        """Give away what has been read."""
        if self._values:
            self._give()

    def _give(self, *, last: bool = False) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        batch = Batch(
            first=self._number + 1 - len(self._values),
            values=self._values,
            cells=self._cells,
            reasons=self._reasons,
            blank=self._blank,
            digest=self._digest(),
            columns=tuple(wanted.columns),
            schema=wanted.schema,
            format=wanted.format or "lines",
            last=last,
        )
        self._begin()
        self._blank = 0
        self._put(batch)


def _changed(customers: CustomerList, how: str) -> JobChangedError:
    return changed_error(customers.name, how)


def changed_error(name: str, how: str) -> JobChangedError:
    """The error for a list that is not the one its job began with."""
    return JobChangedError(
        f"{name} has changed since its job began: {how}. Put the old list back to go on, or give "
        "the new one a job (and a result) of its own"
    )
