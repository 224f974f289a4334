"""When are all deadlines of a queue compared with a changed outlook? At once, or a little later."""

import asyncio
import math
from collections.abc import Callable
from typing import Final

# At once where few wait, and else after so many seconds for each of them: a hundredth of the time
# goes into it, though every answer's headers may change the rate.
_FEW: Final = 64
_EVERY: Final = 1e-4
# A pause that is so much longer than the last one that was looked at cannot wait for that.
_LONGER: Final = 1.0


class Reviews:
    """Calls a function that looks at every waiter, often enough and not too often.

    Args:
        review: What is called.
    """

    def __init__(self, review: Callable[[], None]) -> None:
        self._review = review
        self.clear()

    def clear(self) -> None:
        """Forget the event loop that there was."""
        self._at = self._blocked_until = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    def changed(
        self, loop: asyncio.AbstractEventLoop | None, waiting: int, blocked_until: float
    ) -> None:
        """The outlook has changed.

        Args:
            loop: Where they wait, if anywhere.
            waiting: How many.
            blocked_until: The loop's time before which nothing is sent.
        """
        if loop is None or not waiting:
            return
        due = self._at + waiting * _EVERY
        longer = blocked_until > max(loop.time(), self._blocked_until + _LONGER)
        if waiting <= _FEW or loop.time() >= due or longer:
            self._call(loop, blocked_until)
        elif self._timer is None:
            self._timer = loop.call_at(due, self._call, loop, blocked_until)

    def _call(self, loop: asyncio.AbstractEventLoop, blocked_until: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._at, self._blocked_until = loop.time(), blocked_until
        self._review()
