"""What a job's file says of the job as a whole, read through a connection to it."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import asdict, frozen

from capillary_interactions._model.outcome import with_all_endings
from capillary_interactions.jobs._lists.list_reader import ReadPosition
from capillary_interactions.jobs._lists.unusable_cells import COUNTED_REASONS, describe_counted
from capillary_interactions.jobs._status import Failure, JobStatus, RunFigures
from capillary_interactions.jobs._store.column_values import (
    checked_counts,
    checked_metadata,
    checked_run,
    checked_texts,
)
from capillary_interactions.jobs._store.schema import FAILED, HAS_FAILED

FIGURES: Final = tuple(asdict(RunFigures()))
"""The columns of a run's figures."""
_RUNS: Final = f"SELECT began, {', '.join(FIGURES)} FROM run ORDER BY id"  # noqa: S608 - our own
# As one row: each costs a release of the GIL, too.
_PENDING: Final = (
    "SELECT json_group_array(number), json_group_array(value) FROM ("
    "SELECT number, coalesce(sent.value, row.value) AS value "
    "FROM row LEFT JOIN outcome ON outcome.first = row.number LEFT JOIN sent USING (number) "
    "LEFT JOIN stale ON stale.first = row.number WHERE number > ? AND row.first = number "
    "AND (outcome.first IS NULL OR stale.first IS NOT NULL) ORDER BY number LIMIT ?)"
)
_LAST_RUN: Final = f"{_RUNS} DESC LIMIT 1"


@frozen
class TimedRun:
    """One run of a job; `began` is in seconds since 1970."""

    began: float
    figures: RunFigures

    @property
    def ended(self) -> float:
        """When it ended, or wrote its figures last."""
        return self.began + self.figures.seconds


def metadata(connection: sqlite3.Connection, name: str) -> Any:
    query = "SELECT value FROM fact WHERE name = ?"
    row = connection.execute(query, (name,)).fetchone()
    return None if row is None else checked_metadata(name, orjson.loads(row[0]))


def read_position(connection: sqlite3.Connection) -> ReadPosition:
    return ReadPosition(**(metadata(connection, "bookmark") or {}))


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by how they ended, and those of other kinds that are counted."""
    return checked_counts(connection.execute("SELECT name, count FROM tally"))


def runs(connection: sqlite3.Connection) -> tuple[TimedRun, ...]:
    return tuple(_timed(row) for row in connection.execute(_RUNS))


def last_run(connection: sqlite3.Connection) -> RunFigures:
    row = connection.execute(_LAST_RUN).fetchone()
    return RunFigures() if row is None else _timed(row).figures


def _timed(row: Sequence[Any]) -> TimedRun:
    began, *figures = checked_run(row)
    return TimedRun(began, RunFigures(**dict(zip(FIGURES, figures, strict=True))))


def status(connection: sqlite3.Connection, path: Path) -> JobStatus:
    """How far the job is; consistent if the connection is in a transaction."""
    by_name, position = counts(connection), read_position(connection)
    return JobStatus(
        path=str(path),
        customers=metadata(connection, "customers") or "",
        began=datetime.fromtimestamp(metadata(connection, "began") or 0, UTC),
        rows=position.rows,
        whole=position.whole,
        blank=by_name.get("blank", 0),
        duplicates=by_name.get("duplicates", 0),
        endings=with_all_endings(by_name),
        stale=by_name.get("stale", 0),
        forgotten=by_name.get("forgotten", 0),
    )


def failures(
    connection: sqlite3.Connection, limit: int
) -> tuple[tuple[Failure, ...], tuple[Failure, ...]]:
    """The first and the last rows that failed, none of them twice; found by indexes."""
    first = _failures(connection, "ASC", limit)
    rows = {failure.row for failure in first}
    last = [failure for failure in _failures(connection, "DESC", limit) if failure.row not in rows]
    return tuple(first), tuple(reversed(last))


def _failures(connection: sqlite3.Connection, order: str, limit: int) -> list[Failure]:
    parts = [
        f"SELECT * FROM (SELECT number, ending, value, outcome.reason AS reason "  # noqa: S608
        f"FROM outcome JOIN row ON row.number = outcome.first "
        f"WHERE {HAS_FAILED} AND ending = '{ending}' ORDER BY outcome.first {order} LIMIT {limit})"
        for ending in FAILED
    ]
    parts.append(
        f"SELECT * FROM (SELECT number, 'rejected', value, reason FROM row "  # noqa: S608
        f"WHERE first IS NULL ORDER BY number {order} LIMIT {limit})"
    )
    query = f"{' UNION ALL '.join(parts)} ORDER BY number {order} LIMIT {limit}"
    rows = connection.execute(query).fetchall()
    checked_texts([text for _, *texts in rows for text in texts])
    return [
        Failure(row=row, ending=ending, identifier=value, reason=reason)
        for row, ending, value, reason in rows
    ]


def note_on_rows(connection: sqlite3.Connection) -> str | None:
    """How many rows hold something else than a customer, as text, or None."""
    reasons = ", ".join("?" * len(COUNTED_REASONS))
    query = (
        "SELECT reason, count(*) FROM row "  # noqa: S608 - no value in it
        f"WHERE first IS NULL AND reason IN ({reasons}) GROUP BY reason"
    )
    return describe_counted(dict(connection.execute(query, COUNTED_REASONS)))


def pending_after(connection: sqlite3.Connection, number: int, limit: int) -> list[tuple[int, str]]:
    """Rows to ask for, each customer's first one: their numbers, and customers as sent."""
    numbers, values = connection.execute(_PENDING, (number, limit)).fetchone()
    values = checked_texts(orjson.loads(values))
    return list(zip(orjson.loads(numbers), values, strict=True))


def cells(connection: sqlite3.Connection, first: int, end: int) -> dict[int, str]:
    """The cells of rows, as JSON, by their numbers; `end` is the number after the last one."""
    query = "SELECT number, cells FROM row WHERE number >= ? AND number < ? ORDER BY number"
    rows = dict(connection.execute(query, (first, end)).fetchall())
    checked_texts([*rows.values()])
    return rows


def rejected_of_first(connection: sqlite3.Connection, count: int) -> tuple[int, int, int]:
    """Of the first rows: how many there are, have ended, and are rejected."""
    row: tuple[int, int, int] = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE row.first IS NULL OR ending IS NOT NULL), "
        "count(*) FILTER (WHERE row.first IS NULL OR ending = 'rejected') "
        "FROM row LEFT JOIN outcome USING (first) WHERE number <= ?",
        (count,),
    ).fetchone()
    return row
