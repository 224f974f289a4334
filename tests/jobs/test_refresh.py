"""Customers whose answer is old are asked again, and keep it until there is a newer one."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from capillary_interactions import ConfigurationError
from capillary_interactions.jobs import CustomerList, Job, JobInUseError, StopRules
from capillary_interactions.jobs._store.connection import connect
from capillary_interactions.jobs._store.refresh import keeps_earlier
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, lines_of, mobile, mobiles, run_job

_WEEK = timedelta(days=7)
_NOW = timedelta()
_REFUSED: Any = {"errors": [{"status": False, "code": 1015, "message": "no"}]}
_UNKNOWN: Any = orjson.loads(Path("tests/samples/error_flat_not_found.json").read_bytes())


def _age(job: Path, *numbers: int, days: int = 8) -> None:
    """Make the outcomes of some rows older."""
    with closing(sqlite3.connect(job)) as connection, connection:
        connection.executemany(
            "UPDATE outcome SET at = at - ? WHERE first = ?",
            [(86_400 * days, number) for number in numbers],
        )


def _answer(subject: str) -> dict[str, Any]:
    message = {"id": 1, "subject": subject}
    return {"interaction": [{"name": "email", "count": 1, "messageList": [message]}]}


def _change(sandbox: Sandbox, answer: Any) -> None:
    """Have the first customer answered otherwise from now on."""
    sandbox.answers = {**sandbox.answers, mobile(1): answer}


async def _subjects(job: Path) -> dict[int, str]:
    """The subject of each row's only message, in the results."""
    return {
        line["row"]: line["answer"]["interaction"][0]["messageList"][0]["subject"]
        for line in await lines_of(job)
        if line["outcome"] == "found"
    }


async def test_asks_again_only_for_what_is_older(tmp_path: Path, job_path: Path) -> None:
    """The results have the newest answers, duplicates too; the others are not asked for."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, 2])
    answers: dict[str, Any] = {mobile(n): _answer("old") for n in (1, 2, 3)}
    async with Sandbox(answers=answers) as sandbox:
        await run_job(sandbox, path, job_path)
        _age(job_path, 1, 2)
        newer: dict[str, Any] = {mobile(n): _answer("new") for n in (1, 2, 3)}
        sandbox.answers = newer
        report = await run_job(sandbox, path, job_path, refresh=_WEEK)
        again = await run_job(sandbox, path, job_path, refresh=_WEEK)

    assert (report.run.asked, report.run.refreshed, report.run.kept) == (2, 2, 0)
    assert (again.run.asked, again.run.refreshed, again.complete) == (0, 0, True)
    assert await _subjects(job_path) == {1: "new", 2: "new", 3: "old", 4: "new"}
    assert report.status.endings["found"] == 4
    assert [sandbox.received_for(mobile(n)) for n in (1, 2, 3)] == [2, 2, 1]


async def test_counts_rows_by_their_newest_outcome(tmp_path: Path, job_path: Path) -> None:
    """A customer who is unknown by now counts so, with each of their rows."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 1])
    answers: dict[str, Any] = {mobile(n): _answer("x") for n in (1, 2)}
    async with Sandbox(answers=answers) as sandbox:
        await run_job(sandbox, path, job_path)
        _change(sandbox, _UNKNOWN)
        report = await run_job(sandbox, path, job_path, refresh=_NOW)

    endings = {name: count for name, count in report.status.endings.items() if count}
    assert endings == {"found": 1, "not_found": 2}
    assert sorted(line["outcome"] for line in await lines_of(job_path)) == [
        "found",
        "not_found",
        "not_found",
    ]


@table("status", [503, 400, 200])
async def test_keeps_an_answer_where_there_is_no_newer_one(tmp_path: Path, status: int) -> None:
    """Neither of an endpoint that fails, nor of a refusal, nor of what is no answer at all."""
    bodies: dict[int, Any] = {503: b"{}", 400: _REFUSED, 200: {"interaction": 7}}
    path, job_path = mobiles(tmp_path / "l.csv", [1, 2]), tmp_path / f"{status}.job"
    answers: dict[str, Any] = {mobile(n): _answer("old") for n in (1, 2)}
    async with Sandbox(answers=answers) as sandbox:
        await run_job(sandbox, path, job_path)
        _change(sandbox, (status, {}, bodies[status]))
        report = await run_job(sandbox, path, job_path, refresh=_NOW)
        assert (report.run.refreshed, report.run.kept, report.complete) == (1, 1, True)
        assert await _subjects(job_path) == {1: "old", 2: "old"}
        _change(sandbox, _answer("new"))
        _age(job_path, 1)
        report = await run_job(sandbox, path, job_path, refresh=_WEEK)
        assert (report.run.refreshed, report.run.kept) == (1, 0)
        assert await _subjects(job_path) == {1: "new", 2: "old"}


@table(
    ("earlier", "newer", "kept"),
    [
        ("found", "found", False),
        ("found", "not_found", False),
        ("not_found", "found", False),
        ("not_found", "unavailable", True),
        ("found", "rejected", True),
        ("found", "unreadable", True),
        ("unavailable", "unavailable", False),
        ("unavailable", "rejected", False),
        ("rejected", "found", False),
    ],
)
def test_replaces_an_answer_by_an_answer_only(earlier: str, newer: str, kept: bool) -> None:
    """And anything else by what is newer."""
    assert keeps_earlier(earlier, newer) is kept


async def test_goes_on_with_a_refresh_that_was_stopped(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """What was marked stays marked, whatever the next run is given, and has its answer."""
    path = mobiles(tmp_path / "l.csv", range(30))
    await run_job(sandbox, path, job_path)
    first = await run_job(sandbox, path, job_path, refresh=_NOW, limit=10)
    assert (first.status.stale, first.status.done, first.complete) == (20, 30, False)
    assert len(await lines_of(job_path)) == 30
    second = await run_job(sandbox, None, job_path)
    assert (second.run.refreshed, second.status.stale, second.complete) == (20, 0, True)
    assert [sandbox.received_for(mobile(n)) for n in range(30)] == [2] * 30


async def test_leaves_all_answers_during_an_outage(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Nothing is spent on a server that is down; the next run asks again."""
    path = mobiles(tmp_path / "l.csv", range(40))
    await run_job(sandbox, path, job_path)
    sandbox.faults = {"error_500": 1.0}
    stops = StopRules(unanswered=5, probe_initial=0.01, probe_max=0.01, give_up_after=0.05)
    with pytest.raises(Exception, match="had no answer"):
        await run_job(sandbox, path, job_path, refresh=_NOW, stops=stops)
    sandbox.faults = 0.0
    report = await run_job(sandbox, path, job_path)
    assert (report.run.refreshed, report.status.endings["found"]) == (40, 40)


async def test_marks_by_age_and_by_ending(tmp_path: Path, job_path: Path) -> None:
    """`retry` says how many rows these are; without an age outcomes are deleted, as before."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, 1])
    async with Sandbox(unknown=0, answers={mobile(2): (503, {}, b"{}")}) as sandbox:
        await run_job(sandbox, path, job_path)
        _age(job_path, 1, 2)
        async with Job.open(job_path) as job:
            assert await job.retry(["unavailable"], older_than=_WEEK) == 1
            assert (await job.status()).stale == 1
            assert await job.retry(older_than=_WEEK) == 3
            assert await job.retry(older_than=timedelta(days=30)) == 3
            assert (await job.status()).stale == 2
            assert (await job.status()).open == 0
            assert await job.retry() == 1
            assert (await job.status()).open == 1
        sandbox.answers = {}
        report = await run_job(sandbox, path, job_path)
    assert (report.run.refreshed, report.status.stale, report.complete) == (1, 0, True)
    assert report.status.endings["found"] == 4


@table("age", [timedelta(seconds=-1), 7, "7d"])
async def test_refuses_what_is_no_age(sandbox: Sandbox, tmp_path: Path, age: Any) -> None:
    """Before anything is done."""
    job_path = tmp_path / "a.job"
    await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), job_path)
    with pytest.raises(ConfigurationError, match="refresh must be a timedelta of 0 or more"):
        await run_job(sandbox, None, job_path, refresh=age)
    async with Job.open(job_path) as job:
        with pytest.raises(ValueError, match="older_than must be a timedelta"):
            await job.retry(older_than=age)


async def test_marks_nothing_of_a_job_that_is_being_run(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The run would not know."""
    path = mobiles(tmp_path / "l.csv", range(3000))
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        running = asyncio.create_task(job.run(client))
        while not job.is_running:
            await asyncio.sleep(0)
        async with Job.open(job_path) as other:
            with pytest.raises(JobInUseError):
                await other.retry(older_than=_NOW)
        job.stop()
        await running


async def test_refreshes_a_job_of_an_earlier_version(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """It gets the table and the columns that it lacks; where it cannot be written, it is read."""
    path = mobiles(tmp_path / "l.csv", [1, 2])
    await run_job(sandbox, path, job_path)
    with closing(sqlite3.connect(job_path)) as connection, connection:
        connection.execute("DROP TABLE stale")
        connection.execute("ALTER TABLE run DROP COLUMN kept")
        connection.execute("ALTER TABLE run DROP COLUMN refreshed")
    with closing(connect(job_path, read_only=True)) as connection:
        assert connection.execute("SELECT asked, refreshed, kept FROM run").fetchall() == [
            (2, 0, 0)
        ]
    report = await run_job(sandbox, path, job_path, refresh=_NOW)
    assert (report.run.refreshed, report.complete) == (2, True)
