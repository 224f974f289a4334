"""How are the standard streams used for data? Bytes, without buffers that hold something back."""

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import IO, Final, Literal, TextIO, cast

from capillary_interactions._text.printable import printable_json
from capillary_interactions.cli._exit_codes import CannotStartError, StoppedEarlyError

_STANDARD: Final = (0, 1, 2)


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that this process was started without.

    Else the next file that is opened, perhaps a job, has its number, and gets what is written for
    a person.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - a number, for as long as the process lives


def flush_streams() -> None:
    """Flush standard output and error; what cannot be written is dropped.

    Left in its buffer it would be written at exit, and fail with exit code 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            _divert(stream)


def _divert(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is there and is a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


class TerminalJson(io.RawIOBase):
    """JSON on its way to a terminal, which must not be steered by what a server has sent.

    Args:
        terminal: Binary and unbuffered.
    """

    def __init__(self, terminal: IO[bytes]) -> None:
        super().__init__()
        self._terminal = terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    @property
    def closefd(self) -> bool:
        """Whether closing this closes the terminal."""
        return bool(getattr(self._terminal, "closefd", False))

    def close(self) -> None:
        """Close the terminal, unless it is a standard stream."""
        if self.closefd:
            self._terminal.close()
        super().close()

    def fileno(self) -> int:
        """The terminal's."""
        return self._terminal.fileno()

    def writable(self) -> bool:
        """As a terminal is."""
        return True

    def write(self, content: object) -> int:
        """Write all of it, escaped."""
        given = bytes(cast("bytes", content))
        shown = printable_json(self._decoder.decode(given)).encode("utf-8")
        write_whole(self._terminal, shown)
        return len(given)


def write_whole(file: IO[bytes], content: bytes) -> None:
    """Write all of it to an unbuffered file, which may take less than everything at once."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) or 0 :]


def for_data(file: IO[bytes]) -> IO[bytes]:
    """An unbuffered file for JSON; on a terminal with what is not printable escaped."""
    return cast("IO[bytes]", TerminalJson(file)) if file.isatty() else file


def data_out() -> IO[bytes]:
    """Standard output for JSON.

    Raises:
        CannotStartError: It is closed.
    """
    return for_data(unbuffered("stdout"))


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
    """Write something of ours to standard output, as it is.

    Raises:
        StoppedEarlyError: It cannot be written; without words if its reader has gone.
    """
    _write(unbuffered("stdout"), content)


def write_json(content: bytes) -> None:
    """Write JSON to standard output.

    Raises:
        StoppedEarlyError: It cannot be written; without words if its reader has gone.
    """
    _write(data_out(), content)


def _write(stdout: IO[bytes], content: bytes) -> None:
    try:
        write_whole(stdout, content)
    except BrokenPipeError:
        raise StoppedEarlyError("") from None
    except OSError as failed:
        raise StoppedEarlyError(f"standard output cannot be written: {failed.strerror}") from None
