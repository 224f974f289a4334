"""How does a person see that it goes on? A bar on a terminal, else a line a minute."""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from capillary_interactions.cli._console import Console
from capillary_interactions.cli._standard_streams import is_terminal
from capillary_interactions.cli._summaries import ProgressState, status

_BAR_EVERY: Final = 0.2
_LINE_EVERY: Final = 60.0
_LOOK_BACK: Final = 30.0


class RateEstimator:
    """Rows a second, as of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, done: int, now: float) -> float:
        """The rate up to now.

        Args:
            done: Rows that have ended by now.
            now: Seconds on any clock that never goes back.
        """
        seen = self._seen
        seen.append((now, done))
        while now - seen[0][0] > _LOOK_BACK and len(seen) > 2:  # noqa: PLR2004 - a span's ends
            seen.popleft()
        (begun, before), span = seen[0], now - seen[0][0]
        return (done - before) / span if span > 0 and begun < now else 0.0


def has_bar(*, data_on_stdout: bool) -> bool:
    """Whether there is a terminal that a bar can be drawn on without spoiling anything."""
    if not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return False
    return not (data_on_stdout and is_terminal(sys.stdout))


async def display_progress(voice: Console, look: Callable[[], ProgressState], *, bar: bool) -> None:
    """Show how far it is, again and again, until cancelled.

    Args:
        voice: Speaks.
        look: What there is to show; its rate is of no account.
        bar: Whether a bar is drawn.
    """
    speed = RateEstimator()

    def now() -> ProgressState:
        moment = look()
        rate = speed.rate(moment.done, time.monotonic())
        return ProgressState(
            done=moment.done, total=moment.total, rate=rate, endings=moment.endings
        )

    now()
    if bar:
        await _draw(voice, now)
    while True:
        await asyncio.sleep(_LINE_EVERY)
        voice.say(status(now()))


async def _draw(voice: Console, now: Callable[[], ProgressState]) -> None:
    columns = BarColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=voice.console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=None)
        while True:
            _draw_once(progress, task, now())
            await asyncio.sleep(_BAR_EVERY)


def _draw_once(progress: Progress, task: TaskID, moment: ProgressState) -> None:
    progress.update(
        task, completed=moment.done, total=moment.total, description=status(moment), refresh=True
    )
