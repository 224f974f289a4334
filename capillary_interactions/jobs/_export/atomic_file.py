"""Writes a file completely or not at all, even if the process is killed meanwhile."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._store.file_lock import try_lock
from capillary_interactions.jobs._store.schema import APPLICATION

_PUBLIC: Final = 0o666  # less the user's umask
_PRIVATE: Final = 0o600
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_SQLITE: Final = b"SQLite format 3\0"
_APPLICATION_AT: Final = 68  # https://www.sqlite.org/fileformat.html#application_id


def check_target(path: Path) -> None:
    """Raise ExportError if a file could not be written there, or is a job."""
    try:
        if path.is_dir():
            raise ExportError(f"{path}: it is a directory")
        path.parent.stat()
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from None
    _refuse_job(path)
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"{path}: its folder cannot be written to")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, which replaces it when the block ends without an error.

    What a killed writer has left there is overwritten.

    Raises:
        ExportError: It cannot be written, another process is writing it, or it is a job.
    """
    # The target of a link is replaced, not the link.
    path = Path(os.path.realpath(path))
    try:
        _check_replaceable(path)
        part, file = _create_temporary(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    with file:
        try:
            yield part
            os.fsync(file.fileno())
            _check_in_place(file, path, part)
            _keep_mode(path, part)
            if sys.platform == "win32":  # pragma: no cover - an open file cannot be renamed there
                file.close()
            part.replace(path)
            _sync_folder(path.parent)
        except BaseException as error:
            with suppress(OSError):
                part.unlink()
            if isinstance(error, OSError):
                raise cannot_write(path, error) from None
            raise


def temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def remove_stale_temporary(path: Path) -> None:
    """Remove what a killed writer has left of a file, unless it is being written now."""
    with suppress(OSError, ExportError):
        _remove_temporary(path, temporary_path(path))


def cannot_write(path: Path, error: OSError) -> ExportError:
    return ExportError(f"{path} cannot be written: {error.strerror or error}")


def _check_replaceable(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise ExportError(f"{path} cannot be written: it is no file")
    _refuse_job(path)


def _refuse_job(path: Path) -> None:
    """Raise for a mistyped path: the outcomes of hours are not overwritten."""
    with suppress(OSError):
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(_APPLICATION_AT + 4)
        if head.startswith(_SQLITE) and head[_APPLICATION_AT:] == APPLICATION.to_bytes(4, "big"):
            raise ExportError(f"{path}: it is a job")


def _create_temporary(path: Path) -> tuple[Path, IO[bytes]]:
    part = temporary_path(path)
    # Who could not read the old result cannot read the new one before it is complete.
    mode = _PRIVATE if path.exists() else _PUBLIC
    while True:
        _remove_temporary(path, part)
        try:
            # Always a new file: an existing one may be open in another user's process.
            file = _open(part, os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            continue
        with ExitStack() as stack:
            stack.enter_context(file)
            if _lock_temporary(file, path, part):
                stack.pop_all()
                return part, file


def _remove_temporary(path: Path, part: Path) -> None:
    """Remove what a killed writer of ours has left; an `ExportError` if it is anything else."""
    try:
        status = part.lstat()
        own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
        if not (own and stat.S_ISREG(status.st_mode) and status.st_nlink == 1):
            raise _blocked_error(path, part)
        file = _open(part)
    except FileNotFoundError:
        return
    with file:
        if _lock_temporary(file, path, part):
            part.unlink()


def _open(part: Path, flags: int = 0, mode: int = _PRIVATE) -> IO[bytes]:
    return os.fdopen(os.open(part, os.O_RDWR | _NO_LINK | flags, mode), "r+b", buffering=0)


def _lock_temporary(file: IO[bytes], path: Path, part: Path) -> bool:
    if not try_lock(file.fileno()):
        raise ExportError(f"{path} is being written by another process at the moment")
    # It may have been renamed between opening and locking it.
    return _is_at(file, part)


def _is_at(file: IO[bytes], part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.lstat())
    except FileNotFoundError:
        return False


def _check_in_place(file: IO[bytes], path: Path, part: Path) -> None:
    if not _is_at(file, part):
        raise _blocked_error(path, part)


def _blocked_error(path: Path, part: Path) -> ExportError:
    return ExportError(f"{path} cannot be written: {part.name} is in the way, and no file of ours")


def _keep_mode(path: Path, part: Path) -> None:
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(path.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    # Not every system can; then a power failure may undo the rename, and the job is still there.
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
