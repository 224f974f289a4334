"""Files of results: whether one may be written, and a writer of lines that blocks no event loop."""

import asyncio
import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from capillary_interactions.cli._bulk_job import job_of
from capillary_interactions.cli._exit_codes import CannotStartError, usage_errors, write_errors
from capillary_interactions.cli._standard_streams import close, for_data
from capillary_interactions.jobs import ExportError, check_export, was_exported_by

_MAX_LINES_WAITING: Final = 1000
_RETRY_INTERVAL: Final = 0.01


def is_streamed(path: str) -> bool:
    """Whether what is written there is read at once: a pipe, a device, a socket."""
    try:
        mode = os.stat(path).st_mode if path != "-" else stat.S_IFIFO  # noqa: PTH116
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_out(path: str, *, overwrite: bool, source: str, for_spreadsheets: bool = False) -> None:
    """Raise `CannotStartError` if a file of results may not be written, or cannot."""
    file = Path(path)
    if file.is_dir():
        raise CannotStartError(f"--out {path}: it is a directory")
    if file.exists() and Path(source).exists() and file.samefile(source):
        raise CannotStartError(f"--out {path}: it is the list itself")
    with usage_errors(ExportError, prefix="--out "):
        check_export(file, for_spreadsheets=for_spreadsheets)
    check_overwrite(file, job_of(file), overwrite=overwrite)


def check_overwrite(file: Path, job: Path, *, overwrite: bool) -> None:
    """Raise `CannotStartError` if a file may not be replaced."""
    if not overwrite and file.exists() and file.stat().st_size and not was_exported_by(job, file):
        raise CannotStartError(f"--out {file}: it exists; give --overwrite, or another name")


def open_out(path: str) -> IO[bytes]:
    """A pipe, a device or an empty file to write lines to, or a `CannotStartError`."""
    try:
        file = open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), "wb", buffering=0)  # noqa: PTH123, SIM115 - a number
    except OSError as error:
        raise CannotStartError(f"--out {path}: {error.strerror}") from None
    return for_data(file)


class LineWriter:
    """Writes lines in a thread; each is there, complete, when the write before it is done.

    Args:
        file: Binary and unbuffered.
        name: What a person calls it.

    Attributes:
        written: Complete lines in the file.
        task: Ends when everything is written, or nothing can be written any more.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.written = 0
        self._file = file
        self._name = name
        self._waiting: list[bytes] = []
        self._changed = asyncio.Event()
        self._has_space = asyncio.Event()
        self._closing = False
        self._write_lock = threading.Lock()
        self.task = asyncio.get_running_loop().create_task(self._write())

    async def put(self, line: bytes) -> None:
        """Take a line, with its end, and wait until there is room for another one."""
        self._waiting.append(line)
        self._changed.set()
        while len(self._waiting) >= _MAX_LINES_WAITING and not self.task.done():
            self._has_space.clear()
            await self._has_space.wait()

    async def aclose(self) -> None:
        """Write what is left and close the file, or raise `StoppedEarlyError`."""
        self._closing = True
        self._changed.set()
        try:
            await self.task
        finally:
            with suppress(OSError):
                close(self._file)

    def flush_blocking(self, timeout: float) -> None:
        """Block until no write is half done; afterwards none starts any more."""
        self._write_lock.acquire(timeout=timeout)

    async def _write(self) -> None:
        try:
            with write_errors(self._name):
                while self._waiting or not self._closing:
                    await self._changed.wait()
                    self._changed.clear()
                    batch, self._waiting = self._waiting, []
                    self._has_space.set()
                    if batch:
                        await asyncio.to_thread(self._write_lines, b"".join(batch))
                        self.written += len(batch)
        finally:
            self._has_space.set()

    def _write_lines(self, lines: bytes) -> None:
        """Write all of the lines, or as many complete ones as fit."""
        rest = memoryview(lines)
        with self._write_lock:
            try:
                while rest:
                    # None: another process has made our pipe a non-blocking one, and it is full.
                    count = self._file.write(rest)
                    rest = rest[count or 0 :]
                    if not count:
                        time.sleep(_RETRY_INTERVAL)
            except OSError:
                self._truncate_partial_line(lines[: len(lines) - len(rest)])
                raise

    def _truncate_partial_line(self, written: bytes) -> None:
        """Remove the beginning of a line whose end did not fit."""
        complete = written.rfind(b"\n") + 1
        self.written += written.count(b"\n")
        with suppress(OSError):
            file = os.fstat(self._file.fileno())
            if stat.S_ISREG(file.st_mode):
                os.ftruncate(self._file.fileno(), file.st_size - (len(written) - complete))
