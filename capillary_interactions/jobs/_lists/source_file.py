"""The file or pipe that a list is read from: opening it, and whether it can be read again."""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO, Any, Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.rows import escape_unencodable

_SAMPLE_SIZE: Final = 1 << 16
_MAX_LINKS: Final = 40
# Paths of files that this process has open already: other processes see their own under them.
_DESCRIPTOR: Final = re.compile(
    r"/dev/(?:stdin|fd/(?P<number>\d+))"
    r"|/proc/(?P<process>self|thread-self|\d+)(?:/task/\d+)?/fd/(?P<same>\d+)"
)
_OF_ANOTHER_PROCESS: Final = -1
# A program that writes to a file cannot restore all of these; a copy has others.
_CHANGING: Final = ("size", "sample", "mtime", "ctime", "inode")


def path_to_json(path: Path) -> str | dict[str, str]:
    """A path as JSON can hold it: some file systems have names that are no text."""
    text = str(path.absolute())
    return text if text == escape_unencodable(text) else {"hex": os.fsencode(text).hex()}


def path_from_json(value: str | dict[str, str]) -> Path:
    if isinstance(value, str):
        return Path(value)
    return Path(os.fsdecode(bytes.fromhex(value["hex"])))


def is_rereadable(path: Path) -> bool:
    """Whether a path is a regular file, which has the same content when it is opened again.

    Named pipes, devices, sockets and descriptors of this process (/dev/stdin, /dev/fd/63 as a
    shell makes it for `<(...)`) can be read only once.
    """
    if _descriptor(path) is not None:
        return False
    try:
        mode = path.stat().st_mode
    except OSError:  # it does not exist, or is not accessible; opening it says why
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _descriptor(path: Path) -> int | None:
    """The descriptor that a path stands for, -1 for another process's; None for other paths."""
    name = os.fspath(path.absolute())
    for _ in range(_MAX_LINKS):
        match = _DESCRIPTOR.fullmatch(name)
        if match is not None:
            own = match["process"] in {None, "self", "thread-self", str(os.getpid())}
            return int(match["number"] or match["same"] or 0) if own else _OF_ANOTHER_PROCESS
        try:
            name = os.path.normpath(Path(name).parent / Path(name).readlink())
        except OSError:
            return None
    return None


def open_unbuffered(path: Path) -> IO[bytes]:
    """Open a list so that the rows of a pipe come when they are written.

    Raises:
        ListError: It cannot be opened; the message says why, without its name.
    """
    number = _descriptor(path)
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise ListError(error.strerror or type(error).__name__) from None
        if number is None or number == _OF_ANOTHER_PROCESS:
            raise ListError(
                "it is a socket, which cannot be opened like a file; have a program read it, and "
                "give its output by a pipe, as -"
            ) from None
    # Some programs pass a socket in place of a pipe.
    return os.fdopen(os.dup(number), "rb", buffering=0)


def fingerprint_of(file: IO[bytes]) -> dict[str, Any] | None:
    """Size, times, inode and a hash of both ends of an open file; None if it is no regular file.

    Args:
        file: At its beginning, and afterwards again.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or not file.seekable():
        return None
    sample = hashlib.blake2b(file.read(_SAMPLE_SIZE), digest_size=16)
    if status.st_size > _SAMPLE_SIZE:
        file.seek(-min(_SAMPLE_SIZE, status.st_size - _SAMPLE_SIZE), os.SEEK_END)
        sample.update(file.read(_SAMPLE_SIZE))
    file.seek(0)
    return {
        "size": status.st_size,
        "mtime": status.st_mtime_ns,
        "ctime": status.st_ctime_ns,
        "inode": status.st_ino,
        "sample": sample.hexdigest(),
    }


def check_unmodified(file: IO[bytes], before: dict[str, Any]) -> None:
    """Raise if a file was written to while it was read: its last row may be half of one."""
    now = os.fstat(file.fileno())
    # Files in /proc have no size, and another time at each look.
    if before["size"] and (now.st_size, now.st_mtime_ns) != (before["size"], before["mtime"]):
        raise ListError(
            f"it was written to while it was read: it had {before['size']:,} bytes, and has "
            f"{now.st_size:,}; run it again when the list is complete"
        )


def is_regular_file(file: IO[bytes]) -> bool:
    """Whether reading a file never blocks for long."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (AttributeError, OSError):  # it has no descriptor, or the system does not know it
        return False


def may_be_modified(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a list may have been written to."""
    # Jobs of an earlier version have stored fewer of these.
    return any(before.get(name, now[name]) != now[name] for name in _CHANGING)
