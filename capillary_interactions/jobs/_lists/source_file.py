"""Where do a list's bytes come from, and can they be read a second time?"""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO, Any, Final

from capillary_interactions.jobs._errors import ListError

_SAMPLE: Final = 1 << 16
_MAX_LINKS: Final = 40
# Names of what this process has open already: each process that uses them gets its own.
_DESCRIPTOR: Final = re.compile(
    r"/dev/(?:stdin|fd/(?P<number>\d+))"
    r"|/proc/(?P<process>self|thread-self|\d+)(?:/task/\d+)?/fd/(?P<same>\d+)"
)
_ANOTHERS: Final = -1
_SAME: Final = ("size", "sample")
# What cannot be put back as it was by a program that writes to a file; a copy has others.
_TOUCHED: Final = ("mtime", "ctime", "inode")


def is_rereadable(path: Path) -> bool:
    """Whether a path names a file on a disk, which holds the same when it is opened again.

    A named pipe, a device, a socket, and a descriptor of this process (/dev/stdin, /dev/fd/63 as a
    shell makes it for `<(...)`) hold nothing that can be read twice.
    """
    if _descriptor(path) is not None:
        return False
    try:
        mode = path.stat().st_mode
    except OSError:  # it is gone, or cannot be seen; opening it says why
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path stands for, or None if it is a path like others.

    One of another process has the number -1.
    """
    place = os.fspath(path.absolute())
    for _ in range(_MAX_LINKS):
        found = _DESCRIPTOR.fullmatch(place)
        if found is not None:
            own = found["process"] in {None, "self", "thread-self", str(os.getpid())}
            return int(found["number"] or found["same"] or 0) if own else _ANOTHERS
        try:
            place = os.path.normpath(Path(place).parent / Path(place).readlink())
        except OSError:
            return None
    return None


def open_unbuffered(path: Path) -> IO[bytes]:
    """A list's file, unbuffered, so that a pipe's rows come when they come.

    Raises:
        ListError: It cannot be opened; the text says why, without its name.
    """
    number = _descriptor(path)
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise ListError(error.strerror or type(error).__name__) from None
        if number is None or number == _ANOTHERS:
            raise ListError(
                "it is a socket, which cannot be opened like a file; have a program read it, and "
                "give its output by a pipe, as -"
            ) from None
    # A socket that another process has given to this one, as some do in place of a pipe.
    return os.fdopen(os.dup(number), "rb", buffering=0)


def fingerprint_of(file: IO[bytes]) -> dict[str, Any] | None:
    """What a file that has just been opened looks like from outside.

    Args:
        file: At its beginning; it is there again afterwards.

    Returns:
        Plain values; None if it is no file on a disk, of which nothing is read.
    """
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or not file.seekable():
        return None
    sample = hashlib.blake2b(file.read(_SAMPLE), digest_size=16)
    if found.st_size > _SAMPLE:
        file.seek(-min(_SAMPLE, found.st_size - _SAMPLE), os.SEEK_END)
        sample.update(file.read(_SAMPLE))
    file.seek(0)
    return {
        "size": found.st_size,
        "mtime": found.st_mtime_ns,
        "ctime": found.st_ctime_ns,
        "inode": found.st_ino,
        "sample": sample.hexdigest(),
    }


def check_unmodified(file: IO[bytes], before: dict[str, Any]) -> None:
    """See that nothing was written to a file while it was read.

    Args:
        file: The file, read to its end.
        before: What `look` gave.

    Raises:
        ListError: Something was; what was read may end in the middle of a row.
    """
    now = os.fstat(file.fileno())
    # Some files that a kernel makes up have no size, and another time at each look.
    if before["size"] and (now.st_size, now.st_mtime_ns) != (before["size"], before["mtime"]):
        raise ListError(
            f"it was written to while it was read: it had {before['size']:,} bytes, and has "
            f"{now.st_size:,}; run it again when the list is complete"
        )


def is_regular_file(file: IO[bytes]) -> bool:
    """Whether it is a file on a disk, which is never silent."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (AttributeError, OSError):  # it has no number, or none that the system knows
        return False


def may_be_modified(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a list may have been written to, though it looks the same."""
    # Jobs of an earlier version remember less.
    return any(before.get(each, now[each]) != now[each] for each in _TOUCHED)


def describe_change(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """How a list differs from what it was, in words; None if it does not seem to."""
    if before["size"] != now["size"]:
        return f"it had {before['size']:,} bytes, and has {now['size']:,}"
    return "its content differs" if any(before[each] != now[each] for each in _SAME) else None
