"""How does a file come into being whole or not at all, whenever its writer is killed?"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._lock import take


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block is left in peace.

    What a killed writer has left there is written over.

    Raises:
        ExportError: It cannot be written, or somebody else is writing it.
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


def cannot_write(path: Path, failed: OSError) -> ExportError:
    """The error for a result that the system does not take."""
    return ExportError(f"{path} cannot be written: {failed.strerror or failed}")


def _check(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise ExportError(f"{path} cannot be written: it is no file")


def _begin(path: Path) -> tuple[Path, int]:
    part = path.with_name(f".{path.name}.part")
    while True:
        number = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            take(number)
        except OSError:
            os.close(number)
            raise ExportError(f"{path} is being written by somebody else at the moment") from None
        with suppress(OSError):
            # It may have taken its place between our opening and our locking it.
            if os.path.samestat(os.fstat(number), part.stat()):
                os.ftruncate(number, 0)
                return part, number
        os.close(number)


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
