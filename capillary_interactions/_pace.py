"""When may the next request leave? One gate for each credential, and nobody overtakes.

A gate lets a caller through when there is a free place, no cool-down, and room in the bucket;
aiolimiter's bucket is what enforces the rate, ours what foretells it (it has no way to ask).
One timer serves the head of the queue: a crowd of waiters costs nothing while it waits.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from aiolimiter import AsyncLimiter

from capillary_interactions._bucket import Bucket, first_after_pause, plan
from capillary_interactions._departures import Departures
from capillary_interactions._limits import RateLimit
from capillary_interactions._pacing import ElsewhereError, Pace, PaceState, TooLateError
from capillary_interactions._places import Places
from capillary_interactions._pressure import Pressure

__all__ = ["ElsewhereError", "LocalPace", "Pace", "PaceState", "TooLateError"]

# Of ten slots, streams keep one, however many single lookups are waiting.
_URGENT_IN_A_ROW: Final = 9
# Two buckets reckon alike but for float dust; for that, nobody is to wait a second time.
_SLACK: Final = 1e-6


# Whoever waits, in order, with its deadline.
_Queue = OrderedDict[asyncio.Future[None], float | None]


class LocalPace:
    """The pace of one credential within this process.

    Args:
        limit: The quota.
        places: Requests under way at once.
        longest_pause: No cool-down lasts longer, in seconds.
    """

    def __init__(self, limit: RateLimit, places: int, longest_pause: float = 3600.0) -> None:
        figures = plan(limit)
        self._places = Places(places)
        self._pressure = Pressure(figures.rate, longest_pause)
        self._bucket = Bucket(figures.capacity, figures.rate)
        self._departures = Departures(figures.leaving, figures.rate, self._pause)
        self._urgent: _Queue = OrderedDict()
        self._patient: _Queue = OrderedDict()
        self._urgent_in_a_row = 0
        self._in_flight = 0
        self._unsettled = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limiter: AsyncLimiter | None = None
        self._timer: asyncio.TimerHandle | None = None
        # The cool-down after which the bucket has been filled, so that the herd comes out in line.
        self._filled_for = self._pressure.blocked_until

    async def acquire(self, *, deadline: float | None = None, urgent: bool = True) -> None:
        """Wait for a slot and a place; see `Pace.acquire`."""
        loop = self._loop
        if loop is not asyncio.get_running_loop():
            loop = self._move()
        now = loop.time()
        if (
            self._urgent
            or self._patient
            or self._in_flight >= self._places.limit
            or self._soonest(now)
        ):
            await self._queue_up(loop, now, deadline, urgent=urgent)
        else:
            self._let_in(now)
        await self._settle(loop)

    async def _queue_up(
        self, loop: asyncio.AbstractEventLoop, now: float, deadline: float | None, *, urgent: bool
    ) -> None:
        wait = self._forecast(now, urgent=urgent)
        if deadline is not None and now + wait > deadline:
            raise TooLateError(wait)
        queue = self._urgent if urgent else self._patient
        turn: asyncio.Future[None] = loop.create_future()
        queue[turn] = deadline
        expiry = None if deadline is None else loop.call_at(deadline, self._expire, queue, turn)
        if self._timer is None:
            self._pump()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in queue:
                del queue[turn]
            elif not turn.cancelled() and turn.exception() is None:
                # Granted in the very moment of the cancellation: slot and place go back.
                self._unsettled -= 1
                self._bucket.give_back(loop.time())
                self.release()
            raise
        finally:
            if expiry is not None:
                expiry.cancel()

    async def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        # The forecast has let us through; aiolimiter is asked last, and is the one that counts.
        limiter = self._limiter
        try:
            if limiter is None:
                before = self._bucket.level(loop.time()) - self._unsettled
                limiter = self._limiter = AsyncLimiter(
                    self._bucket.capacity + _SLACK,
                    (self._bucket.capacity + _SLACK) / self._bucket.rate,
                )
                await limiter.acquire(min(self._bucket.capacity, max(0.0, before)))
            await limiter.acquire()
        except asyncio.CancelledError:
            self._bucket.give_back(loop.time())
            self.release()
            raise
        finally:
            self._unsettled -= 1

    async def leave(self) -> None:
        """Wait until a request that has its turn and its connection may go on the wire.

        The quota counts where requests arrive, and opening a connection takes its time.
        """
        await self._departures.leave()

    def release(self) -> None:
        """Give the place back; the request is over."""
        self._in_flight = max(0, self._in_flight - 1)
        if self._urgent or self._patient:
            self._pump()

    def dissolve(self) -> None:
        """Send whoever waits to another pace; see `Pace.dissolve`."""
        for queue in (self._urgent, self._patient):
            turns = tuple(queue)
            queue.clear()
            for turn in turns:
                if not turn.done():
                    turn.set_exception(ElsewhereError())

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

    def run_short(self) -> None:
        """A request was not sent, for this machine has no further connection; it is released."""
        now = self._now()
        self._places.narrow(now, self._in_flight)
        # What never left counts nowhere: aiolimiter's bucket is made anew, as full as ours.
        self._bucket.give_back(now)
        self._limiter = None

    @property
    def is_short(self) -> bool:
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
        return self._soonest(self._now(), len(self._urgent) + len(self._patient))

    def state(self) -> PaceState:
        """What it looks like now."""
        now = self._now()
        pause = self._pause(now)
        free = self._bucket.capacity - self._bucket.level(now)
        return PaceState(
            rate=self._pressure.effective(now),
            slots_left=0 if pause else max(0, int(free + 1e-9)),
            waiting=len(self._urgent) + len(self._patient),
            in_flight=self._in_flight,
            cool_down=pause,
        )

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()

    def _move(self) -> asyncio.AbstractEventLoop:
        """Begin in another event loop; who waited in the last one, died with it."""
        loop = self._loop = asyncio.get_running_loop()
        self._urgent.clear()
        self._patient.clear()
        self._in_flight = self._unsettled = 0
        self._departures.clear()
        # A limiter belongs to its loop; the new one is filled as far as the bucket is.
        self._limiter = self._timer = None
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
            self._limiter = None
        rate = pressure.effective(now)
        if rate != bucket.rate:
            bucket.change_rate(now, rate)
            self._departures.change_rate(now, rate)
            self._limiter = None
        return 0.0

    def _forecast(self, now: float, *, urgent: bool) -> float:
        queue = self._urgent if urgent else self._patient
        return self._soonest(now, self._ahead(len(queue), urgent=urgent))

    def _ahead(self, before: int, *, urgent: bool) -> int:
        """How many of both queues go first, where `before` of one's own do."""
        in_a_row = min(self._urgent_in_a_row, _URGENT_IN_A_ROW)
        if urgent:
            return before + min(len(self._patient), (in_a_row + before) // _URGENT_IN_A_ROW)
        return before + min(len(self._urgent), (before + 1) * _URGENT_IN_A_ROW - in_a_row)

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
        while (self._urgent or self._patient) and self._in_flight < self._places.limit:
            delay = self._soonest(now)
            if delay > 0:
                self._timer = self._loop.call_at(now + delay, self._pump)
                return
            turn = self._next()
            if not turn.done():
                self._let_in(now)
                turn.set_result(None)

    def _next(self) -> asyncio.Future[None]:
        if self._urgent and (not self._patient or self._urgent_in_a_row < _URGENT_IN_A_ROW):
            self._urgent_in_a_row += 1
            return self._urgent.popitem(last=False)[0]
        self._urgent_in_a_row = 0
        return self._patient.popitem(last=False)[0]

    def _expire(self, queue: _Queue, turn: asyncio.Future[None]) -> None:
        if turn in queue:
            ahead = len(queue)
            del queue[turn]
            if not turn.done():
                turn.set_exception(TooLateError(self._soonest(self._now(), ahead)))

    def _outlook(self, now: float) -> tuple[float, float]:
        return self._pressure.blocked_until, self._pressure.effective(now)

    def _look_ahead(self, now: float, before: tuple[float, float]) -> None:
        """If the outlook has changed: set the timer anew, and refuse whoever is late by it."""
        if self._outlook(now) == before:
            return
        self._refuse_late(now, self._urgent, urgent=True)
        self._refuse_late(now, self._patient, urgent=False)
        self._pump()

    def _refuse_late(self, now: float, queue: _Queue, *, urgent: bool) -> None:
        """Tell whoever cannot make its deadline any more, now and not then."""
        before = 0
        for turn, deadline in tuple(queue.items()):
            wait = self._soonest(now, self._ahead(before, urgent=urgent))
            if deadline is not None and now + wait > deadline:
                self._expire(queue, turn)
            else:
                before += 1
