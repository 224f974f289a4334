"""A lock on a job: one process or task at a time; the system frees that of a dead process."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from capillary_interactions.jobs._errors import JobInUseError, JobStoreError

if sys.platform == "win32":  # pragma: no cover - this system has the other one
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN = frozenset({errno.EACCES, errno.EDEADLK, errno.EWOULDBLOCK, errno.EAGAIN})


def try_lock(fd: int) -> bool:
    """Lock an open file until it is closed; False if it is locked already.

    Raises `OSError` if its disk has no locks.
    """
    try:
        _lock(fd)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def beside(path: Path, suffix: str) -> Path:
    """A file beside a job's file, where SQLite puts its own: beside the target of links."""
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}{suffix}")


def in_use_error(path: Path) -> JobInUseError:
    return JobInUseError(
        f"{path} is being run already, by another process or task; "
        "wait until it has ended, or stop it"
    )


class FileLock:
    """A lock on a path, by a file beside it; all names of a path have the same one.

    What is locked need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = beside(path, "-lock")
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JobInUseError: It is taken.
            JobStoreError: The folder cannot be written to, or its disk has no locks.
        """
        if self._fd is not None:
            raise in_use_error(self._path)
        # Links may have changed since the last time.
        self._file = beside(self._path, "-lock")
        while self._fd is None:
            fd = self._open()
            self._lock(fd)
            # The last holder may have removed the file after it was opened here.
            if self._is_current(fd):
                self._fd = fd
            else:
                os.close(fd)

    def release(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            # A file that was removed by hand may have been replaced by another process's.
            with suppress(OSError):
                if self._is_current(fd):
                    self._file.unlink()
            os.close(fd)

    def _open(self) -> int:
        try:
            return os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JobStoreError(f"{self._path} cannot be written: {error.strerror}") from None

    def _lock(self, fd: int) -> None:
        error: Exception = in_use_error(self._path)
        try:
            if try_lock(fd):
                return
        except OSError as os_error:
            error = JobStoreError(
                f"{self._path} cannot be locked: {os_error.strerror}; is it on a network's disk?"
            )
        os.close(fd)
        raise error

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._file.stat())
        except OSError:
            return False
