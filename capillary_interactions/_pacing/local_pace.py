"""When may the next request leave? One gate for each credential, and nobody overtakes.

A gate lets a caller through when there is a free place, no cool-down, and room in the bucket;
aiolimiter's bucket is what enforces the rate, ours what foretells it (it has no way to ask).
One timer serves the head of the queue: a crowd of waiters costs nothing while it waits.
"""

import asyncio
import math
from functools import partial
from typing import Final

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_rate import AdaptiveRate
from capillary_interactions._pacing.bucket import Bucket, bucket_parameters, first_after_pause
from capillary_interactions._pacing.concurrency import ConcurrencyLimit
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.deadline_review import Reviews
from capillary_interactions._pacing.limiter import Enforcer
from capillary_interactions._pacing.pace import (
    Pace,
    PaceState,
    SlotAfterDeadlineError,
    WaiterEvictedError,
)
from capillary_interactions._pacing.send_gate import SendGate
from capillary_interactions._pacing.wait_queue import Waiter, WaitQueues

__all__ = ["LocalPace", "Pace", "PaceState", "SlotAfterDeadlineError", "WaiterEvictedError"]

# A timer that fires so much early fires at its time.
_SLACK: Final = 1e-6


class LocalPace:
    """The pace of one credential within this process.

    Args:
        limit: The quota.
        max_in_flight: Requests under way at once.
        max_pause: No cool-down lasts longer, in seconds.
    """

    def __init__(self, limit: RateLimit, max_in_flight: int, max_pause: float = 3600.0) -> None:
        figures = bucket_parameters(limit)
        self._places = ConcurrencyLimit(max_in_flight)
        self._pressure = AdaptiveRate(figures.rate, max_pause)
        self._bucket = Bucket(figures.capacity, figures.rate)
        self._departures = SendGate(figures.leaving, figures.rate, self._pause)
        self._lines = WaitQueues()
        self._in_flight = 0
        self._unsettled = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enforcer = Enforcer()
        self._timer: asyncio.TimerHandle | None = None
        self._reviews = Reviews(self._review)
        # The cool-down after which the bucket has been filled, so that the herd comes out in line.
        self._filled_for = self._pressure.blocked_until

    async def acquire(self, *, deadline: float | None = None, interactive: bool = True) -> None:
        """Wait for a slot and a place; see `Pace.acquire`."""
        await self.admit(Deadline(deadline, interactive))

    async def admit(self, deadline: Deadline) -> None:
        """Wait for a slot and a place, for a deadline that may change meanwhile.

        Raises:
            TooLateError: The slot would come after the deadline; raised as soon as that is known.
            ElsewhereError: The queue was dissolved.
        """
        loop = self._loop
        if loop is not asyncio.get_running_loop():
            loop = self._move()
        now = loop.time()
        if self._lines or self._in_flight >= self._places.limit or self._soonest(now):
            await self._queue_up(loop, now, deadline)
        else:
            self._let_in(now)
        await self._settle(loop)

    async def _queue_up(
        self, loop: asyncio.AbstractEventLoop, now: float, deadline: Deadline
    ) -> None:
        turn = Waiter(deadline, deadline.number, deadline.interactive, loop.create_future())
        if turn.is_late(now, self._forecast(now, turn)):
            turn.granted.result()
        self._lines.add(turn)
        self._arm(turn)
        deadline.watcher = partial(self._changed, turn)
        if self._timer is None:
            self._pump()
        try:
            await turn.granted
        except asyncio.CancelledError:
            granted = turn.granted
            if not self._lines.remove(turn) and not granted.cancelled():
                self._take_back(loop, granted)
            raise
        finally:
            deadline.watcher = None
            turn.disarm()

    def _take_back(self, loop: asyncio.AbstractEventLoop, granted: asyncio.Future[None]) -> None:
        if granted.exception() is None:
            # Granted in the very moment of the cancellation: slot and place go back.
            self._unsettled -= 1
            self._bucket.give_back(loop.time())
            self.release()

    async def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            await self._enforcer.acquire(self._bucket, loop.time(), self._unsettled)
        except asyncio.CancelledError:
            self._bucket.give_back(loop.time())
            self.release()
            raise
        finally:
            self._unsettled -= 1

    async def before_send(self) -> None:
        """Wait until a request that has its turn and its connection may go on the wire.

        The quota counts where requests arrive, and opening a connection takes its time.
        """
        await self._departures.leave()

    def release(self) -> None:
        """Give the place back; the request is over."""
        self._in_flight = max(0, self._in_flight - 1)
        if self._lines:
            self._pump()

    def evict_waiters(self) -> None:
        """Send whoever waits to another pace; see `Pace.evict_waiters`."""
        for turn in self._lines.clear():
            if not turn.granted.done():
                turn.granted.set_exception(WaiterEvictedError())

    def throttled(self, sent_at: float, hint: float | None) -> None:
        """Everybody pauses; see `Pressure.throttled`."""
        now = self._now()
        before = self._outlook(now)
        self._pressure.throttled(now, sent_at, hint)
        self._look_ahead(now, before)

    def answered(self) -> None:
        """A request was answered."""
        now = self._now()
        self._pressure.answered(now)
        self._places.answered(now)

    def connections_exhausted(self) -> None:
        """A request was not sent, for this machine has no further connection; it is released."""
        now = self._now()
        self._places.narrow(now, self._in_flight)
        # What never left counts nowhere: aiolimiter's bucket is made anew, as full as ours.
        self._bucket.give_back(now)
        self._enforcer.renew()

    @property
    def is_narrowed(self) -> bool:
        """Whether fewer requests are under way at once than the setting allows."""
        return self._places.narrowed

    def quota_left(self, remaining: float, reset: float) -> None:
        """The server told what is left of the quota; it may only tighten."""
        now = self._now()
        before = self._outlook(now)
        self._pressure.quota_left(now, remaining, reset)
        self._look_ahead(now, before)

    @property
    def rate(self) -> float:
        """Requests a second that it lets through."""
        return self._pressure.effective(self._now())

    def delay(self) -> float:
        """Seconds that a newcomer would wait."""
        return self._soonest(self._now(), len(self._lines))

    def state(self) -> PaceState:
        """What it looks like now."""
        now = self._now()
        pause = self._pause(now)
        free = self._bucket.capacity - self._bucket.level(now)
        return PaceState(
            rate=self._pressure.effective(now),
            slots_left=0 if pause else max(0, int(free + 1e-9)),
            waiting=len(self._lines),
            in_flight=self._in_flight,
            cool_down=pause,
        )

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()

    def _move(self) -> asyncio.AbstractEventLoop:
        """Begin in another event loop; who waited in the last one, died with it."""
        loop = self._loop = asyncio.get_running_loop()
        self._lines.clear()
        self._in_flight = self._unsettled = 0
        self._departures.clear()
        self._timer = None
        self._enforcer.renew()
        self._reviews.clear()
        return loop

    def _soonest(self, now: float, ahead: int = 0) -> float:
        """Seconds until the slot after `ahead` others, were there places enough."""
        pause = self._pause(now)
        if pause:
            # The bucket will be full then: the first one out waits for its slot like the others.
            rate = self._pressure.effective(self._pressure.blocked_until)
            return pause + first_after_pause(rate) + ahead / rate
        return self._bucket.delay(now, ahead)

    def _pause(self, now: float) -> float:
        """Seconds for which nothing leaves; if none, the buckets are brought up to date."""
        pressure, bucket = self._pressure, self._bucket
        pause = pressure.pause(now)
        if pause:
            return pause
        if pressure.blocked_until != self._filled_for:
            self._filled_for = pressure.blocked_until
            bucket.fill(pressure.blocked_until)
            self._departures.fill(pressure.blocked_until)
            self._enforcer.renew()
        rate = pressure.effective(now)
        if rate != bucket.rate:
            bucket.change_rate(now, rate)
            self._departures.change_rate(now, rate)
            self._enforcer.renew()
        return 0.0

    def _forecast(self, now: float, turn: Waiter) -> float:
        return self._soonest(now, self._lines.ahead_of(turn))

    def _let_in(self, now: float) -> None:
        self._bucket.take(now)
        self._in_flight += 1
        self._unsettled += 1

    def _pump(self) -> None:
        """Let in whoever's turn it is, and set the timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        while self._lines and self._in_flight < self._places.limit:
            delay = self._soonest(now)
            if delay > 0:
                self._timer = self._loop.call_at(now + delay, self._pump)
                return
            turn = self._lines.pop()
            if not turn.granted.done():
                self._let_in(now)
                turn.granted.set_result(None)

    def _arm(self, turn: Waiter) -> None:
        at = turn.deadline.at
        if self._loop is not None and turn.expiry is None and at is not None:
            turn.expiry = self._loop.call_at(at, self._expire, turn)

    def _expire(self, turn: Waiter) -> None:
        """End a turn whose deadline has come, unless that has been put off meanwhile."""
        now, turn.expiry = self._now(), None
        at = turn.deadline.at
        if at is not None and at > now + _SLACK:
            self._arm(turn)
        elif at is not None and not turn.granted.done():
            wait = self._forecast(now, turn)
            if self._lines.remove(turn):
                turn.granted.set_exception(SlotAfterDeadlineError(wait))

    def _changed(self, turn: Waiter) -> None:
        """A caller has joined the call that waits here: it is as interactive as that one."""
        if turn.granted.done():
            return
        if turn.deadline.interactive and not turn.interactive:
            self._lines.promote(turn)
        now = self._now()
        if turn.is_late(now, self._forecast(now, turn)):
            self._lines.remove(turn)
        self._lines.expect(turn.deadline)
        self._arm(turn)

    def _outlook(self, now: float) -> tuple[float, float]:
        return self._pressure.blocked_until, self._pressure.effective(now)

    def _look_ahead(self, now: float, before: tuple[float, float]) -> None:
        """If the outlook has changed: set the timer anew, and refuse whoever is late by it."""
        if self._outlook(now) == before:
            return
        if self._may_be_late(now):
            self._reviews.changed(self._loop, len(self._lines), self._pressure.blocked_until)
        self._pump()

    def _review(self) -> None:
        """Refuse all who cannot make their deadlines any more."""
        now = self._now()
        start, rate = self._soonest(now, 0), self._rate_ahead(now)
        earliest = math.inf
        for turn, ahead in self._lines.in_order():
            if now + start + ahead / rate > turn.deadline.earliest and turn.is_late(
                now, self._soonest(now, ahead)
            ):
                self._lines.remove(turn)
            else:
                earliest = min(earliest, turn.deadline.earliest)
        self._lines.earliest = earliest

    def _may_be_late(self, now: float) -> bool:
        """Whether the last one's slot comes after the earliest of all deadlines."""
        wait = self._soonest(now, 0) + len(self._lines) / self._rate_ahead(now)
        return now + wait > self._lines.earliest

    def _rate_ahead(self, now: float) -> float:
        return self._pressure.effective(max(now, self._pressure.blocked_until))
