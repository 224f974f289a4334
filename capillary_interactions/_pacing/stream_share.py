"""A stream's share of the rate: a smaller bucket that it passes before the pace."""

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

from capillary_interactions._config.validation import check_seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._pacing.bucket import Bucket
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError
from capillary_interactions._text.masking import describe_value

# One at a time, and half of the next one's time for timers that fire late: without it, a share of
# 40 a second would lose a tenth.
_CATCH_UP: Final = 1.5
# The rate may have risen meanwhile, as when the server's window has ended.
_LOOK_AGAIN: Final = 1.0


class _OrderedLock:
    """A lock that goes to the waiter with the lowest number."""

    def __init__(self) -> None:
        self._held = False
        # A call that queues again may find its own number here: the second integer keeps futures
        # from being compared.
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    async def acquire(self, number: int) -> None:
        if not self._held:
            self._held = True
            return
        waiter = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (number, next(self._arrivals), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.release()
            raise

    def release(self) -> None:
        while self._waiting:
            waiter = heappop(self._waiting)[-1]
            if not waiter.done():
                waiter.set_result(None)
                return
        self._held = False


class TotalRate(Protocol):
    """The rate and the cool-down of all credentials together."""

    @property
    def rate(self) -> float:
        """Requests a second."""

    @property
    def cool_down(self) -> float:
        """Seconds until a request may be sent; 0.0 while no cool-down runs."""


class StreamShare:
    """Lets one stream use a share of the rate as it is at each moment.

    One request at a time passes here and waits for the pace: else those that have passed during a
    cool-down would be sent after it at the full rate.

    Args:
        share: The part, more than 0 and at most 1.
        total: The rate of all credentials together.

    Raises:
        ConfigurationError: The share is no such part.
    """

    def __init__(self, share: float, total: TotalRate) -> None:
        if check_seconds("share", share) > 1:
            raise ConfigurationError(f"share must be at most 1, not {describe_value(share)}")
        self.fraction = share
        self._total = total
        self._bucket = Bucket(_CATCH_UP, share * total.rate)
        self._line = _OrderedLock()
        self._waiting = 0

    async def acquire(self, deadline: float | None, number: int) -> None:
        """Wait for a part of the rate; to be released after the request has its slot.

        Args:
            deadline: The loop's time by which it must have come, or None.
            number: The position in the order of arrival.

        Raises:
            TooLateError: It would come after the deadline.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        wait = max(self._total.cool_down, self._current(now).delay(now, self._waiting))
        if deadline is not None and now + wait > deadline:
            raise SlotAfterDeadlineError(wait)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._line.acquire(number)
                await self._await_room(loop)
        except TimeoutError:
            raise SlotAfterDeadlineError(1 / self._bucket.rate) from None
        finally:
            self._waiting -= 1

    def consume(self) -> None:
        """Count the request that was admitted."""
        now = asyncio.get_running_loop().time()
        self._current(now).consume(now)

    def release(self) -> None:
        """Let the next request pass."""
        self._line.release()

    async def _await_room(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while (delay := self._current(loop.time()).delay(loop.time())) > 0:  # noqa: ASYNC110 - a time, no event
                await asyncio.sleep(min(delay, _LOOK_AGAIN))
        except asyncio.CancelledError:
            self._line.release()
            raise

    def _current(self, now: float) -> Bucket:
        rate = self.fraction * self._total.rate
        if rate != self._bucket.rate:
            self._bucket.change_rate(now, rate)
        return self._bucket
