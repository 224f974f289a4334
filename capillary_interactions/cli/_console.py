"""Messages and log lines for a person: on stderr, never between lines of data."""

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
    """Standard error; `info` prints nothing if `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @cached_property
    def rich(self) -> "RichConsole":
        """Where the lines go, and a progress bar below them."""
        from rich.console import Console as RichConsole  # noqa: PLC0415 - slow to import

        class SilentlyBroken(RichConsole):
            def on_broken_pipe(self) -> None:  # rich's own would end the program
                self.quiet = True

        return SilentlyBroken(stderr=True, highlight=False)

    def info(self, line: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            self.error(line)

    def error(self, line: str) -> None:
        """Print a line, quiet or not."""
        # A file's name, a list's cells or a server's text must not control a terminal.
        # Through rich, which knows of the progress bar below.
        with suppress(OSError, ValueError):
            self.rich.out(printable(line), highlight=False)

    def error_lines(self, text: str) -> None:
        for line in text.splitlines():
            self.error(line)

    @contextmanager
    def logging(self, level: str) -> Iterator[None]:
        """Print the library's log lines, from a level on."""
        handler = _ConsoleHandler(self)
        level_before, propagate_before = _LOGGER.level, _LOGGER.propagate
        _LOGGER.addHandler(handler)
        _LOGGER.setLevel(_NEVER if level == "off" else level.upper())
        _LOGGER.propagate = False
        try:
            yield
        finally:
            _LOGGER.removeHandler(handler)
            # Not by the attribute: a logger remembers which levels were off.
            _LOGGER.setLevel(level_before)
            _LOGGER.propagate = propagate_before


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.error(f"{record.levelname.lower()}: {record.getMessage()}")
