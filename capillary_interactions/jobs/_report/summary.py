"""Everything that the report shows of a job, read from its file in one pass."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import orjson
from attrs import frozen

from capillary_interactions.jobs._report.message_counts import MessageCounter, Messages
from capillary_interactions.jobs._report.throughput import Throughput, throughput
from capillary_interactions.jobs._report.timeline import Timeline
from capillary_interactions.jobs._status import Failure, JobStatus, RunFigures
from capillary_interactions.jobs._store.column_values import is_timestamp
from capillary_interactions.jobs._store.connection import connect, sqlite_errors
from capillary_interactions.jobs._store.job_settings import zone_from_text
from capillary_interactions.jobs._store.queries import TimedRun, failures, metadata, runs, status
from capillary_interactions.jobs._store.schema import FAILED

_MAX_FAILURES: Final = 10
# In the order of the table: an index would be read in addition.
_OUTCOMES: Final = (
    "SELECT at, ending, attempts, max(elapsed - waited, 0), answer FROM outcome NOT INDEXED"
)


@frozen(kw_only=True)
class JobSummary:
    """A job at one moment.

    `messages` counts those of each customer once; `zone` names the time zone of their months.
    `last_failures` are without those that are among the first.
    """

    at: datetime
    status: JobStatus
    runs: tuple[TimedRun, ...]
    throughput: Throughput
    messages: Messages
    zone: str
    first_failures: tuple[Failure, ...]
    last_failures: tuple[Failure, ...]

    @property
    def total(self) -> RunFigures:
        """All runs as one; its quota is the mean of theirs."""
        figures = [run.figures for run in self.runs]
        seconds = sum(run.seconds for run in figures)
        allowed = sum(run.quota * run.seconds for run in figures)
        return RunFigures(
            seconds=seconds,
            asked=sum(run.asked for run in figures),
            requests=sum(run.requests for run in figures),
            retries=sum(run.retries for run in figures),
            throttled=sum(run.throttled for run in figures),
            waited=sum(run.waited for run in figures),
            served=sum(run.served for run in figures),
            quota=allowed / seconds if seconds else 0.0,
            refreshed=sum(run.refreshed for run in figures),
            kept=sum(run.kept for run in figures),
            stopped=figures[-1].stopped if figures else None,
        )


def read_summary(job: Path) -> JobSummary:
    """A job as it is now, also during a run, or a `JobStoreError`. Blocks; belongs in a thread."""
    with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
        # One moment of the job, however long this takes.
        connection.execute("BEGIN")
        zone = zone_from_text(metadata(connection, "settings")["timezone"])
        timeline, messages = _read_outcomes(connection, zone)
        started = runs(connection)
        first_failures, last_failures = failures(connection, _MAX_FAILURES)
        return JobSummary(
            at=datetime.now(UTC),
            status=status(connection, job),
            runs=started,
            throughput=throughput(timeline, started),
            messages=messages,
            zone=str(zone),
            first_failures=first_failures,
            last_failures=last_failures,
        )


def _read_outcomes(connection: sqlite3.Connection, zone: tzinfo) -> tuple[Timeline, Messages]:
    timeline, messages = Timeline(), MessageCounter(zone)
    for at, ending, attempts, served, answer in connection.execute(_OUTCOMES):
        if not is_timestamp(at):
            raise ValueError("the time of an outcome is none")
        timeline.add(at, requests=attempts, served=served, failed=ending in FAILED)
        if answer is not None:
            messages.add(orjson.loads(answer))
    return timeline, messages.counted()
