"""How does the command speak to the person before it? On stderr, and never in the way of data."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from rich.console import Console
from rich.text import Text

LEVELS: Final = ("debug", "info", "warning", "error", "off")
_NEVER: Final = logging.CRITICAL + 1
_LOGGER: Final = logging.getLogger("capillary_interactions")


class _Console(Console):
    """A console that keeps quiet when nobody listens, in place of ending the program."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


class Voice:
    """Lines for a person.

    Args:
        quiet: Whether only what went wrong is said.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = _Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """Say a line, unless quiet is asked for."""
        if not self.quiet:
            self.complain(line)

    def complain(self, line: str) -> None:
        """Say a line in any case."""
        # Through the console, which knows of the progress bar below.
        with suppress(OSError, ValueError):
            self.console.print(Text(line), soft_wrap=True)

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
    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        """Say a log line."""
        self._voice.complain(f"{record.levelname.lower()}: {record.getMessage()}")
