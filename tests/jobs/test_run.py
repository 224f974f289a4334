"""Runs of a job, the first and later ones."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import (
    Identifier,
    to_jsonable,
)
from capillary_interactions.jobs import (
    CustomerList,
    Job,
    Progress,
)
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, lines_of, mobile, mobiles, names, run_job, write_csv

_VARYING = ("attempts", "elapsed", "waited", "requestId")


def lasting(line: dict[str, Any]) -> dict[str, Any]:
    """What of a line is the same each time."""
    return {name: value for name, value in line.items() if name not in _VARYING}


async def test_ends_every_row_in_one_outcome(tmp_path: Path, job_path: Path) -> None:
    """Found, not found, rejected here and rejected there: each row has what a lookup gives."""
    nulls = {"interaction": [{"name": "sms", "count": 0, "messageList": None}], "name": None}
    refused = {"errors": [{"status": False, "code": 1015, "message": "no"}]}
    answers: dict[str, Any] = {mobile(4): nulls, mobile(3): (400, {}, refused)}
    path = write_csv(
        tmp_path / "l.csv",
        [["mobile"], *([mobile(n)] for n in range(1, 30)), [""], ["1,2"], ["é1"]],
    )
    async with Sandbox(unknown=0.3, answers=answers) as sandbox:
        report = await run_job(sandbox, path, job_path)
        async with client_of(sandbox) as client:
            expected = [
                lasting(to_jsonable(await client.lookup(Identifier.mobile(mobile(n)))))
                for n in range(1, 30)
            ]
    lines = await lines_of(job_path)
    assert [line["row"] for line in lines] == list(range(1, 33))
    assert [lasting(line) for line in lines[:29]] == [
        {"row": row, **line} for row, line in enumerate(expected, 1)
    ]
    assert {line["outcome"] for line in lines[:29]} == {"found", "not_found", "rejected"}
    assert [line["outcome"] for line in lines[29:31]] == ["rejected"] * 2
    assert "blank" in lines[29]["reason"]
    assert report.complete
    assert report.status.rows == 32
    assert sum(report.status.endings.values()) == 32
    assert report.run.asked == report.run.requests == 29


async def test_asks_once_for_a_customer_in_several_rows(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Every row has the outcome, and the counts are of rows."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 1, 3, 2, 1])
    report = await run_job(sandbox, path, job_path)
    lines = await lines_of(job_path)
    assert sandbox.counts.received == 3
    assert lasting(lines[0])["answer"] == lines[2]["answer"] == lines[5]["answer"]
    assert [line["query"]["identifierValue"] for line in lines] == [
        mobile(n) for n in [1, 2, 1, 3, 2, 1]
    ]
    assert report.status.endings["found"] == 6
    assert report.status.duplicates == 3


async def test_does_nothing_again(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """A second run of a complete job sends no request, and does not even need the list."""
    path = mobiles(tmp_path / "l.csv", range(20))
    await run_job(sandbox, path, job_path)
    path.unlink()
    for customers in (path, None):
        report = await run_job(sandbox, customers, job_path)
        assert report.complete
        assert report.run.asked == 0
    assert sandbox.counts.received == 20


async def test_begins_anew_where_it_was_discarded(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, job_path: Path
) -> None:
    """Also for an object that has it open at that time."""
    await run_job(sandbox, list_path, job_path)
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(list_path, identifier="mobile")) as job,
    ):
        async with Job.open(job_path) as other:
            await other.discard()
            assert names(tmp_path) == ["l.csv"]
            await other.discard()
        assert (await job.run(client)).run.asked == 5
    assert len(await lines_of(job_path)) == 5


async def test_can_be_entered_again(sandbox: Sandbox, list_path: Path, job_path: Path) -> None:
    """One object serves for any number of runs."""
    job = Job.open(job_path, CustomerList(list_path, identifier="mobile"))
    async with client_of(sandbox) as client:
        for asked in (5, 0):
            async with job:
                assert (await job.run(client)).run.asked == asked


async def test_keeps_its_file_to_its_owner(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Only the owner can read the job's file and those beside it, also during a run."""
    modes: dict[str, int] = {}

    def look(_: Progress) -> None:
        modes.update({p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("list.job*")})

    sandbox.latency = 0.03
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(200)), job_path, progress=look)
    assert modes.keys() >= {"list.job", "list.job-wal", "list.job-shm", "list.job-lock"}
    assert set(modes.values()) == {0o600}
    assert names(tmp_path, "list.job*") == ["list.job"]


async def test_reports_progress(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Progress rises from what was done before to everything."""
    seen: list[Progress] = []
    sandbox.latency = 0.03
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(200)), job_path, progress=seen.append)
    done = [progress.status.done for progress in seen]
    assert len(done) >= 2
    assert done == sorted(done)
    assert all(progress.status.rows == 200 for progress in seen)
    assert seen[-1].asked > 0
    assert seen[-1].rate > 0


async def _stop_after(requests: int, sandbox: Sandbox, job: Job, drain: float = 30.0) -> None:
    while sandbox.counts.received < requests:
        await asyncio.sleep(0.01)
    job.stop(drain)


async def test_stops_when_asked_and_goes_on(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """What is in progress is recorded; the rest stays open for the next run."""
    path = mobiles(tmp_path / "l.csv", range(300))
    sandbox.latency = 0.01
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        stopping = asyncio.create_task(_stop_after(20, sandbox, job))
        report = await job.run(client)
        await stopping
        asked = sandbox.counts.received
        assert not report.complete
        assert report.run.stopped == "it was asked to stop"
        assert 0 < report.status.done == report.run.asked == asked < 300
        assert any("run it again" in step for step in report.next_steps)
        report = await job.run(client)
    assert report.complete
    assert report.run.stopped is None
    assert sandbox.counts.received == 300


async def test_waits_no_longer_than_the_drain_timeout(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Lookups that have not ended by then stay open."""
    sandbox.script.extend(["hang"] * 8)
    async with (
        client_of(sandbox) as client,
        Job.open(
            job_path, CustomerList(mobiles(tmp_path / "l.csv", range(9)), identifier="mobile")
        ) as job,
    ):
        stopping = asyncio.create_task(_stop_after(8, sandbox, job, 0.05))
        report = await job.run(client)
        await stopping
    assert report.status.open >= 8
    assert report.run.stopped is not None


async def test_records_what_has_ended_when_it_is_cancelled(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A cancelled run leaves no task, and all that had ended in the store."""
    sandbox.latency = 0.005
    before = asyncio.all_tasks()
    task = asyncio.create_task(run_job(sandbox, mobiles(tmp_path / "l.csv", range(500)), job_path))
    while sandbox.counts.answered < 50:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with Job.open(job_path) as job:
        status = await job.status()
        assert status.done >= 40
    assert asyncio.all_tasks() - before <= {t for t in asyncio.all_tasks() if "job" not in str(t)}
    report = await run_job(sandbox, None, job_path)
    assert report.complete
    assert report.run.asked == 500 - status.done


async def test_reopens_rows(tmp_path: Path, job_path: Path) -> None:
    """By default only the unavailable ones are looked up again."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, 2, 4])
    path.write_text(path.read_text() + ",no customer\n")
    broken: dict[str, Any] = {mobile(n): (500, {}, b"no") for n in (2, 4)}
    async with Sandbox(unknown=0, answers=broken) as sandbox:
        report = await run_job(sandbox, path, job_path)
        assert report.status.endings["unavailable"] == 3
        assert [failure.row for failure in report.first_failures] == [2, 5, 6]
        assert mobile(2) not in str(report)
        sandbox.answers = {}
        before = sandbox.counts.received
        async with Job.open(job_path) as job:
            assert await job.retry() == 3
            assert (await job.status()).open == 3
            assert await job.retry() == 0
            with pytest.raises(ValueError, match="an ending must be one of"):
                await job.retry(["gone"])
        report = await run_job(sandbox, path, job_path)
        assert sandbox.counts.received == before + 2
        assert report.status.endings == {
            "found": 5,
            "not_found": 0,
            "rejected": 1,
            "unreadable": 0,
            "unavailable": 0,
        }
        async with Job.open(job_path) as job:
            assert await job.retry(["found", "rejected"]) == 5
            assert (await job.status()).endings["rejected"] == 1


async def test_reports_the_figures_of_a_run(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Requests, retries, and where the time went."""
    sandbox.latency = 0.02
    sandbox.inject("error_500")
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(20)), identifier="mobile")
    async with client_of(sandbox, rate="100/1") as client, Job.open(job_path, customers) as job:
        run = (await job.run(client)).run
        assert (await job.report()).run == run
    assert (run.asked, run.requests, run.retries, run.throttled) == (20, 21, 1, 0)
    assert run.quota == 100.0
    assert run.served >= 20 * 0.02
    assert run.waited > 0
    assert 0 < run.quota_used <= 1.0
    assert run.rate == run.requests / run.seconds
