"""Outcomes as they end, appended to a file by one process and read by all: an Arrow stream.

A record batch is written in one step. What a killed process has left of its last one is not read,
and no other process appends to its file.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

SUFFIX: Final = ".arrows"
_PRIVATE: Final = 0o600


class JournalWriter:
    """A new file in a folder, begun with its first record batch."""

    def __init__(self, folder: Path, schema: Any) -> None:
        self._path = folder / f"{uuid4().hex}{SUFFIX}"
        self._schema = schema
        self._fd: int | None = None

    def append(self, batch: Any) -> None:
        """Append a record batch, and wait until the disk has it.

        Raises:
            OSError: It cannot be written. The file must not be appended to again.
        """
        if self._fd is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._path, flags, _PRIVATE)
            _write(self._fd, self._schema.serialize())
        _write(self._fd, batch.serialize())
        os.fsync(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _write(fd: int, data: Any) -> None:
    left = memoryview(data).cast("B")
    while left:
        left = left[os.write(fd, left) :]


class JournalReader:
    """A file that may grow, mapped into memory; its answers are read only where they are needed."""

    def __init__(self, arrow: Any, path: Path) -> None:
        self.path = path
        self._arrow = arrow
        self._schema: Any = None
        self._end = 0

    def new_batches(self) -> Iterator[tuple[int, Any]]:
        """Record batches that were appended since the last call, each with its offset."""
        if self.path.stat().st_size <= self._end:
            return
        with self._arrow.memory_map(str(self.path)) as file:
            file.seek(self._end)
            # What is not whole yet, or never will be: a message that is cut off.
            try:
                if self._schema is None:
                    self._schema = self._arrow.ipc.read_schema(self._arrow.ipc.read_message(file))
                    self._end = file.tell()
                while True:
                    batch = self._read(file)
                    offset, self._end = self._end, file.tell()
                    yield offset, batch
            except (EOFError, OSError, self._arrow.ArrowInvalid):
                return

    def batch_at(self, offset: int) -> Any:
        """The record batch at an offset."""
        with self._arrow.memory_map(str(self.path)) as file:
            file.seek(offset)
            return self._read(file)

    def _read(self, file: Any) -> Any:
        message = self._arrow.ipc.read_message(file)
        return self._arrow.ipc.read_record_batch(message, self._schema)
