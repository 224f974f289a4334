"""How a person sees that it goes on."""

import asyncio
import io

import pytest

from capillary_interactions.cli._console import Console
from capillary_interactions.cli._progress import display_progress, has_bar
from capillary_interactions.cli._summaries import ProgressState
from capillary_interactions.testing import run_without_waiting
from tests.tables import table


def test_says_a_line_a_minute_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A log of a long run has an hour on a screen."""

    async def five_minutes() -> None:
        state = ProgressState(done=5, total=10, endings={"found": 5})
        async with asyncio.timeout(301):
            await display_progress(Console(), lambda: state, bar=False)

    with pytest.raises(TimeoutError):
        run_without_waiting(five_minutes())

    message = capsys.readouterr().err.splitlines()
    assert len(message) == 5
    assert all(line.startswith("5 of 10 rows (50 %) | ") for line in message)


class _Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._terminal


@table(
    ("out", "err", "term", "data_on_stdout", "bar"),
    [
        (True, True, "xterm", False, True),
        (False, True, "xterm", True, True),
        (True, True, "xterm", True, False),
        (True, False, "xterm", False, False),
        (True, True, "dumb", False, False),
    ],
)
def test_draws_a_bar_only_where_it_spoils_nothing(
    *,
    monkeypatch: pytest.MonkeyPatch,
    out: bool,
    err: bool,
    term: str,
    data_on_stdout: bool,
    bar: bool,
) -> None:
    """Not into a file, not on a terminal without a cursor, not between lines of data."""
    monkeypatch.setattr("sys.stdout", _Stream(terminal=out))
    monkeypatch.setattr("sys.stderr", _Stream(terminal=err))
    monkeypatch.setenv("TERM", term)

    assert has_bar(data_on_stdout=data_on_stdout) is bar
