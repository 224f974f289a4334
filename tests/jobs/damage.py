"""Values that a damaged job may hold, and everything that can be done with a job."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import BasicAuth, ClientConfig, InteractionsClient, RateLimit
from capillary_interactions.jobs import CustomerList, Job, JobError
from capillary_interactions.jobs._export.target_guard import was_exported_by
from capillary_interactions.testing import FakeTransport, Response, interactions, message

from .jobs_under_test import mobiles

CONFIG: Final = ClientConfig(
    "https://api.example.test", BasicAuth("u", "p"), rate=RateLimit(1_000_000, 1.0)
)
FORMATS: Final = ("o.jsonl", "o.csv", "o.sqlite", "o.parquet")
VALUES: Final[tuple[Any, ...]] = (
    None, "", "x", "{", "[]", "{}", '{"": 1}', '{"a": {"b": []}}', "[[1]]", "null", '"\\u0000"',
    -1, 0, 2**63 - 1, -(2**63), 1.5, 1e300, float("inf"), b"\xff\x00", "\x1b]0;x\x07", "NaN",
    '{"interaction": 5}', '{"interaction": [{"messageList": [[]]}]}', "[" * 3000, "\ud7ff",
)  # fmt: skip


async def complete_job(folder: Path) -> Path:
    """A complete job with a row of each ending, exported once."""
    transport = FakeTransport([
        interactions(email=[message(1)]), interactions(), 400, Response(status=200, body=b"[]"),
    ])  # fmt: skip
    path = mobiles(folder / "l.csv", [1, 2, 3, 4, 1, 5])
    path.write_text(f"{path.read_text()},no customer\n")
    job = folder / "a.job"
    async with (
        InteractionsClient(CONFIG, transport=transport) as client,
        Job.open(job, CustomerList(path, identifier="mobile")) as running,
    ):
        await running.run(client)
        await running.export(folder / "first.jsonl")
    return job


def everything(job: Path, *, report: bool = False) -> list[str]:
    """Do everything that can be done with a job; return the errors that it may have.

    Any other error is raised, and so is a line that is no JSON in an export of JSON lines.
    """
    return asyncio.run(_everything(job, (*_STEPS, _write_report) if report else _STEPS))


async def _everything(job: Path, steps: tuple[Callable[[Job], Any], ...]) -> list[str]:
    errors: list[str] = []
    was_exported_by(job, job.with_name("first.jsonl"))
    for step in (*steps, Job.discard):
        try:
            async with asyncio.timeout(60.0), Job.open(job) as opened:
                await step(opened)
        except JobError as error:
            errors.append(str(error))
    for line in _lines(job.with_name("o.jsonl")):
        assert isinstance(orjson.loads(line), dict)
    return errors


def _lines(path: Path) -> Iterator[bytes]:
    with suppress(FileNotFoundError):
        yield from path.read_bytes().splitlines()


async def _status(job: Job) -> None:
    report = await job.report()
    repr(report)
    assert report.status.done >= 0
    assert report.next_steps is not None
    assert isinstance(report.run.quota_used, float)


def _exported(name: str) -> Callable[[Job], Any]:
    return lambda job: job.export(job.path.with_name(name))


async def _run(job: Job) -> None:
    async with InteractionsClient(CONFIG, transport=FakeTransport()) as client:
        await job.run(client)


async def _write_report(job: Job) -> None:
    await job.write_report(job.path.with_name("o.html"))


_STEPS: Final[tuple[Callable[[Job], Any], ...]] = (
    _status,
    *map(_exported, FORMATS),
    lambda job: job.retry_damaged(),
    lambda job: job.retry(("not_found", "unreadable")),
    _run,
    _status,
)


def columns_of(job: Path) -> list[tuple[str, str]]:
    """The tables and columns of a job."""
    with closing(sqlite3.connect(job)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [
            (table, row[1])
            for table in tables
            for row in connection.execute(f"PRAGMA table_info({table})")
        ]
