"""What a person sees while a run lasts: a bar or a line a minute, and each wait and shortage once.

The library's own log is off by default; without this a run that waits looks hung.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from rich.progress import BarColumn, Progress, TextColumn

from capillary_interactions._client.snapshot import Snapshot
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._standard_streams import is_terminal
from capillary_interactions.cli._summaries import ProgressState, status

_BAR_INTERVAL: Final = 0.2
_LINE_INTERVAL: Final = 60
_NOTICE_INTERVAL: Final = 0.5
# A shorter wait is over before it is read, and a later end by less is the same wait.
_MIN_WAIT: Final = 5.0
_MIN_LATER: Final = timedelta(seconds=5)


def has_bar(*, data_on_stdout: bool) -> bool:
    """Whether there is a terminal that a bar can be drawn on without spoiling anything."""
    if not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return False
    return not (data_on_stdout and is_terminal(sys.stdout))


async def display_progress(
    console: Console, read_state: Callable[[], ProgressState], *, bar: bool
) -> None:
    """Show the progress, as a bar or as a line a minute, until cancelled."""
    columns = BarColumn(), TextColumn("{task.description}", markup=False)
    # rich estimates the rate over the last 30 s, whether a bar is drawn or not.
    progress = Progress(*columns, console=console.rich, auto_refresh=False, transient=True)
    task = progress.add_task("", total=None)

    def text() -> str:
        state = read_state()
        progress.update(task, completed=state.done, total=state.total)
        return status(state, progress.tasks[0].speed or 0.0)

    if bar:
        with progress:
            while True:
                progress.update(task, description=text(), refresh=True)
                await asyncio.sleep(_BAR_INTERVAL)
    while True:
        for _ in range(_LINE_INTERVAL):
            line = text()
            await asyncio.sleep(1)
        console.info(line)


class Notices:
    """Lines on waits and shortages, each once for its occasion."""

    def __init__(self) -> None:
        self._resumes: datetime | None = None
        self._shortage: str | None = None
        self._slowed: str | None = None
        self._was_asked = False

    def lines(self, snapshot: Snapshot, now: datetime) -> list[str]:
        """What has changed since the last call."""
        # What one lookup is asked to wait matters if no other one is answered meanwhile.
        asked = snapshot.asked_to_wait if self._was_asked else 0.0
        self._was_asked = snapshot.asked_to_wait > 0
        lines = [self._wait(max(snapshot.cool_down, asked), now)]
        # During a cool-down the wait alone is shown.
        slowed = None if snapshot.cool_down else snapshot.slowed
        if (slowed is None) != (self._slowed is None) and not snapshot.cool_down:
            self._slowed = slowed
            lines.append(None if slowed is None else f"{slowed}: going at {snapshot.rate:.2g}/s")
        if snapshot.shortage != self._shortage:
            self._shortage = snapshot.shortage
            lines.append(snapshot.shortage)
        return [line for line in lines if line is not None]

    def _wait(self, seconds: float, now: datetime) -> str | None:
        if seconds < _MIN_WAIT:
            return None
        resumes = now + timedelta(seconds=seconds)
        if self._resumes is not None and resumes < self._resumes + _MIN_LATER:
            return None
        self._resumes = resumes
        return f"the server asks to wait {ceil(seconds)} s: resuming at {clock(resumes, now)}"


def clock(moment: datetime, now: datetime) -> str:
    """A time of day, with seconds where they matter and the date where it is another one."""
    if moment - now < timedelta(minutes=1):
        return f"{moment:%H:%M:%S}"
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"


async def display_notices(console: Console, snapshot: Callable[[], Snapshot]) -> None:
    """Show what keeps the client waiting, until cancelled."""
    notices = Notices()
    while True:
        for line in notices.lines(snapshot(), datetime.now().astimezone()):
            console.info(line)
        await asyncio.sleep(_NOTICE_INTERVAL)
