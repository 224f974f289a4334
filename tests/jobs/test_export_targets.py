"""Which files do results never take the place of, and what do they leave beside?"""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from capillary_interactions.jobs import ExportError, Job, NoJobError
from capillary_interactions.jobs._export import target_guard
from capillary_interactions.jobs._export.atomic_file import atomic_write
from capillary_interactions.jobs._export.target_guard import refuse_job_or_list, was_exported_by
from capillary_interactions.jobs._store import connection as database
from capillary_interactions.jobs._store.file_lock import try_lock
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import exported, mobiles, names, run_job


@pytest.fixture
async def job(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A job that is done, in a file whose name is one of a result, too."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), tmp_path / "self.db")
    return tmp_path / "self.db"


def _linked(path: Path) -> Path:
    link = path.with_name("link.csv")
    link.symlink_to(path)
    return link


def _hard_linked(path: Path) -> Path:
    os.link(path, path.with_name("hard.csv"))
    return path.with_name("hard.csv")


@pytest.mark.parametrize("named", [Path, _linked, _hard_linked], ids=["named", "link", "hard"])
@pytest.mark.parametrize("name", ["self.db", "l.csv"])
async def test_never_takes_the_place_of_the_job_or_its_list(
    job: Path, name: str, named: Callable[[Path], Path]
) -> None:
    """Under whatever name; both are as they were."""
    own = job.with_name(name)
    before = own.read_bytes()
    target = named(own)

    async with Job.open(job) as opened:
        with pytest.raises(ExportError, match=r"it is the (job|list) itself"):
            await opened.export(target, format="csv")
    with pytest.raises(ExportError, match=r"it is the (job|list) itself"):
        refuse_job_or_list(job, target)

    assert own.read_bytes() == before
    assert names(job.parent, ".*.part") == []


async def test_never_takes_the_place_of_a_list_whose_name_is_no_text(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Some disks have such names; a result may have one, too."""
    source = mobiles(tmp_path / os.fsdecode(b"caf\xe9.csv"), range(3))
    await run_job(sandbox, source, tmp_path / "x.job")
    out = source.with_name(os.fsdecode(b"o\xe9.csv"))
    async with Job.open(tmp_path / "x.job") as opened:
        with pytest.raises(ExportError, match="it is the list itself"):
            await opened.export(source)
        await opened.export(out)
    assert was_exported_by(tmp_path / "x.job", out)


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-lock", "-journal"])
async def test_never_takes_a_name_that_the_job_needs(job: Path, suffix: str) -> None:
    """Even where nothing has that name yet."""
    target = job.with_name(f"{job.name}{suffix}")
    async with Job.open(job) as opened:
        with pytest.raises(ExportError, match="it is the job itself"):
            await opened.export(target, format="csv")


@pytest.mark.parametrize("name", ["self.db", "l.csv"])
async def test_writes_no_part_into_the_job_or_its_list(job: Path, name: str) -> None:
    """One of them may have the very name under which a result is begun."""
    async with Job.open(job) as opened:
        os.link(job.with_name(name), job.with_name(".o.csv.part"))
        before = job.with_name(name).read_bytes()
        with pytest.raises(ExportError):
            await opened.export(job.with_name("o.csv"))
    assert job.with_name(name).read_bytes()[:16] == before[:16]


async def test_never_takes_the_place_of_another_job(job: Path, sandbox: Sandbox) -> None:
    """What was asked for in hours is not gone for a wrong name."""
    other = job.with_name("other.db")
    await run_job(sandbox, job.with_name("l.csv"), other)
    async with Job.open(job) as opened:
        with pytest.raises(ExportError, match=r"other\.db: it is a job"):
            await opened.export(other)
    async with Job.open(other) as opened:
        assert (await opened.status()).done == 3


async def test_knows_what_it_has_written(job: Path) -> None:
    """Each of several files, until another program writes there."""
    first, second = await exported(job, "a.csv"), await exported(job, "b.jsonl")
    foreign = job.with_name("c.csv")
    foreign.write_text("precious")

    assert was_exported_by(job, first)
    assert was_exported_by(job, second)
    assert not was_exported_by(job, foreign)

    await exported(job, "a.csv")
    assert was_exported_by(job, first)
    first.write_text("x" * first.stat().st_size)
    os.replace(foreign, second)  # noqa: PTH105 - as mv does
    assert not was_exported_by(job, first)
    assert not was_exported_by(job, second)


async def test_knows_what_it_has_written_though_all_has_moved(job: Path) -> None:
    """A folder may have another name by then."""
    await exported(job, "a.csv")
    folder = job.parent / "moved"
    folder.mkdir()
    for name in (job.name, "a.csv"):
        job.with_name(name).rename(folder / name)
    assert was_exported_by(folder / job.name, folder / "a.csv")


async def test_knows_the_old_result_if_the_next_one_does_not_come(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between writing that down and putting the new one in its place."""
    out = await exported(job, "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _broken)
        with pytest.raises(ExportError):
            await exported(job, "a.csv")
    assert was_exported_by(job, out)


def _broken(_: int) -> None:
    raise OSError(5, "Input/output error")


async def test_writes_though_it_cannot_write_that_down(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may lock the job's file for long; the result is whole, and nothing waits."""
    monkeypatch.setattr(target_guard, "_BUSY_TIMEOUT", 1)
    with closing(sqlite3.connect(job, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        out = await exported(job, "a.csv")
        other.execute("ROLLBACK")
    assert out.read_text().startswith("row,")
    assert not was_exported_by(job, out)


async def test_writes_results_of_a_job_that_can_only_be_looked_at(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a read-only disk."""
    monkeypatch.setattr(database, "_is_frozen", lambda _: True)
    read = job.read_bytes
    before = read()
    out = await exported(job, "a.csv")
    assert out.read_text().startswith("row,")
    assert read() == before


def test_has_written_nothing_if_it_is_none(tmp_path: Path) -> None:
    """No job, and a file that is something else."""
    (tmp_path / "a.csv").write_text("x")
    assert not was_exported_by(tmp_path / "none.job", tmp_path / "a.csv")
    assert not was_exported_by(tmp_path / "a.csv", tmp_path / "a.csv")


async def test_remembers_a_bounded_number_of_results(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last ones that are still there."""
    monkeypatch.setattr(target_guard, "_MAX_EXPORTS", 3)
    first = await exported(job, "first.csv")
    for number in range(5):
        gone = await exported(job, f"gone{number}.jsonl")
        gone.unlink()
    last = await exported(job, "a.csv")
    with closing(sqlite3.connect(job)) as connection:
        (fact,) = connection.execute("SELECT value FROM fact WHERE name = 'exports'").fetchone()
    assert fact.count("jsonl") <= 1
    assert was_exported_by(job, first)
    assert was_exported_by(job, last)


async def test_is_no_job_before_it_has_begun(tmp_path: Path) -> None:
    """Killed after its tables were made and before it had written a word."""
    path = tmp_path / "a.job"
    Store(path, create=True).close()
    async with Job.open(path) as job:
        for ask in (job.status, job.report, job.retry, lambda: job.export(tmp_path / "o.csv")):
            with pytest.raises(NoJobError, match="there is no job at"):
                await ask()


async def test_begins_where_another_run_was_killed_at_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """What that one left is used."""
    path = tmp_path / "a.job"
    Store(path, create=True).close()
    assert (await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), path)).complete


@pytest.mark.parametrize("mode", [0o600, 0o640])
async def test_keeps_what_is_half_written_to_its_owner(job: Path, mode: int) -> None:
    """Who could not read the old result cannot read the new one before it is complete."""
    out = job.with_name("o.csv")
    out.touch()
    out.chmod(mode)
    out.with_name(".o.csv.part").touch(mode=0o666)
    with atomic_write(out) as part:
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert stat.S_IMODE(out.stat().st_mode) == mode


def test_gives_a_new_result_the_usual_mode(tmp_path: Path) -> None:
    """As any program's files have it."""
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "o.csv"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "o.csv").stat().st_mode) == 0o640


def _lay(kind: str, part: Path, precious: Path) -> None:
    match kind:
        case "link":
            part.symlink_to(precious)
        case "hard":
            os.link(precious, part)
        case "pipe":
            os.mkfifo(part)
        case _:
            part.mkdir()


@pytest.mark.parametrize("kind", ["link", "hard", "pipe", "folder"])
async def test_follows_nothing_that_lies_in_the_way(job: Path, kind: str) -> None:
    """What others have put at the name under which a result is begun stays as it was."""
    precious, part = job.with_name("precious"), job.with_name(".o.csv.part")
    precious.write_text("precious")
    _lay(kind, part, precious)
    with pytest.raises(ExportError, match=r"o\.csv cannot be written: "):
        await exported(job, "o.csv")
    assert precious.read_text() == "precious"
    assert not job.with_name("o.csv").exists()


async def test_leaves_nothing_half_written_when_it_is_discarded(job: Path) -> None:
    """What a killed export has left goes with the job, and what is being written now stays."""
    await exported(job, "a.csv")
    await exported(job, "b.csv")
    job.with_name(".a.csv.part").write_text("half")
    with job.with_name(".b.csv.part").open("w") as file:
        assert try_lock(file.fileno())
        async with Job.open(job) as opened:
            await opened.discard()
    assert names(job.parent) == [".b.csv.part", "a.csv", "b.csv", "l.csv"]


async def test_knows_the_result_of_the_job_before_it(job: Path, sandbox: Sandbox) -> None:
    """A job that begins anew may replace it, and what was half written is gone."""
    out = await exported(job, "a.csv")
    job.with_name(".a.csv.part").write_text("half")
    await run_job(sandbox, mobiles(job.with_name("l2.csv"), [7]), job, restart=True)
    assert was_exported_by(job, out)
    assert names(job.parent, ".*.part") == []


def test_writes_into_no_file_that_another_program_has_open(tmp_path: Path) -> None:
    """What lies there under the part's name is removed, and not filled with results."""
    part = tmp_path / ".o.csv.part"
    part.write_text("theirs")
    with part.open() as theirs, atomic_write(tmp_path / "o.csv") as new:
        new.write_text("results")
        assert theirs.read() == "theirs"
    assert (tmp_path / "o.csv").read_text() == "results"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can be two users")
def test_leaves_the_part_of_another_user_alone(tmp_path: Path) -> None:
    """In a shared folder it may be there to read along; the error names it."""
    part = tmp_path / ".o.csv.part"
    part.write_text("theirs")
    os.chown(part, 65534, 65534)
    with (
        pytest.raises(ExportError, match=r"\.o\.csv\.part is in the way, and no file of ours"),
        atomic_write(tmp_path / "o.csv"),
    ):
        pass
    assert part.read_text() == "theirs"
