"""What does a job remember? Everything here blocks, and belongs to the job's own thread."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import chain, compress
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import orjson
from attrs import asdict, astuple

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._lists.list_reader import Batch, ReadPosition
from capillary_interactions.jobs._lists.query_template import escape_unencodable
from capillary_interactions.jobs._status import Failure, JobStatus, Report, RunFigures
from capillary_interactions.jobs._store.bulk_insert import bulk_insert
from capillary_interactions.jobs._store.column_values import checked_texts
from capillary_interactions.jobs._store.connection import (
    connect,
    mark_log,
    sqlite_errors,
    transaction,
)
from capillary_interactions.jobs._store.failed_rows import failures, noted
from capillary_interactions.jobs._store.file_guard import FileGuard
from capillary_interactions.jobs._store.queries import (
    FIGURES,
    bookmark,
    last_run,
    metadata,
    status,
    tally,
)
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.reopen import forget, forget_damaged
from capillary_interactions.jobs._store.schema import FOUND_COLUMNS, OTHER_COLUMNS

_INSERT_FOUND: Final = (
    f"INSERT INTO outcome ({', '.join(FOUND_COLUMNS)}) "  # noqa: S608 - our own names
    "SELECT column1, column2, column3, column4, column5, column6, NULLIF(column7, ''), "
    "CAST(column8 AS TEXT) FROM ({rows})"
)
_INSERT_OTHERS: Final = f"INSERT INTO outcome ({', '.join(OTHER_COLUMNS)}) SELECT * FROM ({{rows}})"  # noqa: S608
_INSERT_CUSTOMERS: Final = "INSERT OR IGNORE INTO customer (first, value) SELECT * FROM ({rows})"
_INSERT_ROWS: Final = (
    "INSERT INTO row (number, first, value, cells) SELECT column1, "
    "(SELECT first FROM customer WHERE value = column2), column2, column3 FROM ({rows})"
)
_INSERT_REFUSED: Final = "INSERT INTO row (number, value, cells, reason) SELECT * FROM ({rows})"
_COUNT: Final = (
    "INSERT INTO tally SELECT key, value FROM json_each({counts}) WHERE value <> 0 "
    "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
)
# What is told of every batch of outcomes goes into three tables; by a trigger, that is one step.
_TOLD: Final = ("counts", "settled", "run", *FIGURES)
_TELLING: Final = f"""
CREATE TEMP VIEW IF NOT EXISTS told AS SELECT {", ".join(f"NULL AS {name}" for name in _TOLD)};
CREATE TEMP TRIGGER IF NOT EXISTS telling INSTEAD OF INSERT ON told BEGIN
    {_COUNT.format(counts="NEW.counts")};
    INSERT OR REPLACE INTO fact SELECT 'settled', NEW.settled WHERE NEW.settled IS NOT NULL;
    UPDATE run SET {", ".join(f"{name} = NEW.{name}" for name in FIGURES)} WHERE id = NEW.run;
END
"""  # noqa: S608 - our own names
_TELL: Final = f"INSERT INTO told VALUES ({', '.join('?' * len(_TOLD))})"  # noqa: S608
# One step, whatever the number of rows (see `_many.py`).
_OPEN: Final = (
    "SELECT json_group_array(number), json_group_array(value) FROM ("
    "SELECT number, value FROM row LEFT JOIN outcome ON outcome.first = row.number "
    "WHERE number > ? AND row.first = number AND outcome.first IS NULL "
    "ORDER BY number LIMIT ?)"
)

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _translating(
    method: "Callable[Concatenate[Store, _P], _T]",
) -> "Callable[Concatenate[Store, _P], _T]":
    """A method whose errors are a job's errors."""

    def called(self: "Store", *arguments: _P.args, **keywords: _P.kwargs) -> _T:
        with sqlite_errors(self.path):
            return method(self, *arguments, **keywords)

    return wraps(method)(called)  # type: ignore[return-value] # it is still the same function


class Store:
    """A job's file, opened.

    Args:
        path: The file.
        create: Whether it may be made.

    Raises:
        JobStoreError: It cannot be opened, or is no job's.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._connection = connect(path, create=create)
        try:
            self._place = FileGuard(path)
        except OSError as failed:
            self._connection.close()
            raise JobStoreError(f"{path} cannot be read: {failed.strerror}") from None
        self._columns: tuple[str, ...] | None = None
        self._duplicates: bool | None = None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._place.close()

    def claim(self) -> None:
        """Be the only one to change it, until `disclaim`.

        Raises:
            JobInUseError: Another process or task is running it.
        """
        self._place.claim()

    def disclaim(self) -> None:
        """Let others change it."""
        self._place.disclaim()

    @_translating
    def begin(self, facts: dict[str, Any]) -> None:
        """Write down what the job is about, once."""
        with transaction(self._connection):
            self._set("began", time.time())
            for name, value in facts.items():
                self._set(name, value)
        mark_log(self._connection)

    @_translating
    def fact(self, name: str) -> Any:
        """What was written down under a name, or None."""
        return metadata(self._connection, name)

    @_translating
    def state(self, name: str, value: Any) -> None:
        """Write something down."""
        with transaction(self._connection):
            self._set(name, value)

    @_translating
    def bookmark(self) -> ReadPosition:
        """How far the list has been read."""
        return bookmark(self._connection)

    @_translating
    def add(self, batch: Batch) -> None:
        """Keep further rows of the list."""
        numbers, values, cells = range(batch.first, batch.end), batch.values, batch.cells
        asked = [place not in batch.reasons for place in range(len(values))]
        customers = compress(zip(numbers, values, strict=True), asked)
        rows = compress(zip(numbers, values, cells, strict=True), asked)
        refused = [
            (numbers[place], values[place], cells[place], reason)
            for place, reason in batch.reasons.items()
        ]
        with transaction(self._connection):
            new = self._insert(_INSERT_CUSTOMERS, 2, list(chain.from_iterable(customers)))
            self._insert(_INSERT_ROWS, 3, list(chain.from_iterable(rows)))
            self._insert(_INSERT_REFUSED, 4, list(chain.from_iterable(refused)))
            counts = Counter({"blank": batch.blank, "rejected": len(batch.reasons)})
            if new < sum(asked):
                counts.update(self._count_again(batch.first))
            self._count(counts)
            self._turn_page(batch)

    def _insert(self, statement: str, width: int, cells: Sequence[Any]) -> int:
        return bulk_insert(self._connection, statement, width, cells)

    def _count_again(self, since: int) -> Counter[str]:
        """Count the rows whose customer is there already, some with an outcome."""
        # By the numbers: an index of all rows of this kind would be read to its end each time.
        found = self._connection.execute(
            "SELECT ending, count(*) FROM row NOT INDEXED LEFT JOIN outcome USING (first) "
            "WHERE first <> number AND number >= ? GROUP BY ending",
            (since,),
        ).fetchall()
        counts = Counter({ending: count for ending, count in found if ending})
        counts["duplicates"] = sum(count for _, count in found)
        self._duplicates = True
        return counts

    def _turn_page(self, batch: Batch) -> None:
        mark = ReadPosition(rows=batch.end - 1, digest=batch.digest, whole=batch.last)
        self._set("bookmark", asdict(mark))
        if batch.columns != self._columns:
            self._columns = batch.columns
            self._set("columns", [escape_unencodable(name) for name in batch.columns])
            self._set("format", batch.format)
            if batch.schema is not None:
                self._set("schema", batch.schema.hex())

    @_translating
    def record(self, pending: OutcomeBatch, settled: int, run: int, figures: RunFigures) -> None:
        """Keep outcomes.

        Args:
            pending: The outcomes; there may be none.
            settled: A row before which, itself included, no row is open.
            run: Which run.
            figures: What it has come to.

        Raises:
            JobStoreError: They cannot be kept, or the file is no longer where it was.
        """
        with transaction(self._connection):
            if pending.numbers:
                self._insert(_INSERT_FOUND, len(FOUND_COLUMNS), pending.found)
                self._insert(_INSERT_OTHERS, len(OTHER_COLUMNS), pending.others)
            counts = orjson.dumps(self._count_rows(pending)).decode()
            reached = settled if pending.numbers else None
            self._connection.execute(_TELL, (counts, reached, run, *astuple(figures)))
        self._place.check(self._connection)

    def _count_rows(self, pending: OutcomeBatch) -> Counter[str]:
        counts = pending.endings.copy()
        if self._duplicates is None:
            self._duplicates = bool(tally(self._connection).get("duplicates"))
        if self._duplicates:
            again = self._connection.execute(
                "SELECT ending, count(*) FROM json_each(?) AS asked "
                "JOIN row ON row.first = asked.value AND row.first <> row.number "
                "JOIN outcome ON outcome.first = row.first GROUP BY ending",
                (orjson.dumps(pending.numbers).decode(),),
            )
            counts.update(dict(again.fetchall()))
        return counts

    @_translating
    def open_after(self, number: int, most: int) -> tuple[list[int], list[str]]:
        """Rows to ask for, each customer's first one, in order: their numbers and customers."""
        numbers, values = self._connection.execute(_OPEN, (number, most)).fetchone()
        return orjson.loads(numbers), checked_texts(orjson.loads(values))

    @_translating
    def rejected_of_first(self, count: int) -> tuple[int, int, int]:
        """Of the first rows: how many there are, have ended, and are rejected."""
        found: tuple[int, int, int] = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE row.first IS NULL OR ending IS NOT NULL), "
            "count(*) FILTER (WHERE row.first IS NULL OR ending = 'rejected') "
            "FROM row LEFT JOIN outcome USING (first) WHERE number <= ?",
            (count,),
        ).fetchone()
        return found

    @_translating
    def reopen(self, endings: Sequence[str]) -> int:
        """Forget outcomes, so that their rows are open again; how many rows that is."""
        before = self.status().done
        with transaction(self._connection):
            forget(self._connection, endings)
        return before - self.status().done

    @_translating
    def reopen_damaged(self) -> int:
        """Forget outcomes that cannot be read; how many rows are open again."""
        with transaction(self._connection):
            return forget_damaged(self._connection)

    @_translating
    def begin_run(self, quota: float) -> int:
        """Write down that a run begins; its number."""
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.executescript(_TELLING)
        with transaction(self._connection):
            query = "INSERT INTO run (began, quota) VALUES (?, ?)"
            number = self._connection.execute(query, (time.time(), quota)).lastrowid
        mark_log(self._connection)
        return number or 0

    @_translating
    def last_run(self) -> RunFigures:
        """What the last run has come to."""
        return last_run(self._connection)

    @_translating
    def status(self) -> JobStatus:
        """How far the job is."""
        # At one moment, though another process may be running the job.
        self._connection.execute("BEGIN")
        try:
            return status(self._connection, self.path)
        finally:
            self._connection.execute("COMMIT")

    @_translating
    def failures(self, most: int) -> tuple[tuple[Failure, ...], tuple[Failure, ...]]:
        """The first and the last rows that failed, none of them twice."""
        return failures(self._connection, most)

    @_translating
    def report(self, most: int) -> Report:
        """What has become of the job, with so many of the first and the last rows that failed."""
        first, last = self.failures(most)
        return Report(
            status=self.status(),
            run=self.last_run(),
            first_failures=first,
            last_failures=last,
            note=noted(self._connection),
        )

    def _set(self, name: str, value: Any) -> None:
        written = orjson.dumps(value).decode()
        self._connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, written))

    def _count(self, more: Mapping[str, int]) -> None:
        if any(more.values()):
            statement = _COUNT.format(counts="?")
            self._connection.execute(statement, (orjson.dumps(more).decode(),))
