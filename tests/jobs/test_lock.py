"""The lock of a job, under all of its names and on any disk."""

import errno
import fcntl
from pathlib import Path

import pytest

from capillary_interactions.jobs import ExportError, Job, JobInUseError, JobStoreError
from capillary_interactions.jobs._export.atomic_file import atomic_write
from capillary_interactions.jobs._status import RunFigures
from capillary_interactions.jobs._store.file_lock import FileLock
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import mobiles, names, run_job


def test_is_one_for_all_names_of_a_job(tmp_path: Path) -> None:
    """Through a link, a linked folder, and before the job exists."""
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "x.job"
    (tmp_path / "link.job").symlink_to(path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    lock = FileLock(path)
    lock.acquire()
    for other in (tmp_path / "link.job", tmp_path / "b" / "x.job", path):
        with pytest.raises(JobInUseError):
            FileLock(other).acquire()
    lock.release()
    FileLock(tmp_path / "link.job").acquire()


async def test_discards_the_job_behind_a_link(sandbox: Sandbox, tmp_path: Path) -> None:
    """A new one is created there, so that both names still mean one job."""
    path, link = tmp_path / "x.job", tmp_path / "link.job"
    link.symlink_to(path)
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), path)
    async with Job.open(link) as job:
        await job.discard()
    assert not path.exists()
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(5)), link)
    async with Job.open(path) as job:
        assert (await job.status()).done == 5
    assert names(tmp_path) == ["l.csv", "link.job", "x.job"]


async def test_is_held_until_the_figures_are_read(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or they could be those of another run, started since."""
    path, read = tmp_path / "x.job", Store.last_run
    refused: list[bool] = []

    def last_run(store: Store) -> RunFigures:
        with pytest.raises(JobInUseError):
            FileLock(path).acquire()
        refused.append(True)
        return read(store)

    monkeypatch.setattr(Store, "last_run", last_run)
    await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), path)
    assert refused == [True]


def _no_locks(_: int, __: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def test_says_so_where_a_disk_has_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not reported as a job that is being run."""
    monkeypatch.setattr(fcntl, "flock", _no_locks)
    with pytest.raises(JobStoreError, match="cannot be locked: No locks available"):
        FileLock(tmp_path / "x.job").acquire()
    with (
        pytest.raises(ExportError, match=r"o\.csv cannot be written: No locks available"),
        atomic_write(tmp_path / "o.csv"),
    ):
        pass
