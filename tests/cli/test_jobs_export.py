"""What `bulk` and `jobs export` never write over, and how an export is interrupted."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest

from .program import Ran, ended, invoke, json_lines, started

_FAST = ("--sandbox", "--rate", "100000/1", "--quiet")


class Folder:
    """A folder with a list, and a job that is done."""

    def __init__(self, path: Path) -> None:
        self.list = path / "list.csv"
        self.out = path / "out.jsonl"
        self.job = path / "out.jsonl.job"
        self.write(10)
        assert self.bulk().code == 0

    def write(self, count: int) -> None:
        """Write the list."""
        rows = "".join(f"{919_000_000_000 + n}\n" for n in range(count))
        self.list.write_text(f"mobile\n{rows}")

    def grow(self, doublings: int) -> None:
        """Give the job the same rows again and again, as a longer list would have them."""
        double = (
            "INSERT INTO row SELECT number + (SELECT max(number) FROM row), first, value, reason, "
            "cells FROM row"
        )
        with closing(sqlite3.connect(self.job)) as connection, connection:
            for _ in range(doublings):
                connection.execute(double)

    def bulk(self, *options: str) -> Ran:
        """Run `bulk`."""
        command = ("bulk", str(self.list), "--identifier", "mobile", "--out", str(self.out))
        return invoke(*command, *_FAST, *options)

    def export(self, out: Path | None, *options: str) -> Ran:
        """Run `jobs export`."""
        where = () if out is None else ("--out", str(out))
        return invoke("jobs", "export", str(self.job), *where, *options)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a job that is done."""
    return Folder(tmp_path)


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_never_writes_over_the_job_or_its_list(folder: Folder, options: tuple[str, ...]) -> None:
    """Whatever may be overwritten, these may not."""
    job = folder.job.with_name("mine.db")
    shutil.copy(folder.job, job)
    folder.job = job
    for own in (job, folder.list):
        before = own.read_bytes()
        ran = folder.export(own, *options)
        assert ran.code == 2
        assert ran.err.startswith(f"error: --out {own}: it is the ")
        assert own.read_bytes() == before


def test_writes_over_a_foreign_file_only_if_it_may(folder: Folder) -> None:
    """As `bulk` does; an empty file has nothing to lose."""
    out = folder.out.with_name("notes.csv")
    out.touch()
    assert folder.export(out).code == 0
    assert folder.export(out).code == 0
    out.write_text("precious")

    refused = folder.export(out)

    assert refused.code == 2
    assert refused.err == f"error: --out {out}: it exists; give --overwrite, or another name\n"
    assert out.read_text() == "precious"
    assert folder.export(out, "--overwrite").code == 0
    assert out.read_text().startswith("row,")


def test_replaces_its_own_result_and_no_other(folder: Folder) -> None:
    """`bulk` and `jobs export` know each other's results; a foreign file needs --overwrite."""
    os.utime(folder.list, ns=(1, 1))
    assert folder.bulk().code == 0
    assert folder.export(None).code == 0
    assert folder.bulk().code == 0
    folder.out.write_text("foreign\n")

    for refused in (folder.bulk(), folder.export(None)):
        assert refused.code == 2
        assert "it exists; give --overwrite" in refused.err
        assert folder.out.read_text() == "foreign\n"

    assert folder.bulk("--overwrite").code == 0
    assert len(json_lines(folder.out.read_text())) == 10
    assert folder.bulk().code == 0


def test_begins_anew_over_its_own_result(folder: Folder) -> None:
    """`--restart` and the command after it may replace what the job before has written."""
    folder.write(12)
    assert folder.bulk("--restart").code == 0
    assert folder.bulk().code == 0
    assert len(json_lines(folder.out.read_text())) == 12


def _wait_for(path: Path, process: Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and path.stat().st_size:
            return
        time.sleep(0.002)
    pytest.fail(f"{path} has not come")


def test_leaves_all_as_it_was_when_it_is_interrupted(folder: Folder) -> None:
    """The old file stays, and nothing half written beside it."""
    folder.grow(12)
    out = folder.out.with_name("o.csv")
    out.write_text("old")
    command = ("jobs", "export", str(folder.job), "--out", str(out), "--overwrite")
    with started(*command) as process:
        _wait_for(out.with_name(".o.csv.part"), process)
        process.send_signal(signal.SIGINT)
        ran = ended(process)

    assert (ran.code, ran.err) == (130, "interrupted\n")
    assert out.read_text() == "old"
    assert not out.with_name(".o.csv.part").exists()


def test_leaves_no_copy_when_its_reader_makes_it_wait(folder: Folder, tmp_path: Path) -> None:
    """Whatever kills it while it writes to a pipe, no results lie around."""
    folder.grow(8)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = ("jobs", "export", str(folder.job), "--out", "-")
    with started(*command, TMPDIR=str(temporary)) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)

    assert list(temporary.iterdir()) == []
