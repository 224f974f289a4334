"""A job's file, or one beside it, is removed, moved or replaced during a run."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from capillary_interactions.jobs import (
    CustomerList,
    Job,
    JobInUseError,
    JobStoreError,
    Progress,
    Report,
)
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, mobiles, names, run_job

_CUSTOMERS = 120


def _once(change: Callable[[], object]) -> Callable[[Progress], None]:
    """Call a function once, when some customers have their outcome."""
    done: list[bool] = []

    def watch(progress: Progress) -> None:
        if progress.status.done and not done:
            done.append(True)
            change()

    return watch


def _descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def _disturbed(sandbox: Sandbox, job: Path, change: Callable[[], object]) -> None:
    sandbox.latency = 0.02
    path = mobiles(job.with_name("l.csv"), range(_CUSTOMERS))
    await run_job(sandbox, path, job, progress=_once(change))


async def test_is_saved_where_its_file_was_removed(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A run is never complete with nothing on disk; no answer is lost silently."""
    with pytest.raises(JobStoreError, match=r"list\.job was removed .* run that job to resume"):
        await _disturbed(sandbox, job_path, job_path.unlink)
    async with Job.open(job_path) as job:
        done = (await job.status()).done
    assert done > 0
    received = sandbox.counts.received
    report = await run_job(sandbox, None, job_path)
    assert report.complete
    assert report.run.asked == sandbox.counts.received - received == _CUSTOMERS - done
    assert names(tmp_path, "list.job*") == ["list.job"]
    assert (tmp_path / job_path.name).stat().st_mode & 0o077 == 0


async def test_is_saved_beside_a_file_that_has_replaced_it(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The other file is left as it is."""

    def replace() -> None:
        job_path.unlink()
        job_path.write_bytes(b"another file")

    with pytest.raises(JobStoreError, match=r"was replaced .* saved as .*list\.job\.saved"):
        await _disturbed(sandbox, job_path, replace)
    assert (tmp_path / job_path.name).read_bytes() == b"another file"
    async with Job.open(tmp_path / "list.job.saved") as job:
        assert (await job.status()).done > 0


async def test_is_not_copied_where_it_was_moved(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """What was recorded is in the file, wherever that is now."""
    moved = tmp_path / "moved.job"
    with pytest.raises(JobStoreError, match="was moved while it was being run"):
        await _disturbed(sandbox, job_path, lambda: job_path.rename(moved))
    assert names(tmp_path, "list.job*") == []
    assert (await run_job(sandbox, None, moved)).complete


async def test_reports_that_it_cannot_be_saved(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the copy cannot be written either."""

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("capillary_interactions.jobs._store.file_guard._copy_database", refuse)
    with pytest.raises(JobStoreError, match="could not be saved"):
        await _disturbed(sandbox, job_path, job_path.unlink)


async def test_ends_where_its_log_was_removed(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Another process would start a second log, and damage the job; nothing is lost."""
    log = job_path.with_name("list.job-wal")
    with pytest.raises(JobStoreError, match=r"list\.job-wal was removed or replaced"):
        await _disturbed(sandbox, job_path, log.unlink)
    asked = sandbox.counts.received
    async with Job.open(job_path) as job:
        done = (await job.status()).done
    assert 0 < done <= asked
    assert (await run_job(sandbox, None, job_path)).run.asked == _CUSTOMERS - done


@pytest.mark.parametrize("restart", [False, True])
async def test_is_run_once_though_its_lock_was_removed(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, restart: bool
) -> None:
    """The second run is refused all the same, and leaves the first one and its lock alone."""
    path = mobiles(tmp_path / "l.csv", range(_CUSTOMERS))
    sandbox.latency = 0.02
    started = asyncio.Event()
    lock = job_path.with_name("list.job-lock")

    def remove() -> None:
        lock.unlink()
        started.set()

    first = asyncio.create_task(run_job(sandbox, path, job_path, progress=_once(remove)))
    await started.wait()
    customers = CustomerList(path, identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as second:
        for call in (second.run(client, restart=restart), second.retry(), second.discard()):
            with pytest.raises(JobInUseError, match="is being run already"):
                await call
    lock.write_bytes(b"")
    report: Report = await first
    assert report.complete
    assert sandbox.counts.received == _CUSTOMERS
    assert lock.exists()


async def test_can_be_run_elsewhere_while_it_is_open(
    sandbox: Sandbox, list_path: Path, job_path: Path
) -> None:
    """Between its runs a job is locked by no process, though it is open in one."""
    async with Job.open(job_path, CustomerList(list_path, identifier="mobile")) as job:
        async with client_of(sandbox) as client:
            await job.run(client)
        before = _descriptors()
        assert (await run_job(sandbox, list_path, job_path)).complete
        assert await job.retry() == 0
        assert _descriptors() == before


def _copied(job: Path, copy: Path) -> Callable[[], object]:
    return lambda: copy.write_bytes(job.read_bytes())


async def test_is_not_started_anew_where_it_was_copied_without_its_log(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A copy that lacks what was recorded last is not overwritten, and no customer asked again."""
    copy = tmp_path / "copy.job"
    await _disturbed(sandbox, job_path, _copied(job_path, copy))
    before, received = (tmp_path / copy.name).read_bytes(), sandbox.counts.received
    for restart in (False, True):
        with pytest.raises(JobStoreError, match=r"copy\.job was copied without copy\.job-wal"):
            await run_job(sandbox, tmp_path / "l.csv", copy, restart=restart)
    assert (tmp_path / copy.name).read_bytes() == before
    assert sandbox.counts.received == received
    # The job itself is closed, and complete without a log.
    assert names(tmp_path, "list.job*") == ["list.job"]
    assert (await run_job(sandbox, None, job_path)).run.asked == 0


async def test_is_complete_with_the_log_of_a_killed_process(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Copied together they are the job."""
    copy, log = tmp_path / "copy.job", tmp_path / "copy.job-wal"

    def copied() -> None:
        copy.write_bytes(job_path.read_bytes())
        log.write_bytes(job_path.with_name("list.job-wal").read_bytes())

    await _disturbed(sandbox, job_path, copied)
    report = await run_job(sandbox, tmp_path / "l.csv", copy)
    assert report.complete
    assert report.run.asked < _CUSTOMERS


async def test_is_complete_where_another_program_has_closed_a_killed_job(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The process was killed as it began its log; its lock file tells this from a copy."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), job_path)
    with closing(sqlite3.connect(job_path)) as connection, connection:
        connection.execute("UPDATE fact SET value = 'true' WHERE name = 'log'")
    with pytest.raises(JobStoreError, match="was copied without"):
        await run_job(sandbox, None, job_path)
    (tmp_path / "list.job-lock").touch()
    assert (await run_job(sandbox, None, job_path)).complete
    assert (await run_job(sandbox, None, job_path)).complete
