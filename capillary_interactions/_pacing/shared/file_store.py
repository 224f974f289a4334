"""Keeps a shared quota in a file, for the processes of one machine.

The kernel releases the lock of a process that dies, and one write changes the whole record: at
whatever moment a process is killed, the others find the state before or after its exchange.
"""

import asyncio
import errno
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._pacing.shared.quota_record import (
    SIZE,
    ForeignFileError,
    Owner,
    decode_record,
    encode_record,
)
from capillary_interactions._pacing.shared.schedule import Demand, Reply, Schedule, SharedQuota
from capillary_interactions._pacing.shared.store import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
# Others keep the lock for some microseconds: at first it is tried again without waiting.
_SPINS: Final = 20
_FIRST_WAIT: Final = 0.0002
_MAX_WAIT: Final = 0.005
# How often a file is opened again that was replaced meanwhile.
_MAX_REOPENED: Final = 5
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def boot_id(file: Path = _BOOT_ID) -> str:
    """What names the boot of this machine, or "" on a system that does not say."""
    try:
        return file.read_text("ascii").strip()
    except OSError:
        return ""


class FileStore:
    """A `SlotStore` in a file of its own for each key: the path, a dot, and the key's beginning.

    Args:
        path: An absolute path on a local file system.
        key: The key of the quota.
        quota: The quota.
        clock: One clock for all processes of the machine, that begins with its boot.
        boot: What names the boot.

    Raises:
        ConfigurationError: The file cannot be used; it says what to do.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: str,
        quota: SharedQuota,
        *,
        clock: Callable[[], float] = time.monotonic,
        boot: str | None = None,
    ) -> None:
        if fcntl is None:
            raise ConfigurationError(
                "shared cannot be a file on this system, which lacks the locks of POSIX (flock): "
                "use redis://HOST:6379/0"
            )
        self._path = f"{os.fspath(path)}.{key[:16]}"
        self._owner = Owner(key, boot_id() if boot is None else boot)
        self._quota = quota
        self._clock = clock
        self._file: int | None = None
        self._process = 0
        self._seen = False
        self._check(path)

    def _check(self, path: str | os.PathLike[str]) -> None:
        if os.path.isdir(path):  # noqa: PTH112 - as it was given
            raise ConfigurationError(f"shared must name a file, and {path} is a directory")
        try:
            # With nothing wanted it shows whether the file can be read, locked and written.
            self.exchange_now(Demand())
        except StoreError as error:
            raise ConfigurationError(f"shared cannot be used: {error.reason}") from error

    def exchange_now(self, demand: Demand) -> Reply | None:
        """See `SlotStore`; None where another process has kept the lock for long."""
        for _ in range(_SPINS):
            reply = self._attempt(demand)
            if reply is not None:
                return reply
            os.sched_yield()
        return None

    async def exchange(self, demand: Demand) -> Reply:
        wait = _FIRST_WAIT
        while (reply := self._attempt(demand)) is None:
            await asyncio.sleep(wait)
            wait = min(_MAX_WAIT, 2 * wait)
        return reply

    async def close(self) -> None:
        self._forget_file()

    def _attempt(self, demand: Demand) -> Reply | None:
        """Do the step, or return None where another process has the lock."""
        try:
            for _ in range(_MAX_REOPENED):
                file = self._open_file()
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return None
                try:
                    if self._is_current(file):
                        return self._exchange(file, demand)
                finally:
                    fcntl.flock(file, fcntl.LOCK_UN)
                self._forget_file()
        except OSError as error:
            self._forget_file()
            raise StoreError(self._explain(error)) from error
        except ForeignFileError as error:
            raise StoreError(f"{self._path} {error}; name another file") from error
        raise StoreError(f"{self._path} is replaced all the time")

    def _exchange(self, file: int, demand: Demand) -> Reply:
        now = self._clock()
        schedule = self._schedule(os.pread(file, SIZE, 0), now)
        reply = schedule.exchange(self._quota, demand, now)
        os.pwrite(file, encode_record(self._owner, schedule), 0)
        self._seen = True
        return reply

    def _schedule(self, record: bytes, now: float) -> Schedule:
        boot, schedule = decode_record(record, self._owner.key)
        if schedule is None:
            return Schedule.begin(self._quota, now, full_at=now)
        if boot == self._owner.boot:
            return schedule
        if self._seen:
            raise StoreError(
                f"{self._path} is used by another machine, too: use redis://HOST:6379/0 for both"
            )
        # Whatever was sent before the boot has had the time since then to leak.
        return Schedule.begin(self._quota, now, full_at=0.0)

    def _open_file(self) -> int:
        # A child would share the lock of its parent.
        if self._file is not None and self._process == os.getpid():
            return self._file
        self._process = os.getpid()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._file = file = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            self._forget_file()
            raise ForeignFileError("is not a regular file")
        return file

    def _is_current(self, file: int) -> bool:
        """Whether other processes that open the path find this file."""
        try:
            named = os.stat(self._path)  # noqa: PTH116 - a Path takes longer
        except FileNotFoundError:
            return False
        opened = os.fstat(file)
        return (named.st_ino, named.st_dev) == (opened.st_ino, opened.st_dev)

    def _forget_file(self) -> None:
        if self._file is not None:
            # That of a parent is not closed, for the number may be another file's here by now.
            with suppress(OSError):
                if self._process == os.getpid():
                    os.close(self._file)
            self._file = None

    def _explain(self, error: OSError) -> str:
        if error.errno in _NO_LOCKS:
            return (
                f"{self._path} cannot be locked ({error.strerror}): name a file on a local file "
                "system, such as /run or /tmp"
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return (
                f"{self._path} cannot be opened for reading and writing ({error.strerror}): all "
                "processes that share it must be allowed to do so"
            )
        if error.errno == errno.ELOOP:
            return f"{self._path} is a symbolic link, which is not followed: name the file itself"
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return f"{self._path} has no directory: create it, or name another file"
        return f"{self._path} cannot be used ({error.strerror})"
