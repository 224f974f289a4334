"""What cannot be read twice is read once: lists that are pipes, though named like files."""

import asyncio
import gzip
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
import zstandard
from pyarrow import parquet

from capillary_interactions.jobs import CustomerList, Job, JobChangedError, ListError
from capillary_interactions.jobs._lists.source_file import is_rereadable
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, lines_of, mobile, mobiles, read, run_job

_CHUNK = 1 << 16
_LINE = len("919000000000\n")


def _send(target: int | str, content: bytes) -> None:
    with open(target, "wb", buffering=0) as file:  # noqa: PTH123 - maybe a number
        view = memoryview(content)
        while view:
            view = view[file.write(view) or 0 :]


@contextmanager
def _writing(target: int | str, content: bytes) -> Iterator[None]:
    """A program that writes a list into a pipe; a closed pipe would be its error."""
    errors: list[Exception] = []

    def write() -> None:
        try:
            _send(target, content)
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()
    assert errors == []


@contextmanager
def _named(folder: Path, content: bytes) -> Iterator[str]:
    path = str(folder / "pipe")
    os.mkfifo(path)
    with _writing(path, content):
        yield path


@contextmanager
def _descriptor(_: Path, content: bytes, under: str = "/dev/fd") -> Iterator[str]:
    reading, writing = os.pipe()
    try:
        with _writing(writing, content):
            yield f"{under}/{reading}"
    finally:
        os.close(reading)


@contextmanager
def _socket(_: Path, content: bytes) -> Iterator[str]:
    ours, theirs = socket.socketpair()
    try:
        with _writing(theirs.detach(), content):
            yield f"/dev/fd/{ours.fileno()}"
    finally:
        ours.close()


@contextmanager
def _open_file(folder: Path, content: bytes) -> Iterator[str]:
    (folder / "list").write_bytes(content)
    with (folder / "list").open("rb") as file:
        yield f"/proc/self/fd/{file.fileno()}"


_SOURCES = [_named, _descriptor, partial(_descriptor, under="/proc/self/fd"), _socket, _open_file]


@pytest.mark.parametrize("source", _SOURCES)
@pytest.mark.parametrize("size", [20 * _LINE, _CHUNK - 1, _CHUNK, _CHUNK + 1, 1 << 18])
def test_reads_every_row_of_a_pipe_once(
    tmp_path: Path, source: Callable[..., Any], size: int
) -> None:
    """Every row comes, in order, whole: nothing of what cannot be read twice is spent on a look."""
    numbers = [mobile(n) for n in range(size // _LINE)]
    content = "\n".join([*numbers, "9" * (size % _LINE + 12)]).encode()
    with source(tmp_path, content) as path:
        rows, _ = read(Path(path))
    assert [row.value for row in rows] == [*numbers, "9" * (size % _LINE + 12)]


def _parquet(numbers: list[str]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"mobile": numbers}), file)
    return file.getvalue()


def _arrow_stream(numbers: list[str]) -> bytes:
    file = io.BytesIO()
    table = pa.table({"mobile": numbers})
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def _csv(numbers: list[str]) -> bytes:
    return "\n".join(["id,mobile", *(f"1,{each}" for each in numbers)]).encode()


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (_csv, {"column": "2"}),
        (lambda numbers: gzip.compress(_csv(numbers), mtime=0), {}),
        (lambda numbers: zstandard.compress(_csv(numbers)), {}),
        (lambda numbers: "".join(f'{{"mobile": {n}}}\n' for n in numbers).encode(), {}),
        (_parquet, {}),
        (_arrow_stream, {"format": "arrow"}),
    ],
)
def test_reads_every_format_from_a_pipe_with_a_name(
    tmp_path: Path, write: Any, options: dict[str, Any]
) -> None:
    """Also what is packed, and what is read from its end, or in larger pieces than a pipe gives."""
    numbers = [mobile(n) for n in range(9000)]
    with _descriptor(tmp_path, write(numbers)) as path:
        rows, _ = read(Path(path), **options)
    assert [row.value for row in rows] == numbers


async def test_runs_a_job_on_a_pipe_with_a_name(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Every row has its outcome; the same command again compares what is read then."""
    numbers = [mobile(n) for n in range(100)]
    content = "mobile,note\n" + "".join(f"{each},{'x' * 1000}\n" for each in numbers)
    for _ in range(2):
        with _descriptor(tmp_path, content.encode()) as path:
            customers = CustomerList(path, identifier="mobile")
            assert (await run_job(sandbox, customers, job_path)).complete
    assert sandbox.counts.received == len(numbers)
    assert [line["query"]["identifierValue"] for line in await lines_of(job_path)] == numbers


async def test_goes_on_with_a_pipe_only_where_its_rows_are_the_same(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The job of a pipe is compared by what was read of it, and remembers no path to open."""
    with _descriptor(tmp_path, b"919000000001\n919000000002\n") as path:
        await run_job(sandbox, CustomerList(path, identifier="mobile"), job_path)
    assert (await run_job(sandbox, None, job_path)).complete
    with (
        _descriptor(tmp_path, b"919000000001\n919000000003\n") as path,
        pytest.raises(JobChangedError, match="its rows differ"),
    ):
        await run_job(sandbox, CustomerList(path, identifier="mobile"), job_path)


async def test_can_be_cancelled_before_a_named_pipe_has_a_writer(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A pipe that no program has opened yet holds up a thread, and no event loop."""
    os.mkfifo(tmp_path / "pipe")
    customers = CustomerList(tmp_path / "pipe", identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.run(client), 0.05)
    # The thread that waits for a writer sees one, and ends.
    os.close(os.open(tmp_path / "pipe", os.O_WRONLY))


def test_says_that_a_socket_is_no_file(tmp_path: Path) -> None:
    """A socket in the file system cannot be opened; the way on is named."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(ListError, match=r"it is a socket.* by a pipe, as -"):
            read(tmp_path / "s")


def test_waits_for_a_pipe_that_does_not_block() -> None:
    """Another process may have made it so; that it is empty for now is not its end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as file:  # noqa: PTH123 - a number
        timer = threading.Timer(0.03, _send, (writing, b"919000000001\n919000000002\n"))
        timer.start()
        assert [row.value for row in read(file)[0]] == [mobile(1), mobile(2)]
        timer.join()


def test_knows_what_can_be_read_twice(tmp_path: Path) -> None:
    """A file on a disk, by whatever path; not what stands for an open file of this process."""
    path = mobiles(tmp_path / "l.csv", range(3))
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "stdin").symlink_to("/dev/stdin")
    assert is_rereadable(path)
    assert is_rereadable(tmp_path / "link")
    assert is_rereadable(tmp_path / "none")
    for name in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/null", tmp_path / "stdin"):
        assert not is_rereadable(Path(name))


@pytest.mark.parametrize("end", ["919000000", "919000000009\n"])
async def test_refuses_a_list_that_grows_while_it_is_read(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Its last row may be half of one, and no half of a number is asked for."""
    path = mobiles(tmp_path / "l.csv", range(3))
    rows = CustomerList.rows

    def grows(self: CustomerList, *given: Any) -> Any:
        with path.open("a") as file:
            file.write(end)
        return rows(self, *given)

    monkeypatch.setattr(CustomerList, "rows", grows)
    with pytest.raises(ListError, match="it was written to while it was read: it had 67 bytes"):
        await run_job(sandbox, path, job_path)
    assert sandbox.counts.received == 0


async def test_compares_the_file_that_is_read(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that is replaced between a look at it and its reading is not taken for the old one."""
    path = mobiles(tmp_path / "l.csv", range(9000))
    other = mobiles(tmp_path / "n.csv", range(1, 9001))
    async with client_of(sandbox) as client:
        customers = CustomerList(path, identifier="mobile")
        async with Job.open(job_path, customers) as job:
            await job.run(client, progress=lambda _: job.stop())
            assert not (await job.status()).whole
    opened = CustomerList.open

    def replaced(self: CustomerList) -> Any:
        if other.exists():
            file = opened(self)  # the look
            other.replace(path)
            return file
        return opened(self)

    monkeypatch.setattr(CustomerList, "open", replaced)
    with pytest.raises(JobChangedError, match="its row 1 differs"):
        await run_job(sandbox, path, job_path)
