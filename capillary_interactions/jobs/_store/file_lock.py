"""Who may change a job? One at a time, for as long as its process lives and no longer."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from capillary_interactions.jobs._errors import JobInUseError, JobStoreError

if sys.platform == "win32":  # pragma: no cover - this system has the other one
    import msvcrt

    def _lock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)

    _HELD = frozenset({errno.EACCES, errno.EDEADLK})
else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN})


def try_lock(number: int) -> bool:
    """Lock an open file until it is closed; False if somebody else has it.

    Raises:
        OSError: It is on a disk that has no locks.
    """
    try:
        _lock(number)
    except OSError as failed:
        if failed.errno in _HELD:
            return False
        raise
    return True


class Lock:
    """A lock on a path: a file beside it that the system frees when its holder dies.

    Args:
        path: What is locked; not itself opened. All its names have one lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _lock_file(path)
        self._number: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises:
            JobInUseError: Somebody else has it.
            JobStoreError: The folder cannot be written to, or knows no locks.
        """
        if self._number is not None:
            raise refusal(self._path)
        # Anew each time, for a link may have come or gone.
        self._file = _lock_file(self._path)
        while self._number is None:
            number = self._open()
            self._take(number)
            # Its last holder may have removed the file between our opening and our locking it.
            if self._is_there(number):
                self._number = number
            else:
                os.close(number)

    def release(self) -> None:
        """Give it back, if it is held."""
        number, self._number = self._number, None
        if number is not None:
            # Removed while it is held: who has opened it in between sees that it is gone. If the
            # file was removed by hand, what is there now may be the lock of another process.
            with suppress(OSError):
                if self._is_there(number):
                    self._file.unlink()
            os.close(number)

    def _open(self) -> int:
        try:
            return os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as failed:
            raise JobStoreError(f"{self._path} cannot be written: {failed.strerror}") from None

    def _take(self, number: int) -> None:
        try:
            if try_lock(number):
                return
        except OSError as failed:
            os.close(number)
            raise JobStoreError(
                f"{self._path} cannot be locked: {failed.strerror}; is it on a network's disk?"
            ) from None
        os.close(number)
        raise refusal(self._path)

    def _is_there(self, number: int) -> bool:
        try:
            return os.path.samestat(os.fstat(number), self._file.stat())
        except OSError:
            return False


def refusal(path: Path) -> JobInUseError:
    """The error for a job that another process or task is running."""
    return JobInUseError(
        f"{path} is being run already, by another process or task; "
        "wait until it has ended, or stop it"
    )


def _lock_file(path: Path) -> Path:
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}-lock")
