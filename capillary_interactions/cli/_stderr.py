"""The console on standard error; a file of its own, for rich is slow to import."""

from rich.console import Console


class _Console(Console):
    """A console that is silent when its reader has gone, in place of ending the program."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


def stderr_console() -> Console:
    """A console on standard error."""
    return _Console(stderr=True, highlight=False)
