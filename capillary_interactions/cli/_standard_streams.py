"""The standard streams for data: bytes, without a buffer that could keep some back."""

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import IO, Final, Literal, TextIO, cast

from capillary_interactions._text.printable import printable_json
from capillary_interactions.cli._exit_codes import CannotStartError, write_errors

_STANDARD: Final = (0, 1, 2)


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Else the next file that is opened, perhaps a job, gets its number, and the messages with it.
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
    return stream is not None and not stream.closed and stream.isatty()


class _TerminalJson(io.RawIOBase):
    """JSON for a terminal, which text of a server must not control.

    Args:
        terminal: Binary and unbuffered.
    """

    def __init__(self, terminal: IO[bytes]) -> None:
        super().__init__()
        self._terminal = terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    @property
    def closefd(self) -> bool:
        return bool(getattr(self._terminal, "closefd", False))

    def close(self) -> None:
        close(self._terminal)
        super().close()

    def fileno(self) -> int:
        return self._terminal.fileno()

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        data = bytes(cast("bytes", content))
        escaped = printable_json(self._decoder.decode(data)).encode("utf-8")
        _write_all(self._terminal, escaped)
        return len(data)


def _write_all(file: IO[bytes], content: bytes) -> None:
    # A write to an unbuffered file may take a part only.
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def for_data(file: IO[bytes]) -> IO[bytes]:
    """An unbuffered file for JSON; on a terminal with what is not printable escaped."""
    return cast("IO[bytes]", _TerminalJson(file)) if file.isatty() else file


def data_out() -> IO[bytes]:
    """Standard output for JSON; a `CannotStartError` if it is closed."""
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
    """Write text of our own to standard output.

    Raises:
        StoppedEarlyError: It cannot be written; without a text if its reader has gone.
    """
    with write_errors("standard output"):
        _write_all(unbuffered("stdout"), content)


def write_json(content: bytes) -> None:
    """Write JSON to standard output, as `write_out` does, escaped on a terminal."""
    with write_errors("standard output"):
        _write_all(data_out(), content)
