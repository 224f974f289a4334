"""Reads a list into batches that can be stored, from where an earlier reading stopped."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import IO, Any, Final

from attrs import field, frozen

from capillary_interactions._text.masking import mask_text
from capillary_interactions.jobs._errors import JobChangedError, ListError, NoListError
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import (
    BadRow,
    ListFormat,
    Row,
    Rows,
    cells_to_json,
    escape_unencodable,
)
from capillary_interactions.jobs._lists.source_file import (
    check_unmodified,
    is_regular_file,
)

# Few rows first, so that the first request is sent early; then many, because every batch that is
# stored interrupts the event loop.
_FIRST_BATCH: Final = 200
_MAX_BATCH: Final = 4000
# Rows may be wide: a batch also ends after this many reads of 64 KiB.
_MAX_READS: Final = 8


@frozen(kw_only=True)
class Batch:
    """Consecutive rows of a list.

    Attributes:
        first: The number of the first row.
        values: The customer of each row, as far as there is one.
        cells: All cells of each row, as JSON.
        reasons: Why rows are rejected, by their index in `values`.
        sent: Customers as they are sent, by their index in `values`, where that differs.
        blank: Blank lines of the list so far.
        digest: The fingerprint of the list up to the last row.
        columns: The names of the columns so far.
        schema: The types of the columns, where the format has any.
        format: The format of the list.
        last: Whether this is the end of the list.
        missing: See `ReadPosition`.
    """

    first: int
    values: list[str] = field(repr=False)
    cells: list[str] = field(repr=False)
    reasons: Mapping[int, str]
    sent: Mapping[int, str] = field(factory=dict, repr=False)
    blank: int
    digest: str
    columns: tuple[str, ...]
    schema: bytes | None
    format: str
    last: bool
    missing: int = 0

    @property
    def end(self) -> int:
        """The number after that of the last row."""
        return self.first + len(self.values)

    def rows(self) -> Iterator[Row]:
        for index, (value, cells) in enumerate(zip(self.values, self.cells, strict=True)):
            yield Row(self.first + index, value, self.reasons.get(index), cells)


@frozen(kw_only=True)
class ReadPosition:
    """How far a list has been read.

    Attributes:
        rows: How many rows.
        digest: Their fingerprint; None if they are not to be compared.
        whole: Whether these are all.
        missing: How many of them were taken out of the list since; later rows keep their numbers.
    """

    rows: int = 0
    digest: str | None = ""
    whole: bool = False
    missing: int = 0

    @property
    def rows_in_list(self) -> int:
        return self.rows - self.missing


class ListReader:
    """Reads a list once, in one thread.

    Args:
        customers: The list.
        template: The query of each row.
        position: How far it was read before; rows before that are compared and not emitted again.
        columns: The columns that it had then.

    Attributes:
        fingerprint: That of the opened file; None for a pipe.
        known_digest: The fingerprint of the rows of the position, once they are read.
    """

    def __init__(
        self,
        customers: CustomerList,
        template: QueryTemplate,
        position: ReadPosition | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.fingerprint: dict[str, Any] | None = None
        self.known_digest: str | None = None
        self._known_columns = columns
        self._customers = customers
        self._template = template
        self._position = position or ReadPosition()
        self._hash = hashlib.blake2b(digest_size=16)
        self._unhashed: list[str] = []
        self._format: ListFormat | None = None
        self._start_batch()
        self._blank = 0
        self._number = 0
        self._is_regular_file = False
        self._emit: Callable[[Batch], None]

    def read(self, emit: Callable[[Batch], None]) -> None:
        """Read the list and emit its new rows.

        Raises:
            ListError: It cannot be read, or not any further.
            JobChangedError: It is not the list of the position.
        """
        self._emit = emit
        file = self._customers.open()
        self._is_regular_file = is_regular_file(file)
        try:
            # A file that the caller has opened is the caller's to close.
            with nullcontext() if self._customers.path is None else closing(file):
                # Of the open file: its path may be another file's in a moment.
                self.fingerprint = self._customers.fingerprint_of(file)
                self._format, rows = self._customers.rows(file, self._before_read)
                self._read_rows(rows)
                self._check_unmodified(file)
            self._finish()
        except OSError as error:
            self._flush()
            raise ListError(
                f"{self._customers.name} cannot be read: {error.strerror or error}"
            ) from None
        except ListError as error:
            if isinstance(error, NoListError):
                self._start_batch()
            self._flush()
            raise ListError(f"{self._customers.name}: {error}") from None

    def _check_unmodified(self, file: IO[bytes]) -> None:
        if self.fingerprint is None:
            return
        try:
            check_unmodified(file, self.fingerprint)
        except ListError:
            self._start_batch()  # its last row may be half of one
            raise

    def _read_rows(self, rows: Rows) -> None:
        # As few calls as possible: there may be millions of rows, and they share the GIL with the
        # lookups.
        known, unhashed = self._position.rows_in_list, self._unhashed
        is_plain = self._template.is_plain
        for row in rows:
            if row is None:
                self._blank += 1
                continue
            if self._number < known:
                self._skip_known_row(row)
                continue
            self._number = number = row.number
            unhashed.append(row.cells)
            value = row.value
            if row.reason is None and is_plain(value):
                self._values.append(value)
                self._cells.append(row.cells)
            else:
                self._add(row)
            if len(self._values) >= (_FIRST_BATCH if number <= _FIRST_BATCH else _MAX_BATCH):
                self._flush()

    def _skip_known_row(self, row: Row) -> None:
        self._number = row.number
        self._unhashed.append(row.cells)
        if row.number == self._position.rows_in_list:
            self._compare_columns()
            self.known_digest = self._digest()
            if self._position.digest not in {self.known_digest, None}:
                raise self._changed("its rows differ", rows_differ=True)
        elif len(self._unhashed) >= _MAX_BATCH:
            self._hash_rows()

    def _compare_columns(self) -> None:
        # The keys of JSON lines are in the rows themselves.
        if self._format is None or self._format.format == "jsonl" or not self._known_columns:
            return
        columns = [escape_unencodable(name) for name in self._format.columns]
        if columns != list(self._known_columns):
            before, now = (mask_text(", ".join(names)) for names in (self._known_columns, columns))
            raise self._changed(f"its columns were {before} and are {now}")

    def _start_batch(self) -> None:
        # Flat lists, because the garbage collector traverses every tracked object of a row.
        self._values: list[str] = []
        self._cells: list[str] = []
        self._reasons: dict[int, str] = {}
        self._sent: dict[int, str] = {}
        self._reads = 0

    def _add(self, row: Row) -> None:
        cells, (value, reason) = row.cells, self._template.normalise(row)
        if reason is not None:
            self._reasons[len(self._values)] = reason
            value = escape_unencodable(value)
        elif (sent := self._template.sent_value(value)) != value:
            self._sent[len(self._values)] = sent
        if isinstance(row, BadRow):
            # After hashing: the fingerprint covers what could be parsed.
            cells = cells_to_json([row.raw])
        self._values.append(value)
        self._cells.append(cells)

    def _hash_rows(self) -> None:
        # Many rows at a time: a call for each costs more than the hash does.
        text = "\n".join((*self._unhashed, ""))
        self._hash.update(text.encode(errors="backslashreplace"))
        self._unhashed.clear()

    def _digest(self) -> str:
        self._hash_rows()
        return self._hash.hexdigest()

    def _finish(self) -> None:
        known = self._position.rows_in_list
        if self._number < known:
            change = f"it had {known:,} rows, and has {self._number:,}"
            raise self._changed(change, rows_differ=True)
        if not self._number:
            raise ListError("it holds no rows")
        if not self._position.whole or self._number > known:
            self._emit_batch(last=True)

    def _before_read(self) -> None:
        """Flush where the next read of a pipe may block for long, or the batch is large."""
        self._reads += 1
        if not self._is_regular_file or self._reads > _MAX_READS:
            self._flush()

    def _flush(self) -> None:
        if self._values:
            self._emit_batch()

    def _emit_batch(self, *, last: bool = False) -> None:
        if self._format is None:
            return
        batch = Batch(
            first=self._number + self._position.missing + 1 - len(self._values),
            values=self._values,
            cells=self._cells,
            reasons=self._reasons,
            sent=self._sent,
            blank=self._blank,
            digest=self._digest(),
            columns=tuple(self._format.columns),
            schema=self._format.schema,
            format=self._format.format or "lines",
            last=last,
            missing=self._position.missing,
        )
        self._start_batch()
        self._emit(batch)

    def _changed(self, change: str, *, rows_differ: bool = False) -> JobChangedError:
        error = changed_error(self._customers.name, change)
        error.rows_differ = rows_differ
        return error


def changed_error(name: str, change: str) -> JobChangedError:
    return JobChangedError(
        f"{name} has changed since its job began: {change}. A list may have more rows at its end "
        "than before, and no other change: put the old rows back to go on, or give the new list a "
        "job (and a result) of its own"
    )
