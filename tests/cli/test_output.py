"""How lines get into a file."""

import asyncio
import errno
import io
import os
from pathlib import Path
from typing import IO, cast

import pytest

from capillary_interactions.cli._bulk_job import job_of
from capillary_interactions.cli._exit_codes import CannotStartError, StoppedEarlyError
from capillary_interactions.cli._output import LineWriter, check_out, is_streamed, open_out


class _Small(io.FileIO):
    """A file on a disk with little room, which takes a few bytes at a time."""

    def __init__(self, path: Path, room: int, error: OSError) -> None:
        super().__init__(path, "wb")
        self._room = room
        self._error = error

    def write(self, content: object) -> int:
        """Take up to seven bytes."""
        taken = bytes(cast("bytes", content))[: min(7, self._room)]
        if not taken:
            raise self._error
        self._room -= len(taken)
        return super().write(taken)


_FULL = OSError(errno.ENOSPC, "No space left on device")


async def _written(file: IO[bytes], *lines: bytes) -> LineWriter:
    sink = LineWriter(file, "x")
    for line in lines:
        await sink.put(line)
    await sink.aclose()
    return sink


async def test_writes_every_line_in_order(tmp_path: Path) -> None:
    """Nothing is lost between two writes, and the file is closed."""
    lines = [b"%d\n" % number for number in range(5000)]
    path = tmp_path / "out"
    file = open_out(str(path))

    sink = await _written(file, *lines)

    assert path.read_bytes() == b"".join(lines)
    assert sink.written == 5000
    assert file.closed


async def test_writes_without_being_asked(tmp_path: Path) -> None:
    """A line is in the file soon after it is there, though no other comes."""
    path = tmp_path / "out"
    sink = LineWriter(open_out(str(path)), "x")
    await sink.put(b"1\n")
    for _ in range(1000):
        if path.read_bytes():
            break
        await asyncio.sleep(0.001)

    assert path.read_bytes() == b"1\n"
    await sink.aclose()


async def test_leaves_whole_lines_on_a_disk_that_is_full(tmp_path: Path) -> None:
    """The beginning of a line that found no room is taken back."""
    path = tmp_path / "out"
    sink = LineWriter(cast("IO[bytes]", _Small(path, 10, _FULL)), "x")
    for line in (b"123\n", b"456\n", b"789\n"):
        await sink.put(line)

    with pytest.raises(StoppedEarlyError, match="x cannot be written: No space left on device"):
        await sink.aclose()

    assert path.read_bytes() == b"123\n456\n"
    assert sink.written == 2


async def test_goes_on_where_a_write_took_only_a_part(tmp_path: Path) -> None:
    """A short write is no error."""
    path = tmp_path / "out"

    await _written(cast("IO[bytes]", _Small(path, 1000, _FULL)), b"1234567890\n", b"abcdefgh\n")

    assert path.read_bytes() == b"1234567890\nabcdefgh\n"


async def test_says_nothing_of_a_reader_that_has_gone() -> None:
    """`| head` is no error that anybody wants to read about."""
    theirs, ours = os.pipe()
    os.close(theirs)
    with (
        io.FileIO(ours, "wb", closefd=False) as pipe,
        pytest.raises(StoppedEarlyError) as gone,
    ):
        await _written(pipe, b"1\n")
    os.close(ours)

    assert str(gone.value) == ""


async def test_holds_up_whoever_is_faster_than_the_file() -> None:
    """Lines wait in a bounded number, and a file that fails blocks no caller."""
    theirs, ours = os.pipe()
    line = b"9" * 999 + b"\n"
    with io.FileIO(ours, "wb") as pipe:
        sink = LineWriter(pipe, "x")
        put = 0

        async def keep_putting() -> None:
            nonlocal put
            while not sink.task.done():
                put += 1
                await sink.put(line)
                await asyncio.sleep(0)

        putting = asyncio.create_task(keep_putting())
        while put < 1000:
            await asyncio.sleep(0.001)
        for _ in range(10):
            await asyncio.sleep(0.001)
        held = put
        os.close(theirs)
        await putting
        with pytest.raises(StoppedEarlyError):
            await sink.aclose()

    # A pipe holds 64 of them, one write is under way with what was there when it began.
    assert held <= 2100


def test_refuses_to_write_over_what_is_there(tmp_path: Path) -> None:
    """Answers that took a day are not gone for a word too few, though a job has that name."""
    path = tmp_path / "out.csv"
    path.write_text("precious")

    with pytest.raises(CannotStartError, match="it exists; give --overwrite"):
        check_out(str(path), overwrite=False, source="-")
    check_out(str(path), overwrite=True, source="-")
    job_of(path).touch()
    with pytest.raises(CannotStartError, match="it exists; give --overwrite"):
        check_out(str(path), overwrite=False, source="-")

    assert path.read_text() == "precious"


def test_accepts_a_name_that_holds_nothing(tmp_path: Path) -> None:
    """A new name and an empty file have nothing to lose."""
    (tmp_path / "empty.parquet").touch()

    check_out(str(tmp_path / "new.jsonl.gz"), overwrite=False, source="-")
    check_out(str(tmp_path / "empty.parquet"), overwrite=False, source="-")


@pytest.mark.parametrize("name", ["out", "out.txt", "out.parquet.gz", "out.job"])
def test_names_the_endings_that_tell_a_format(tmp_path: Path, name: str) -> None:
    """A name that tells no format is refused before anything is asked."""
    with pytest.raises(CannotStartError, match=r"may end in \.jsonl, "):
        check_out(str(tmp_path / name), overwrite=False, source="-")


def test_never_writes_over_the_list_itself(tmp_path: Path) -> None:
    """Not even if it may overwrite, and not through another name."""
    path = tmp_path / "list.csv"
    path.write_text("mobile\n919\n")
    (tmp_path / "link").symlink_to(path)

    with pytest.raises(CannotStartError, match="the list itself"):
        check_out(str(tmp_path / "link"), overwrite=True, source=str(path))


def test_names_what_cannot_be_opened(tmp_path: Path) -> None:
    """A directory, and a name in a directory that is not there."""
    missing = str(tmp_path / "no" / "out.csv")
    with pytest.raises(CannotStartError, match="it is a directory"):
        check_out(str(tmp_path), overwrite=True, source="-")
    for call in (lambda: open_out(missing), lambda: check_out(missing, overwrite=True, source="-")):
        with pytest.raises(CannotStartError, match="No such file or directory"):
            call()


def test_tells_pipes_from_files(tmp_path: Path) -> None:
    """What is read at once needs no job, and can have none."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()

    streamed = [is_streamed(path) for path in ("-", os.devnull, str(tmp_path / "pipe"))]
    kept = [is_streamed(str(tmp_path / name)) for name in ("file", "new", "")]

    assert (streamed, kept) == ([True] * 3, [False] * 3)
