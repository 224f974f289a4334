"""What a job remembers. Every call blocks, and belongs to the job's worker thread."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from itertools import chain, compress
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import orjson
from attrs import asdict, astuple

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._lists.list_reader import Batch, ReadPosition
from capillary_interactions.jobs._lists.rows import escape_unencodable
from capillary_interactions.jobs._status import JobStatus, Report, RunFigures
from capillary_interactions.jobs._store.column_values import checked_texts
from capillary_interactions.jobs._store.connection import (
    connect,
    mark_log,
    sqlite_errors,
    transaction,
)
from capillary_interactions.jobs._store.file_guard import FileGuard
from capillary_interactions.jobs._store.queries import (
    FIGURES,
    counts,
    failures,
    last_run,
    metadata,
    note_on_rows,
    read_position,
    status,
)
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.reopen import forget, forget_damaged
from capillary_interactions.jobs._store.schema import FOUND_COLUMNS, OTHER_COLUMNS

_INSERT_FOUND: Final = f"INSERT INTO outcome ({', '.join(FOUND_COLUMNS)})"
_INSERT_OTHER: Final = f"INSERT INTO outcome ({', '.join(OTHER_COLUMNS)})"
_INSERT_CUSTOMER: Final = "INSERT OR IGNORE INTO customer (first, value)"
_INSERT_SENT: Final = "INSERT INTO sent (number, value)"
_INSERT_ROW: Final = "INSERT INTO row (number, value, cells, first)"
_FIRST_OF_CUSTOMER: Final = "(?, ?, ?, (SELECT first FROM customer WHERE value = ?))"
_INSERT_REJECTED: Final = "INSERT INTO row (number, value, cells, reason)"
# sqlite3 releases the GIL three times a statement, and beside a busy event loop it takes up to
# 5 ms to get it back.
_ROWS_PER_STATEMENT: Final = 64
_ADD_COUNT: Final = (
    "INSERT INTO tally VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
)
_SET_COUNT: Final = "INSERT OR REPLACE INTO tally VALUES (?, ?)"
_UPDATE_RUN: Final = f"UPDATE run SET {', '.join(f'{name} = ?' for name in FIGURES)} WHERE id = ?"  # noqa: S608
# As one row: each costs a release of the GIL, too.
_PENDING: Final = (
    "SELECT json_group_array(number), json_group_array(value) FROM ("
    "SELECT number, coalesce(sent.value, row.value) AS value "
    "FROM row LEFT JOIN outcome ON outcome.first = row.number LEFT JOIN sent USING (number) "
    "WHERE number > ? AND row.first = number AND outcome.first IS NULL ORDER BY number LIMIT ?)"
)

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
        rows = list(zip(range(batch.first, batch.end), batch.values, batch.cells, strict=True))
        asked = list(compress(rows, (index not in batch.reasons for index in range(len(rows)))))
        rejected = [(*rows[index], reason) for index, reason in batch.reasons.items()]
        with transaction(self._connection):
            sent = {batch.first + index: value for index, value in batch.sent.items()}
            keys = [(number, sent.get(number, value)) for number, value, _ in asked]
            customers = self._insert(_INSERT_CUSTOMER, keys)
            keyed = [(*row, key) for row, (_, key) in zip(asked, keys, strict=True)]
            self._insert(_INSERT_ROW, keyed, _FIRST_OF_CUSTOMER)
            self._insert(_INSERT_SENT, list(sent.items()))
            self._insert(_INSERT_REJECTED, rejected)
            added = Counter(rejected=len(rejected))
            if customers < len(asked):
                added.update(self._count_duplicates(batch.first))
            self._add_counts(added)
            self._connection.execute(_SET_COUNT, ("blank", batch.blank))
            self._save_position(batch)

    @_with_job_errors
    def cells(self, first: int, end: int) -> list[str]:
        """The cells of rows, as JSON; `end` is the number after the last one."""
        query = "SELECT cells FROM row WHERE number >= ? AND number < ? ORDER BY number"
        return checked_texts([cells for (cells,) in self._connection.execute(query, (first, end))])

    def _insert(
        self, statement: str, rows: Sequence[tuple[Any, ...]], values: str | None = None
    ) -> int:
        """Insert rows, many in a statement; return how many were inserted."""
        inserted = 0
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            part = rows[start : start + _ROWS_PER_STATEMENT]
            values = values or f"({', '.join('?' * len(part[0]))})"
            if len(part) == _ROWS_PER_STATEMENT:
                query = f"{statement} VALUES {', '.join([values] * len(part))}"
                cursor = self._connection.execute(query, list(chain.from_iterable(part)))
            else:
                cursor = self._connection.executemany(f"{statement} VALUES {values}", part)
            inserted += cursor.rowcount
        return inserted

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
        position = ReadPosition(rows=batch.end - 1, digest=batch.digest, whole=batch.last)
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
            if batch.numbers:
                self._insert(_INSERT_FOUND, batch.found)
                self._insert(_INSERT_OTHER, batch.others)
                self._set("settled", low_watermark)
                self._add_counts(self._count_rows(batch))
            self._connection.execute(_UPDATE_RUN, (*astuple(figures), run))
        self.guard.check(self._connection)

    def _count_rows(self, batch: OutcomeBatch) -> Counter[str]:
        endings = batch.endings.copy()
        if self._has_duplicates is None:
            self._has_duplicates = bool(counts(self._connection).get("duplicates"))
        if self._has_duplicates:
            duplicates = self._connection.execute(
                "SELECT ending, count(*) FROM json_each(?) AS asked "
                "JOIN row ON row.first = asked.value AND row.first <> row.number "
                "JOIN outcome ON outcome.first = row.first GROUP BY ending",
                (orjson.dumps(batch.numbers).decode(),),
            )
            endings.update(dict(duplicates.fetchall()))
        return endings

    @_with_job_errors
    def pending_after(self, number: int, limit: int) -> list[tuple[int, str]]:
        """Rows to ask for, each customer's first one: their numbers, and customers as sent."""
        numbers, values = self._connection.execute(_PENDING, (number, limit)).fetchone()
        values = checked_texts(orjson.loads(values))
        return list(zip(orjson.loads(numbers), values, strict=True))

    @_with_job_errors
    def rejected_of_first(self, count: int) -> tuple[int, int, int]:
        """Of the first rows: how many there are, have ended, and are rejected."""
        row: tuple[int, int, int] = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE row.first IS NULL OR ending IS NOT NULL), "
            "count(*) FILTER (WHERE row.first IS NULL OR ending = 'rejected') "
            "FROM row LEFT JOIN outcome USING (first) WHERE number <= ?",
            (count,),
        ).fetchone()
        return row

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
