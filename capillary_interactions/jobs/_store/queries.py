"""What stands in a job's file about the job as a whole? Read by whoever has a connection to it."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import asdict, frozen

from capillary_interactions._model.outcome import with_all_endings
from capillary_interactions.jobs._lists.list_reader import ReadPosition
from capillary_interactions.jobs._status import JobStatus, RunFigures
from capillary_interactions.jobs._store.column_values import (
    checked_counts,
    checked_fact,
    checked_run,
)

FIGURES: Final = tuple(asdict(RunFigures()))
"""What is kept of each run, by name."""
_RUNS: Final = f"SELECT began, {', '.join(FIGURES)} FROM run ORDER BY id"  # noqa: S608 - our own
_LAST_RUN: Final = f"{_RUNS} DESC LIMIT 1"


@frozen
class TimedRun:
    """One run of a job.

    Attributes:
        began: When, in seconds since 1970.
        figures: What it came to.
    """

    began: float
    figures: RunFigures

    @property
    def ended(self) -> float:
        """When it ended, or was last heard of."""
        return self.began + self.figures.seconds


def metadata(connection: sqlite3.Connection, name: str) -> Any:
    """What was written down under a name, or None."""
    query = "SELECT value FROM fact WHERE name = ?"
    found = connection.execute(query, (name,)).fetchone()
    return None if found is None else checked_fact(name, orjson.loads(found[0]))


def bookmark(connection: sqlite3.Connection) -> ReadPosition:
    """How far the list has been read."""
    return ReadPosition(**(metadata(connection, "bookmark") or {}))


def tally(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by how they ended, and those of other kinds that are counted."""
    return checked_counts(connection.execute("SELECT name, count FROM tally"))


def runs(connection: sqlite3.Connection) -> tuple[TimedRun, ...]:
    """Each time that the job was run, in order."""
    return tuple(_timed(told) for told in connection.execute(_RUNS))


def last_run(connection: sqlite3.Connection) -> RunFigures:
    """What the last run has come to."""
    told = connection.execute(_LAST_RUN).fetchone()
    return RunFigures() if told is None else _timed(told).figures


def _timed(told: Sequence[Any]) -> TimedRun:
    began, *figures = checked_run(told)
    return TimedRun(began, RunFigures(**dict(zip(FIGURES, figures, strict=True))))


def status(connection: sqlite3.Connection, path: Path) -> JobStatus:
    """How far the job is; of one moment where the connection is in a transaction."""
    counts, mark = tally(connection), bookmark(connection)
    return JobStatus(
        path=str(path),
        customers=metadata(connection, "customers") or "",
        began=datetime.fromtimestamp(metadata(connection, "began") or 0, UTC),
        rows=mark.rows,
        whole=mark.whole,
        blank=counts.get("blank", 0),
        duplicates=counts.get("duplicates", 0),
        endings=with_all_endings(counts),
    )
