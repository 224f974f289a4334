"""A full disk, a read-only folder, another process at the same job."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from capillary_interactions.jobs import (
    CustomerList,
    ExportError,
    Job,
    JobError,
    JobInUseError,
    JobStoreError,
    Progress,
)
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, exported, lines_of, mobiles, names, run_job

_as_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
_RUN = """
import asyncio, sys
from pathlib import Path
from capillary_interactions.jobs import CustomerList, Job, JobError
from capillary_interactions import BasicAuth, ClientConfig, InteractionsClient

async def main(url, path, job_path):
    config = ClientConfig(url, BasicAuth("sandbox", "sandbox"))
    customers = CustomerList(path, identifier="mobile")
    async with InteractionsClient(config) as client, Job.open(job_path, customers) as job:
        await job.run(client)

try:
    asyncio.run(main(*sys.argv[1:]))
except JobError as error:
    print(type(error).__name__, error)
"""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_survives_a_full_disk(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """A clear error, what was recorded is kept, and with room the job goes on."""
    path = mobiles(tmp_path / "l.csv", range(600))
    customers = CustomerList(path, identifier="mobile")
    sandbox.latency = 0.01
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        before = (await job.run(client, progress=lambda _: job.stop())).status.done
    # Room for a little more, and by far not for all.
    size = (tmp_path / job_path.name).stat().st_size + 100_000
    with (
        largest_file(size),
        pytest.raises(JobStoreError, match="make room and run the job again"),
    ):
        await run_job(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        recorded = (await job.status()).done
    assert 0 < before <= recorded < 600
    received = sandbox.counts.received
    report = await run_job(sandbox, path, job_path)
    assert report.complete
    assert report.run.asked == 600 - recorded == sandbox.counts.received - received
    assert len(await lines_of(job_path)) == 600


@table("name", ["o.jsonl", "o.csv.gz", "o.parquet", "o.sqlite"])
async def test_exports_nothing_rather_than_a_part(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, name: str
) -> None:
    """A result for which there is no room leaves the old one alone."""
    if not names(tmp_path, "*.job"):
        await run_job(sandbox, mobiles(tmp_path / "l.csv", range(450)), job_path)
    (tmp_path / name).write_text("old")
    with largest_file(40_000), pytest.raises(ExportError, match="cannot be written"):
        await exported(job_path, name)
    assert (tmp_path / name).read_text() == "old"
    assert names(tmp_path, ".*") == []
    await exported(job_path, name)


@pytest.mark.parametrize("name", ["no/such/list.job", "l.csv/list.job"])
async def test_reports_that_there_is_no_such_folder(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, name: str
) -> None:
    """Before the first request."""
    with pytest.raises(JobStoreError, match="cannot be written"):
        await run_job(sandbox, list_path, tmp_path / name)
    assert sandbox.counts.received == 0


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the rights of root, which may write everywhere."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
@pytest.mark.parametrize("exists", [False, True])
async def test_reports_that_a_folder_cannot_be_written_to(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, job_path: Path, exists: bool
) -> None:
    """A folder, or a job, of another user."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    if exists:
        await run_job(sandbox, list_path, job_path)
        (tmp_path / job_path.name).chmod(0o644)
    before = names(tmp_path)
    with unprivileged(), pytest.raises(JobStoreError, match="cannot be written"):
        await run_job(sandbox, list_path, job_path)
    assert names(tmp_path) == before
    assert (await run_job(sandbox, list_path, job_path)).complete


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
async def test_can_be_looked_at_where_nothing_can_be_written(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, job_path: Path
) -> None:
    """A job in a folder that can only be read has a status and can be exported elsewhere."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    await run_job(sandbox, list_path, job_path)
    (tmp_path / job_path.name).chmod(0o644)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    before = names(tmp_path)
    with unprivileged():
        async with Job.open(job_path) as job:
            assert (await job.status()).done == 5
            assert await job.export(elsewhere / "o.csv") == 5
        with pytest.raises(JobStoreError, match="cannot be written"):
            await run_job(sandbox, list_path, job_path)
    assert names(tmp_path) == before


@pytest.mark.parametrize("content", [b"not a job at all" * 100, b"SQLite format 3\0" + b"x" * 5000])
async def test_leaves_a_file_alone_that_is_no_job(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, content: bytes
) -> None:
    """It is never overwritten."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(JobStoreError):
        await run_job(sandbox, list_path, path)
    assert path.read_bytes() == content


async def test_leaves_another_database_alone(
    sandbox: Sandbox, list_path: Path, job_path: Path
) -> None:
    """A SQLite file of another program's is no job."""
    with closing(sqlite3.connect(job_path)) as connection:
        connection.execute("CREATE TABLE fact (x)")
    with pytest.raises(JobStoreError, match="is no job's file"):
        await run_job(sandbox, list_path, job_path)


async def test_is_run_by_one_at_a_time(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """The second one is refused with a clear error, in this process and in another one."""
    path = mobiles(tmp_path / "l.csv", range(40))
    sandbox.latency = 0.05
    started = asyncio.Event()
    customers = CustomerList(path, identifier="mobile")

    def watch(_: Progress) -> None:
        started.set()

    first = asyncio.create_task(run_job(sandbox, path, job_path, progress=watch))
    await started.wait()
    async with client_of(sandbox) as client, Job.open(job_path, customers) as second:
        for call in (second.run(client), second.retry()):
            with pytest.raises(JobInUseError, match="is being run already"):
                await call
        assert (await second.status()).rows == 40
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _RUN,
        sandbox.base_url,
        str(path),
        str(job_path),
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if not first.done():
        assert output.startswith(b"JobInUseError")
    assert (await first).complete
    assert sandbox.counts.received == 40


async def test_is_free_again_after_a_death(
    sandbox: Sandbox, list_path: Path, job_path: Path
) -> None:
    """The lock file of a killed process locks nothing."""
    job_path.with_name("list.job-lock").write_bytes(b"")
    report = await run_job(sandbox, list_path, job_path)
    assert report.complete


def test_has_one_root_for_its_errors() -> None:
    """`except JobError` catches them all."""
    for type_ in (ExportError, JobInUseError, JobStoreError):
        assert issubclass(type_, JobError)
