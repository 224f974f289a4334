"""What does a person want to know while nothing seems to happen? Said once each, pure but for look.

The library's own log is off by default here; without these lines a run that waits looks hung.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from capillary_interactions._client.snapshot import Snapshot
from capillary_interactions.cli._console import Console

_EVERY: Final = 0.5
# A shorter wait is over before it is read, and a later end by less is the same wait.
_MIN_WAIT: Final = 5.0
_MIN_LATER: Final = timedelta(seconds=5)


class Notices:
    """Lines on waits and shortages, each once for its occasion."""

    def __init__(self) -> None:
        self._resumes: datetime | None = None
        self._shortage: str | None = None
        self._slowed: str | None = None
        self._asked = False

    def lines(self, snapshot: Snapshot, now: datetime) -> list[str]:
        """What there is to say that has not been said.

        Args:
            snapshot: The client.
            now: The local time.
        """
        # What one lookup is asked for is of interest if no other one is answered meanwhile.
        asked = snapshot.asked_to_wait if self._asked else 0.0
        self._asked = snapshot.asked_to_wait > 0
        said = [self._wait(max(snapshot.cool_down, asked), now)]
        # Where nothing is left, the wait has been said.
        slow = None if snapshot.cool_down else snapshot.slowed
        if (slow is None) != (self._slowed is None) and not snapshot.cool_down:
            self._slowed = slow
            said.append(None if slow is None else f"{slow}: going at {snapshot.rate:.2g}/s")
        if snapshot.shortage != self._shortage:
            self._shortage = snapshot.shortage
            said.append(snapshot.shortage)
        return [line for line in said if line is not None]

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


async def notify(voice: Console, look: Callable[[], Snapshot]) -> None:
    """Say what there is to say, again and again, until cancelled."""
    notices = Notices()
    while True:
        for line in notices.lines(look(), datetime.now().astimezone()):
            voice.say(line)
        await asyncio.sleep(_EVERY)
