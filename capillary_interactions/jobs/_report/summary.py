"""What is there to see of a job? Read from its file in one pass, however long that is."""

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
from capillary_interactions.jobs._store.queries import (
    TimedRun,
    failures,
    metadata,
    runs,
    status,
)
from capillary_interactions.jobs._store.schema import FAILED

_SHOWN: Final = 10
# In the table's own order: its index would be read beside it.
_OUTCOMES: Final = (
    "SELECT at, ending, attempts, max(elapsed - waited, 0), answer FROM outcome NOT INDEXED"
)


@frozen(kw_only=True)
class JobSummary:
    """A job at one moment.

    Attributes:
        at: Which moment.
        status: How far it was.
        runs: Each time that it was run.
        tempo: How fast it went.
        messages: The messages in its answers, of each customer once.
        zone: The name of the time zone that the months of messages are in.
        first_failures: The first rows that failed.
        last_failures: The last ones of them, those that are among the first left out.
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
        every = [run.figures for run in self.runs]
        seconds = sum(each.seconds for each in every)
        allowed = sum(each.quota * each.seconds for each in every)
        return RunFigures(
            seconds=seconds,
            asked=sum(each.asked for each in every),
            requests=sum(each.requests for each in every),
            retries=sum(each.retries for each in every),
            throttled=sum(each.throttled for each in every),
            waited=sum(each.waited for each in every),
            served=sum(each.served for each in every),
            quota=allowed / seconds if seconds else 0.0,
            stopped=every[-1].stopped if every else None,
        )


def read_summary(job: Path) -> JobSummary:
    """A job as it is now, also while it is being run. Blocks; belongs in a thread.

    Raises:
        JobStoreError: The job cannot be read.
    """
    with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
        # One moment of the job, however long this takes and whoever runs it meanwhile.
        connection.execute("BEGIN")
        return _overview(connection, job)


def _overview(connection: sqlite3.Connection, job: Path) -> JobSummary:
    zone = zone_from_text(metadata(connection, "settings")["timezone"])
    timeline, messages = _counted(connection, zone)
    began, first_and_last = runs(connection), failures(connection, _SHOWN)
    return JobSummary(
        at=datetime.now(UTC),
        status=status(connection, job),
        runs=began,
        throughput=throughput(timeline, began),
        messages=messages,
        zone=str(zone),
        first_failures=first_and_last[0],
        last_failures=first_and_last[1],
    )


def _counted(connection: sqlite3.Connection, zone: tzinfo) -> tuple[Timeline, Messages]:
    timeline, messages = Timeline(), MessageCounter(zone)
    for at, ending, attempts, served, answer in connection.execute(_OUTCOMES):
        if not is_timestamp(at):
            raise ValueError("the time of an outcome is none")
        timeline.add(at, requests=attempts, served=served, failed=ending in FAILED)
        if answer is not None:
            messages.add(orjson.loads(answer))
    return timeline, messages.counted()
