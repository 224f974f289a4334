"""How does a file come into being whole or not at all, whenever its writer is killed?"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._store.file_lock import try_lock
from capillary_interactions.jobs._store.schema import APPLICATION

_PUBLIC: Final = 0o666  # less what the user's umask takes away
_PRIVATE: Final = 0o600
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_SQLITE: Final = b"SQLite format 3\0"
_APPLICATION_AT: Final = 68  # https://www.sqlite.org/fileformat.html#application_id


def check_target(path: Path) -> None:
    """See whether a file could be written there.

    Raises:
        ExportError: It could not, or it is a job.
    """
    try:
        if path.is_dir():
            raise ExportError(f"{path}: it is a directory")
        path.parent.stat()
    except OSError as failed:
        raise ExportError(f"{path}: {failed.strerror}") from None
    _refuse_a_job(path)
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"{path}: its folder cannot be written to")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block is left in peace.

    What a killed writer has left there is written over.

    Raises:
        ExportError: It cannot be written, somebody else is writing it, or it is a job.
    """
    # What a link points to is replaced, not the link.
    path = Path(os.path.realpath(path))
    try:
        _check(path)
        part, number = _begin(path)
    except OSError as failed:
        raise cannot_write(path, failed) from None
    held = [number]
    try:
        yield part
        os.fsync(number)
        _check_part(number, path, part)
        _keep_mode(path, part)
        if sys.platform == "win32":  # pragma: no cover - there, what is open cannot be renamed
            os.close(held.pop())
        part.replace(path)
        _sync_folder(path.parent)
    except BaseException as failed:
        with suppress(OSError):
            part.unlink()
        if isinstance(failed, OSError):
            raise cannot_write(path, failed) from None
        raise
    finally:
        for each in held:
            os.close(each)


def temporary_path(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.part")


def remove_stale_temporary(path: Path) -> None:
    """Remove what a killed writer has left of a file, unless somebody is writing it now."""
    part = temporary_path(path)
    with suppress(OSError):
        number = os.open(part, os.O_RDWR | _NO_LINK)
        try:
            if try_lock(number) and _is_at(number, part):
                part.unlink()
        finally:
            os.close(number)


def cannot_write(path: Path, failed: OSError) -> ExportError:
    """The error for a result that the system does not take."""
    return ExportError(f"{path} cannot be written: {failed.strerror or failed}")


def _check(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise ExportError(f"{path} cannot be written: it is no file")
    _refuse_a_job(path)


def _refuse_a_job(path: Path) -> None:
    """Whatever somebody may have mistyped: hours of asking are not written over."""
    with suppress(OSError):
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(_APPLICATION_AT + 4)
        if head.startswith(_SQLITE) and head[_APPLICATION_AT:] == APPLICATION.to_bytes(4, "big"):
            raise ExportError(f"{path}: it is a job")


def _begin(path: Path) -> tuple[Path, int]:
    part = temporary_path(path)
    # Nobody may read a new result who could not read the old one.
    mode = _PRIVATE if path.exists() else _PUBLIC
    while True:
        _clear(path, part)
        try:
            # New in any case: what is there already another user may have opened.
            number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, mode)
        except FileExistsError:
            continue
        try:
            if _is_taken(number, path, part):
                return part, number
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _clear(path: Path, part: Path) -> None:
    """Remove what a killed writer of ours has left.

    Raises:
        ExportError: It is being written at the moment, or is no file of ours.
    """
    try:
        there = part.lstat()
        own = not hasattr(os, "geteuid") or there.st_uid == os.geteuid()
        if not (own and stat.S_ISREG(there.st_mode) and there.st_nlink == 1):
            raise _in_the_way(path, part)
        number = os.open(part, os.O_RDWR | _NO_LINK)
    except FileNotFoundError:
        return
    try:
        if _is_taken(number, path, part):
            part.unlink()
    finally:
        os.close(number)


def _is_taken(number: int, path: Path, part: Path) -> bool:
    if not try_lock(number):
        raise ExportError(f"{path} is being written by somebody else at the moment")
    # It may have taken its place between our opening and our locking it.
    return _is_at(number, part)


def _is_at(number: int, part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), part.lstat())
    except FileNotFoundError:
        return False


def _check_part(number: int, path: Path, part: Path) -> None:
    if not _is_at(number, part):
        raise _in_the_way(path, part)


def _in_the_way(path: Path, part: Path) -> ExportError:
    return ExportError(f"{path} cannot be written: {part.name} is in the way, and no file of ours")


def _keep_mode(path: Path, part: Path) -> None:
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(path.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    # Not every system can; then the name may be lost with the power, and the job is still there.
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
