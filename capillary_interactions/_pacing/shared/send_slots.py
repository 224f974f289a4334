"""Is the slot that admitted a request still its own when the request is sent?

One that has opened a connection meanwhile is sent later than its slot, beside requests of other
processes whose slots are new. It takes another slot, and those that wait for admission wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from capillary_interactions._pacing.bucket import CredentialBucket

# Time enough for those that wait for admission to look again.
_MIN_WAIT = 0.001


class SendSlots(CredentialBucket):
    """The bucket of a pace, and what requests need to be sent.

    Args:
        bucket: Where slots come from.
        grace: Seconds after its admission by which a request is in time.
        on_idle: Called when no request waits to be sent any more.

    Attributes:
        waiting: Requests that wait to be sent.
    """

    def __init__(self, bucket: CredentialBucket, grace: float, on_idle: Callable[[], None]) -> None:
        self._bucket = bucket
        self._grace = grace
        self._on_idle = on_idle
        self.begin()

    def begin(self) -> None:
        """Serve another event loop: what waited in the previous one is gone."""
        self._admitted: deque[float] = deque()
        self._lock = asyncio.Lock()
        self.waiting = 0
        self._sleeper: asyncio.Future[None] | None = None

    def consume(self, now: float) -> float:
        if self.waiting:
            return max(_MIN_WAIT, self._bucket.delay(now, self.waiting))
        wait = self._bucket.consume(now)
        if wait <= 0:
            self._forget_late(now)
            self._admitted.append(now)
        return wait

    def refund(self, now: float) -> None:
        if self._admitted:
            self._admitted.pop()
        self._bucket.refund(now)

    def try_send(self, now: float) -> bool:
        """Whether a request may be sent now: admitted a moment ago, or with another slot.

        The latest admission counts as its own: what need not connect is sent at once.
        """
        self._forget_late(now)
        if self._admitted:
            self._admitted.pop()
            return True
        return not self.waiting and self._bucket.consume(now) <= 0

    def _forget_late(self, now: float) -> None:
        admitted = self._admitted
        while admitted and admitted[0] < now - self._grace:
            admitted.popleft()

    async def send(self, loop: asyncio.AbstractEventLoop, check: Callable[[float], None]) -> None:
        """Wait for another slot, behind those that wait already.

        Args:
            loop: The running event loop.
            check: Called with the time before each look; what it raises ends the wait.
        """
        self.waiting += 1
        try:
            async with self._lock:
                while True:
                    now = loop.time()
                    check(now)
                    wait = self._bucket.consume(now)
                    if wait <= 0:
                        return
                    await self._sleep(loop, wait)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self._on_idle()

    def wake(self) -> None:
        """Look for a slot at once: there may be new ones, or a cool-down has begun."""
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def _sleep(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._sleeper = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._sleeper
        finally:
            timer.cancel()
            self._sleeper = None

    def delay(self, now: float, ahead: int = 0) -> float:
        return self._bucket.delay(now, ahead + self.waiting)

    def interval(self, now: float) -> float:
        return self._bucket.interval(now)

    def slots(self, now: float) -> int:
        return max(0, self._bucket.slots(now) - self.waiting)

    def limits_changed(self) -> None:
        self._bucket.limits_changed()

    def synchronise(self, now: float) -> None:
        self._bucket.synchronise(now)
