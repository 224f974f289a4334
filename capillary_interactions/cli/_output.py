"""How do lines get into a file or a pipe: whole, soon, and without holding up the event loop?"""

import asyncio
import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from capillary_interactions.cli._bulk_job import job_of
from capillary_interactions.cli._exit_codes import CannotStartError, StoppedEarlyError
from capillary_interactions.cli._standard_streams import close, for_data
from capillary_interactions.jobs import ExportError, check_export
from capillary_interactions.jobs._export.target_guard import was_exported_by

_MOST_WAITING: Final = 1000
_PAUSE: Final = 0.01


def is_streamed(path: str) -> bool:
    """Whether what is written there goes straight on to somebody: a pipe, a device, a socket."""
    try:
        mode = os.stat(path).st_mode if path != "-" else stat.S_IFIFO  # noqa: PTH116
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_out(path: str, *, overwrite: bool, source: str, for_spreadsheets: bool = False) -> None:
    """Whether a file of results may be written.

    Args:
        path: Its name.
        overwrite: Whether what it holds may go, even if its job has not written it.
        source: The list's name.
        for_spreadsheets: Whether it is to be a CSV for spreadsheets.

    Raises:
        CannotStartError: It may not, or cannot.
    """
    file = Path(path)
    if file.is_dir():
        raise CannotStartError(f"--out {path}: it is a directory")
    there = file.exists()
    if there and Path(source).exists() and file.samefile(source):
        raise CannotStartError(f"--out {path}: it is the list itself")
    try:
        check_export(file, for_spreadsheets=for_spreadsheets)
    except ExportError as wrong:
        raise CannotStartError(f"--out {wrong}") from None
    check_overwrite(file, job_of(file), overwrite=overwrite)


def check_overwrite(file: Path, job: Path, *, overwrite: bool) -> None:
    """Whether what a file holds may go.

    Args:
        file: The file.
        job: The job that may replace what it has written itself.
        overwrite: Whether anything may go.

    Raises:
        CannotStartError: It may not.
    """
    if not overwrite and file.exists() and file.stat().st_size and not was_exported_by(job, file):
        raise CannotStartError(f"--out {file}: it exists; give --overwrite, or another name")


def open_out(path: str) -> IO[bytes]:
    """A pipe, a device or an empty file to write lines to.

    Raises:
        CannotStartError: It cannot be opened.
    """
    try:
        file = open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), "wb", buffering=0)  # noqa: PTH123, SIM115 - a number
    except OSError as failed:
        raise CannotStartError(f"--out {path}: {failed.strerror}") from None
    return for_data(file)


class LineWriter:
    """Lines on their way into a file; each is there, whole, when the one write before it is over.

    Args:
        file: Binary and unbuffered.
        name: What a person calls it.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.written = 0
        self._file = file
        self._name = name
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._closing = False
        self._writing = threading.Lock()
        self.writer = asyncio.get_running_loop().create_task(self._write())

    def put(self, line: bytes) -> None:
        """Take a line, with its end."""
        self._waiting.append(line)
        self._news.set()

    async def room(self) -> None:
        """Wait until there is room for more lines."""
        while len(self._waiting) >= _MOST_WAITING and not self.writer.done():
            self._space.clear()
            await self._space.wait()

    async def aclose(self) -> None:
        """Write what is left and close the file.

        Raises:
            StoppedEarlyError: It cannot be written.
        """
        self._closing = True
        self._news.set()
        try:
            await self.writer
        finally:
            with suppress(OSError):
                close(self._file)

    def settle(self, patience: float) -> None:
        """Wait, blocking, until no write is half done; afterwards none begins any more."""
        self._writing.acquire(timeout=patience)

    async def _write(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                batch, self._waiting = self._waiting, []
                self._space.set()
                if batch:
                    await asyncio.to_thread(self._write_whole, b"".join(batch))
                    self.written += len(batch)
                elif self._closing:
                    return
                if self._closing:
                    self._news.set()
        except BrokenPipeError:
            raise StoppedEarlyError("") from None
        except OSError as failed:
            reason = failed.strerror or type(failed).__name__
            raise StoppedEarlyError(f"{self._name} cannot be written: {reason}") from None
        finally:
            self._space.set()

    def _write_whole(self, lines: bytes) -> None:
        """All of the lines, or as many whole ones as fit."""
        left = memoryview(lines)
        with self._writing:
            try:
                while left:
                    # None: somebody has made our pipe a non-blocking one, and it is full.
                    count = self._file.write(left)
                    left = left[count or 0 :]
                    if not count:
                        time.sleep(_PAUSE)
            except OSError:
                self._cut(lines[: len(lines) - len(left)])
                raise

    def _cut(self, written: bytes) -> None:
        """Take back the beginning of a line whose end has found no room."""
        whole = written.rfind(b"\n") + 1
        self.written += written.count(b"\n")
        with suppress(OSError):
            there = os.fstat(self._file.fileno())
            if stat.S_ISREG(there.st_mode):
                os.ftruncate(self._file.fileno(), there.st_size - (len(written) - whole))
