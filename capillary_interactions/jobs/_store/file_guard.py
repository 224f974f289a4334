"""Is a job's file still where it was opened, and does this process alone change it?

A system lets a file be removed or replaced while it is open: SQLite writes on, into what has no
name any more and is gone when it is closed.
"""

import os
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._store.file_lock import refusal, try_lock

# Closing an ordinary descriptor of the file would give SQLite's locks back, all of this process
# (https://www.sqlite.org/howtocorrupt.html, 2.2); one of this kind has nothing to do with them.
_WATCHING: Final[int | None] = getattr(os, "O_PATH", None)


class FileGuard:
    """Where a job's file was when it was opened.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real = Path(os.path.realpath(path))
        self._wal = self._real.with_name(f"{self._real.name}-wal")
        self._there = _identity(self._real)
        self._watched = None if _WATCHING is None else os.open(self._real, _WATCHING)
        self._claimed: int | None = None

    def close(self) -> None:
        """Let go of it."""
        self.disclaim()
        watched, self._watched = self._watched, None
        if watched is not None:
            os.close(watched)

    def claim(self) -> None:
        """Be the only one to change the job, even where its lock file has been removed.

        Raises:
            JobInUseError: Another process or task has it.
        """
        # SQLite itself locks the other two files, and this one never. It is there as long as the
        # job is open, but where nothing can be written beside the job.
        if self._claimed is not None or sys.platform == "win32":
            return
        with suppress(OSError):
            number = os.open(self._wal, os.O_RDWR)
            try:
                taken = try_lock(number)
            except OSError:
                taken = True  # a disk without locks is found out by the lock file
            if not taken:
                os.close(number)
                raise refusal(self._path)
            self._claimed = number

    def disclaim(self) -> None:
        """Let others change it."""
        number, self._claimed = self._claimed, None
        if number is not None:
            os.close(number)

    def check(self, connection: sqlite3.Connection) -> None:
        """See that what is written ends in the job's file.

        Args:
            connection: To the file; of what has been removed, everything is saved from it.

        Raises:
            JobStoreError: It does not; the text says where it is.
        """
        if _identity(self._real) != self._there:
            raise JobStoreError(self._what_happened(connection))
        if self._claimed is not None and _identity(self._wal) != _identity(self._claimed):
            raise JobStoreError(
                f"{self._wal.name} was removed or replaced while {self._path} was being run: it is "
                "part of the job. What was recorded is kept; run the job again"
            )

    def _what_happened(self, connection: sqlite3.Connection) -> str:
        if self._watched is not None and os.fstat(self._watched).st_nlink:
            return self._moved(connection)
        happened = "replaced" if self._real.exists() else "removed"
        for path in (self._real, self._real.with_name(f"{self._real.name}.saved")):
            with suppress(OSError, sqlite3.Error):
                _save(connection, path)
                return (
                    f"{self._path} was {happened} while it was being run; what was recorded has "
                    f"been saved as {path}: run that job to resume, or remove it"
                )
        return (
            f"{self._path} was {happened} while it was being run, and what was recorded could not "
            "be saved; run the job again to ask for all of it once more"
        )

    def _moved(self, connection: sqlite3.Connection) -> str:
        """Bring into the file what stands beside its old name, which SQLite leaves there."""
        moved = f"{self._path} was moved while it was being run"
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            return f"{moved}, without {self._wal.name}: move that, too, and run it there"
        beside = (self._wal, self._wal.with_name(f"{self._real.name}-shm"))
        for name in () if self._real.exists() else beside:
            with suppress(OSError):
                name.unlink()
        return f"{moved}; what was recorded is in it: run it where it is now"


def _identity(file: Path | int) -> tuple[int, int] | None:
    try:
        there = os.stat(file)  # noqa: PTH116 - a number, too
    except OSError:
        return None
    return there.st_dev, there.st_ino


def _save(connection: sqlite3.Connection, path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(path)) as copy:
            connection.backup(copy)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
