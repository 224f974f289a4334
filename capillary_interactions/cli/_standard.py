"""How are the standard streams used for data? Bytes, without buffers that hold something back."""

import io
import sys
from contextlib import suppress
from typing import IO, Literal

from capillary_interactions.cli._exits import CannotStartError, StoppedEarlyError


def unbuffered(name: Literal["stdin", "stdout"]) -> IO[bytes]:
    """A standard stream without its buffer, whose lock could outlive the thread that holds it.

    Raises:
        CannotStartError: It is closed.
    """
    stream, mode = (sys.stdin, "rb") if name == "stdin" else (sys.stdout, "wb")
    if stream is None or stream.closed:
        raise CannotStartError(f"{name} is closed")
    with suppress(io.UnsupportedOperation):
        return open(stream.fileno(), mode, buffering=0, closefd=False)
    return stream.buffer


def close(file: IO[bytes]) -> None:
    """Close a file that was opened here; a standard stream stays open."""
    if getattr(file, "closefd", False):
        file.close()


def write_out(content: bytes) -> None:
    """Write something to standard output.

    Raises:
        StoppedEarlyError: It cannot be written; without words if its reader has gone.
    """
    try:
        # A pipe may take less than everything at once.
        left, stdout = memoryview(content), unbuffered("stdout")
        while left:
            left = left[stdout.write(left) or 0 :]
    except BrokenPipeError:
        raise StoppedEarlyError("") from None
    except OSError as failed:
        raise StoppedEarlyError(f"standard output cannot be written: {failed.strerror}") from None
