"""What a job remembers. Every call blocks, and belongs to the job's worker thread."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import orjson
from attrs import asdict

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._lists.list_reader import Batch, ReadPosition
from capillary_interactions.jobs._lists.rows import escape_unencodable
from capillary_interactions.jobs._lists.same_customer import SameCustomer
from capillary_interactions.jobs._status import JobStatus, Report, RunFigures
from capillary_interactions.jobs._store.batch_rows import insert_batch
from capillary_interactions.jobs._store.bulk_insert import insert_rows
from capillary_interactions.jobs._store.connection import (
    connect,
    mark_log,
    sqlite_errors,
    transaction,
)
from capillary_interactions.jobs._store.erasure import (
    FORGOTTEN,
    ForgottenCustomers,
    clear_deleted,
    erase,
)
from capillary_interactions.jobs._store.file_guard import FileGuard
from capillary_interactions.jobs._store.queries import (
    FIGURES,
    cells,
    counts,
    failures,
    last_run,
    metadata,
    note_on_rows,
    pending_after,
    read_position,
    rejected_of_first,
    status,
)
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.refresh import (
    STALE,
    mark_stale,
    other_rows_by_ending,
    replace_stale,
)
from capillary_interactions.jobs._store.reopen import forget, forget_damaged
from capillary_interactions.jobs._store.schema import FOUND_COLUMNS, OTHER_COLUMNS

_INSERT_FOUND: Final = f"INSERT INTO outcome ({', '.join(FOUND_COLUMNS)})"
_INSERT_OTHER: Final = f"INSERT INTO outcome ({', '.join(OTHER_COLUMNS)})"
_ADD_COUNT: Final = (
    "INSERT INTO tally VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
)
_SET_COUNT: Final = "INSERT OR REPLACE INTO tally VALUES (?, ?)"
# What the store counts itself.
_COUNTED: Final = ("refreshed", "kept")
_MEASURED: Final = tuple(name for name in FIGURES if name not in _COUNTED)
_CHANGES: Final = (
    *(f"{name} = ?" for name in _MEASURED),
    *(f"{name} = {name} + ?" for name in _COUNTED),
)
_UPDATE_RUN: Final = f"UPDATE run SET {', '.join(_CHANGES)} WHERE id = ?"  # noqa: S608
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _with_job_errors(
    method: "Callable[Concatenate[Store, _P], _T]",
) -> "Callable[Concatenate[Store, _P], _T]":
    def called(self: "Store", *arguments: _P.args, **keywords: _P.kwargs) -> _T:
        with sqlite_errors(self.path):
            return method(self, *arguments, **keywords)

    return wraps(method)(called)  # type: ignore[return-value] # it is still the same function


class Store:
    """A job's file, opened; a `JobStoreError` if it cannot be, or is no job's."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._connection = connect(path, create=create)
        try:
            self.guard = FileGuard(path)
        except OSError as error:
            self._connection.close()
            raise JobStoreError(f"{path} cannot be read: {error.strerror}") from None
        self._columns: tuple[str, ...] | None = None
        self._has_duplicates: bool | None = None
        self._has_stale: bool | None = None
        self._forgotten: ForgottenCustomers | None = None
        self._forgotten_loaded = False

    def close(self) -> None:
        self._connection.close()
        self.guard.close()

    @_with_job_errors
    def initialise(self, values: Mapping[str, Any]) -> None:
        with transaction(self._connection):
            for name, value in {"began": time.time(), **values}.items():
                self._set(name, value)
        mark_log(self._connection)

    @_with_job_errors
    def metadata(self, name: str) -> Any:
        return metadata(self._connection, name)

    @_with_job_errors
    def set_metadata(self, values: Mapping[str, Any]) -> None:
        with transaction(self._connection):
            for name, value in values.items():
                self._set(name, value)

    @_with_job_errors
    def read_position(self) -> ReadPosition:
        return read_position(self._connection)

    @_with_job_errors
    def add(self, batch: Batch) -> None:
        with transaction(self._connection):
            forgotten = self._rows_of_forgotten(batch)
            rejected, has_duplicates = insert_batch(self._connection, batch, forgotten)
            added = Counter({"rejected": rejected, FORGOTTEN: len(forgotten)})
            if has_duplicates:
                added.update(self._count_duplicates(batch.first))
            self._add_counts(added)
            self._connection.execute(_SET_COUNT, ("blank", batch.blank))
            self._save_position(batch)

    def _rows_of_forgotten(self, batch: Batch) -> frozenset[int]:
        if not self._forgotten_loaded:
            self._forgotten = ForgottenCustomers.load(self._connection)
            self._forgotten_loaded = True
        return frozenset() if self._forgotten is None else self._forgotten.rows_of(batch)

    @_with_job_errors
    def forget(self, customer: SameCustomer) -> tuple[int, int]:
        """Delete a customer for good.

        Returns:
            How many rows that were, and how many other rows or answers mention them.

        Raises:
            JobInUseError: Another program reads the job; it is to be done again.
        """
        self._connection.execute("PRAGMA secure_delete = ON")
        with transaction(self._connection):
            erased = erase(self._connection, customer)
            self._add_counts({FORGOTTEN: erased[0]})
        self._forgotten_loaded = False
        clear_deleted(self._connection, self.path)
        return erased

    @_with_job_errors
    def cells(self, first: int, end: int) -> dict[int, str]:
        """The cells of rows, as JSON; `end` is the number after the last one."""
        return cells(self._connection, first, end)

    def _count_duplicates(self, since: int) -> Counter[str]:
        """Count the rows whose customer has an earlier row, some with an outcome."""
        # By the numbers: the index of all such rows would be read to its end each time.
        rows = self._connection.execute(
            "SELECT ending, count(*) FROM row NOT INDEXED LEFT JOIN outcome USING (first) "
            "WHERE first <> number AND number >= ? GROUP BY ending",
            (since,),
        ).fetchall()
        self._has_duplicates = True
        added = Counter({ending: count for ending, count in rows if ending})
        added["duplicates"] = sum(count for _, count in rows)
        return added

    def _save_position(self, batch: Batch) -> None:
        position = ReadPosition(
            rows=batch.end - 1, digest=batch.digest, whole=batch.last, missing=batch.missing
        )
        self._set("bookmark", asdict(position))
        if batch.columns != self._columns:
            self._columns = batch.columns
            self._set("columns", [escape_unencodable(name) for name in batch.columns])
            self._set("format", batch.format)
            if batch.schema is not None:
                self._set("schema", batch.schema.hex())

    @_with_job_errors
    def record(
        self, batch: OutcomeBatch, low_watermark: int, run: int, figures: RunFigures
    ) -> None:
        """Record outcomes.

        The batch may be empty. No row up to `low_watermark`, itself included, is open.

        Raises:
            JobStoreError: They cannot be recorded, or the file is no longer where it was.
        """
        with transaction(self._connection):
            counted = (0, 0)
            if batch.numbers:
                if self._any_stale():
                    batch, counted = self._replace_stale(batch)
                insert_rows(self._connection, _INSERT_FOUND, batch.found)
                insert_rows(self._connection, _INSERT_OTHER, batch.others)
                self._set("settled", low_watermark)
                self._add_counts(self._count_rows(batch))
            measured = [getattr(figures, name) for name in _MEASURED]
            self._connection.execute(_UPDATE_RUN, (*measured, *counted, run))
        self.guard.check(self._connection)

    def _any_stale(self) -> bool:
        if self._has_stale is None:
            self._has_stale = bool(counts(self._connection).get(STALE))
        return self._has_stale

    def _replace_stale(self, batch: OutcomeBatch) -> tuple[OutcomeBatch, tuple[int, int]]:
        result = replace_stale(self._connection, batch)
        self._add_counts({STALE: -result.marked})
        self._add_counts({ending: -count for ending, count in result.removed.items()})
        return result.batch, (result.refreshed, result.kept)

    @_with_job_errors
    def mark_stale(self, before: float, endings: Sequence[str]) -> int:
        """Have the customers with older outcomes asked for again; return their number of rows."""
        with transaction(self._connection):
            count, first, rows = mark_stale(self._connection, before, endings)
            self._connection.execute(_SET_COUNT, (STALE, count))
            if first is not None:
                self._set("settled", min(first - 1, self.metadata("settled") or 0))
            self._has_stale = bool(count)
        return rows

    def _count_rows(self, batch: OutcomeBatch) -> Counter[str]:
        endings = batch.endings.copy()
        if self._has_duplicates is None:
            self._has_duplicates = bool(counts(self._connection).get("duplicates"))
        if self._has_duplicates:
            endings.update(other_rows_by_ending(self._connection, batch.numbers))
        return endings

    @_with_job_errors
    def pending_after(self, number: int, limit: int) -> list[tuple[int, str]]:
        """Rows to ask for, each customer's first one: their numbers, and customers as sent."""
        return pending_after(self._connection, number, limit)

    @_with_job_errors
    def rejected_of_first(self, count: int) -> tuple[int, int, int]:
        """Of the first rows: how many there are, have ended, and are rejected."""
        return rejected_of_first(self._connection, count)

    @_with_job_errors
    def reopen(self, endings: Sequence[str]) -> int:
        """Delete outcomes, so that their rows are open again; return how many rows that is."""
        before = self.status().done
        with transaction(self._connection):
            forget(self._connection, endings)
        return before - self.status().done

    @_with_job_errors
    def reopen_damaged(self) -> int:
        """Delete outcomes that cannot be read; return how many rows are open again."""
        with transaction(self._connection):
            return forget_damaged(self._connection)

    @_with_job_errors
    def start_run(self, quota: float) -> int:
        """Record the start of a run; return its number."""
        with transaction(self._connection):
            query = "INSERT INTO run (began, quota) VALUES (?, ?)"
            number = self._connection.execute(query, (time.time(), quota)).lastrowid
        mark_log(self._connection)
        return number or 0

    @_with_job_errors
    def last_run(self) -> RunFigures:
        return last_run(self._connection)

    @_with_job_errors
    def status(self) -> JobStatus:
        # In one transaction, as another process may be running the job.
        self._connection.execute("BEGIN")
        try:
            return status(self._connection, self.path)
        finally:
            self._connection.execute("COMMIT")

    def has_answers(self) -> bool:
        """Whether Capillary has answered for a customer, be it that they are unknown."""
        endings = self.status().endings
        return bool(endings["found"] or endings["not_found"])

    @_with_job_errors
    def report(self, limit: int) -> Report:
        """The job and its last run, with as many of the first and the last rows that failed."""
        first, last = failures(self._connection, limit)
        return Report(
            status=self.status(),
            run=self.last_run(),
            first_failures=first,
            last_failures=last,
            note=note_on_rows(self._connection),
        )

    def _set(self, name: str, value: Any) -> None:
        text = orjson.dumps(value).decode()
        self._connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, text))

    def _add_counts(self, added: Mapping[str, int]) -> None:
        changes: Iterable[tuple[str, int]] = (item for item in added.items() if item[1])
        self._connection.executemany(_ADD_COUNT, changes)
