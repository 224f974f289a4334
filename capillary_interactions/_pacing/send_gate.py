"""aiolimiter's token bucket in front of the endpoint, which is asked in order of arrival."""

import asyncio
import math
from typing import Final

from aiolimiter import AsyncLimiter

from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from capillary_interactions._pacing.bucket import first_after_pause
from capillary_interactions._pacing.pace import WaiterEvictedError

# A slot may have been granted as much too early, by float errors and by early timers.
_FLOAT_TOLERANCE: Final = 1e-7
# A limiter's level is measured as precisely, rounded up: of a rate that changes with each request,
# half a thousandth is lost.
_LEVEL_STEP: Final = 1e-3


class SendGate:
    """Enforces the rate that a credential has learned, within one event loop.

    aiolimiter wakes its waiters in no order that holds while others arrive, and so one request at a
    time asks it. Its rate is fixed; with another rate, another limiter continues at its level.

    Args:
        capacity: Requests that may be sent at once.
        limits: What it follows.
        used_at: The last passage in a previous event loop.

    Attributes:
        used_at: The clock's reading at the last passage.
    """

    def __init__(self, capacity: float, limits: AdaptiveRate, used_at: float = -math.inf) -> None:
        self.used_at = used_at
        self._capacity = capacity
        self._limits = limits
        self._limiter: AsyncLimiter | None = None
        self._rate = limits.rate
        self._synchronised_until = -math.inf
        self._filled_after = -math.inf
        self._lock = asyncio.Lock()
        self._waiting = 0

    def in_another_loop(self) -> "SendGate":
        """One with the same limits; what this one has let pass counts there."""
        return SendGate(self._capacity, self._limits, self.used_at)

    def limits_changed(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Continue at the rate that the limits ask for, from now on where the loop is running."""
        self._synchronised_until = -math.inf
        if self._limiter is not None and loop is not None and loop.is_running():
            now = loop.time()
            if now >= self._limits.blocked_until:
                self._synchronise(now)

    def try_pass(self, now: float) -> bool:
        """Let a request pass that need not wait; whether it did.

        Raises:
            WaiterEvictedError: A cool-down has begun.
        """
        limiter = self._current_limiter(now)
        if self._waiting or not limiter.has_capacity():
            return False
        _take(limiter, 1.0)
        self.used_at = now
        return True

    async def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a request pass behind those that wait already.

        Raises:
            WaiterEvictedError: A cool-down has begun.
        """
        self._waiting += 1
        try:
            async with self._lock:
                limiter = None
                while limiter is not self._limiter or limiter is None:
                    limiter = self._current_limiter(loop.time())
                    await limiter.acquire()
                    self.used_at = loop.time()
                    self._check_cool_down(self.used_at)
        finally:
            self._waiting -= 1

    def _check_cool_down(self, now: float) -> None:
        if now < self._limits.blocked_until:
            raise WaiterEvictedError

    def _current_limiter(self, now: float) -> AsyncLimiter:
        limiter = self._limiter
        if limiter is None or now >= self._synchronised_until:
            self._check_cool_down(now)
            limiter = self._synchronise(now)
        return limiter

    def _synchronise(self, now: float) -> AsyncLimiter:
        """Take in a cool-down that has ended, and a rate that has changed."""
        limits, limiter = self._limits, self._limiter
        rate = limits.current_rate(now)
        if limiter is None or rate != self._rate or limits.blocked_until != self._filled_after:
            level = self._level(now)
            if limits.blocked_until != self._filled_after:
                level = max(level, self._level_after_pause(now, rate))
            room = self._capacity + _FLOAT_TOLERANCE
            limiter = self._limiter = AsyncLimiter(room, room / rate)
            _take(limiter, level)
            self._rate, self._filled_after = rate, limits.blocked_until
        ends = limits.ceiling is not None and now < limits.ceiling_until
        self._synchronised_until = limits.ceiling_until if ends else math.inf
        return limiter

    def _level(self, now: float) -> float:
        if self._limiter is None:
            # What a limiter of another loop held is unknown: at most its capacity, when last used.
            return max(0.0, self._capacity - max(0.0, now - self.used_at) * self._rate)
        return _level_of(self._limiter)

    def _level_after_pause(self, now: float, rate: float) -> float:
        """Full at its end, so that those who waited for it are sent one after the other."""
        first = self._capacity - 1 + first_after_pause(rate) * rate
        return max(0.0, first - (now - self._limits.blocked_until) * rate)


def _take(limiter: AsyncLimiter, amount: float) -> None:
    """Acquire what there is room for: that ends without waiting, in the coroutine's first step."""
    try:
        limiter.acquire(amount).send(None)
    except StopIteration:
        return


def _level_of(limiter: AsyncLimiter) -> float:
    """The level, rounded up; the limiter only says whether it has capacity for an amount."""
    low, high = 0.0, limiter.max_rate
    while high - low > _LEVEL_STEP:
        middle = (low + high) / 2
        if limiter.has_capacity(limiter.max_rate - middle):
            high = middle
        else:
            low = middle
    return high
