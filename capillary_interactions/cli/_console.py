"""How does the command speak to the person before it? On stderr, and never in the way of data."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from capillary_interactions._text.printable import printable

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

LEVELS: Final = ("debug", "info", "warning", "error", "off")
_NEVER: Final = logging.CRITICAL + 1
_LOGGER: Final = logging.getLogger("capillary_interactions")


class Console:
    """Lines for a person.

    Args:
        quiet: Whether only what went wrong is said.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @cached_property
    def console(self) -> "RichConsole":
        """Where the lines go, and a progress bar below them."""
        from capillary_interactions.cli._stderr import stderr_console  # noqa: PLC0415 - rich is slow to import

        return stderr_console()

    def say(self, line: str) -> None:
        """Say a line, unless quiet is asked for."""
        if not self.quiet:
            self.complain(line)

    def complain(self, line: str) -> None:
        """Say a line in any case."""
        # Whoever chose a file's name, a list's cells or a server's words must not steer a terminal.
        # Through the console, which knows of the progress bar below.
        with suppress(OSError, ValueError):
            self.console.out(printable(line), highlight=False)

    def show(self, text: str) -> None:
        """Say several lines in any case."""
        for line in text.splitlines():
            self.complain(line)

    @contextmanager
    def logging(self, level: str) -> Iterator[None]:
        """Let the library's log lines be heard, from a level on."""
        ear = _Ear(self)
        before = _LOGGER.level, _LOGGER.propagate
        _LOGGER.addHandler(ear)
        _LOGGER.setLevel(_NEVER if level == "off" else level.upper())
        _LOGGER.propagate = False
        try:
            yield
        finally:
            _LOGGER.removeHandler(ear)
            _LOGGER.level, _LOGGER.propagate = before


class _Ear(logging.Handler):
    def __init__(self, voice: Console) -> None:
        super().__init__()
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        """Say a log line."""
        self._voice.complain(f"{record.levelname.lower()}: {record.getMessage()}")
