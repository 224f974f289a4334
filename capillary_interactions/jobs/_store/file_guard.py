"""Is a job's file still where it was opened, and does this process alone change it?

A file can be removed or replaced while it is open; SQLite then writes on into a file without a
name, which is gone when it is closed.
"""

import os
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._store.file_lock import beside, in_use_error, try_lock

# Closing an ordinary descriptor of the file would release SQLite's locks of the whole process
# (https://www.sqlite.org/howtocorrupt.html, 2.2); one opened with O_PATH has no part in locks.
_O_PATH: Final[int | None] = getattr(os, "O_PATH", None)


class FileGuard:
    """Remembers which file a job was opened from."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real = beside(path, "")
        self._wal = beside(path, "-wal")
        self._identity = _identity(self._real)
        self._file_fd = None if _O_PATH is None else os.open(self._real, _O_PATH)
        self._wal_fd: int | None = None

    def close(self) -> None:
        self.release()
        fd, self._file_fd = self._file_fd, None
        if fd is not None:
            os.close(fd)

    def claim(self) -> None:
        """Lock the job's log: a second lock, which works where the lock file has been removed.

        Raises:
            JobInUseError: Another process or task has it.
        """
        # SQLite itself locks the other two files, and never this one. There is no log where
        # nothing can be written beside the job.
        if self._wal_fd is not None or sys.platform == "win32":
            return
        with suppress(OSError):
            fd = os.open(self._wal, os.O_RDWR)
            try:
                locked = try_lock(fd)
            except OSError:
                locked = True  # `FileLock` reports a disk without locks
            if not locked:
                os.close(fd)
                raise in_use_error(self._path)
            self._wal_fd = fd

    def release(self) -> None:
        fd, self._wal_fd = self._wal_fd, None
        if fd is not None:
            os.close(fd)

    def check(self, connection: sqlite3.Connection) -> None:
        """See that what is written ends in the job's file.

        Args:
            connection: To the file; what a removed file holds is saved from it.

        Raises:
            JobStoreError: It does not; the text says where it is.
        """
        if _identity(self._real) != self._identity:
            raise JobStoreError(self._save(connection))
        if self._wal_fd is not None and _identity(self._wal) != _identity(self._wal_fd):
            raise JobStoreError(
                f"{self._wal.name} was removed or replaced while {self._path} was being run: it is "
                "part of the job. What was recorded is kept; run the job again"
            )

    def _save(self, connection: sqlite3.Connection) -> str:
        if self._file_fd is not None and os.fstat(self._file_fd).st_nlink:
            return self._checkpoint_moved(connection)
        happened = "replaced" if self._real.exists() else "removed"
        for path in (self._real, self._real.with_name(f"{self._real.name}.saved")):
            with suppress(OSError, sqlite3.Error):
                _copy_database(connection, path)
                return (
                    f"{self._path} was {happened} while it was being run; what was recorded has "
                    f"been saved as {path}: run that job to resume, or remove it"
                )
        return (
            f"{self._path} was {happened} while it was being run, and what was recorded could not "
            "be saved; run the job again to ask for all of it once more"
        )

    def _checkpoint_moved(self, connection: sqlite3.Connection) -> str:
        """Move the log's contents into the file: SQLite leaves the log beside the old name."""
        moved = f"{self._path} was moved while it was being run"
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            return f"{moved}, without {self._wal.name}: move that, too, and run it there"
        if not self._real.exists():
            for path in (self._wal, self._wal.with_name(f"{self._real.name}-shm")):
                with suppress(OSError):
                    path.unlink()
        return f"{moved}; what was recorded is in it: run it where it is now"


def _identity(file: Path | int) -> tuple[int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - a descriptor, too
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _copy_database(connection: sqlite3.Connection, path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(path)) as copy:
            connection.backup(copy)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
