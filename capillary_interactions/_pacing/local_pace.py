"""The pace of one credential within this process: when may its next request be sent?

A request is admitted when one more may be in flight, no cool-down runs, and the bucket has room,
which also forecasts; aiolimiter counts it when it is sent. One timer serves the head of the queue,
so that a crowd of waiters costs nothing while it waits.
"""

import asyncio
import math
from functools import partial
from typing import Final

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveConcurrency, AdaptiveRate
from capillary_interactions._pacing.bucket import AdaptiveBucket, bucket_parameters
from capillary_interactions._pacing.deadline import Deadline, SlotAfterDeadlineError
from capillary_interactions._pacing.pace import Pace, PaceState, WaiterEvictedError
from capillary_interactions._pacing.send_gate import SendGate
from capillary_interactions._pacing.wait_queue import DeadlineReviews, Waiter, WaitQueues

# A timer may fire as much too early.
_FLOAT_TOLERANCE: Final = 1e-6


class LocalPace(Pace):
    """The pace of one credential; its methods are described in `Pace`.

    No cool-down is longer than `max_pause` seconds.
    """

    def __init__(self, limit: RateLimit, max_in_flight: int, max_pause: float = 3600.0) -> None:
        parameters = bucket_parameters(limit)
        self._limits = AdaptiveRate(parameters.rate, max_pause)
        self._concurrency = AdaptiveConcurrency(max_in_flight)
        self._bucket = AdaptiveBucket(parameters.capacity, parameters.rate, limits=self._limits)
        self._gate = SendGate(parameters.send_capacity, self._limits)
        self._send_capacity = parameters.send_capacity
        # Neither throttled nor out of connections since all limits were as configured.
        self._undisturbed = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues = WaitQueues()
        self._reset()

    def _reset(self) -> None:
        self._queues.clear()
        self._reviews = DeadlineReviews(self._reject_unreachable_deadlines)
        self._timer: asyncio.TimerHandle | None = None
        self._gate = SendGate(self._send_capacity, self._limits, self._gate.used_at)
        self._in_flight = 0
        # Those in the queue, and those admitted from it whose tasks have not run yet.
        self._waiting = 0

    def _bind_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to the running loop; the waiters of a previous one are gone with it."""
        self._loop = loop
        self._reset()

    async def acquire(self, *, deadline: float | None = None, interactive: bool = True) -> None:
        await self.admit(Deadline(deadline, interactive))

    def try_admit(self, deadline: Deadline) -> bool:  # noqa: ARG002 - none is before now
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_loop(loop)
        now = loop.time()
        if (
            self._waiting
            or self._in_flight >= self._concurrency.limit
            or now < self._limits.blocked_until
            or self._bucket.consume(now)
        ):
            return False
        self._in_flight += 1
        return True

    async def admit(self, deadline: Deadline) -> None:
        if not self.try_admit(deadline):
            loop = asyncio.get_running_loop()
            await self._wait_in_queue(loop, loop.time(), deadline)

    async def _wait_in_queue(
        self, loop: asyncio.AbstractEventLoop, now: float, deadline: Deadline
    ) -> None:
        granted = loop.create_future()
        waiter = Waiter(deadline, deadline.number, deadline.interactive, granted)
        if waiter.reject_if_late(now, self._estimated_wait(now, waiter)):
            granted.result()
        self._queues.add(waiter)
        self._waiting += 1
        self._set_expiry(loop, waiter)
        deadline.on_change = partial(self._on_deadline_change, loop, waiter)
        if self._timer is None:
            self._dispatch()
        try:
            if granted.done():
                # Those admitted before it have not run yet, and a done future is not waited for.
                await asyncio.sleep(0)
            await granted
        except asyncio.CancelledError:
            removed = self._queues.remove(waiter)
            if not removed and not granted.cancelled() and granted.exception() is None:
                self._undo_admission(loop)  # granted in the very moment of the cancellation
            raise
        finally:
            deadline.on_change = None
            if waiter.expiry is not None:
                waiter.expiry.cancel()
            if loop is self._loop:
                self._waiting -= 1

    def _undo_admission(self, loop: asyncio.AbstractEventLoop) -> None:
        self._bucket.refund(loop.time())
        self.release()

    def try_send(self) -> bool:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_loop(loop)
        return self._gate.try_pass(loop.time())

    async def before_send(self) -> None:
        """Count requests once more, in the order in which they have their connections.

        A request that opens a connection first is sent some time after its slot, which has come
        free by then: with one that finds a connection open, two would arrive at once.
        """
        if not self.try_send():
            await self._gate.wait(asyncio.get_running_loop())

    def release(self) -> None:
        self._in_flight = max(0, self._in_flight - 1)
        if self._queues.size:
            self._dispatch()

    def evict_waiters(self) -> None:
        for waiter in self._queues.clear():
            if not waiter.granted.done():
                waiter.granted.set_exception(WaiterEvictedError())

    def throttled(self, sent_at: float, hint: float | None) -> None:
        now, self._undisturbed = self._now(), False
        before = self._limits_now(now)
        self._limits.throttled(now, sent_at, hint)
        self._on_limits_change(now, before)

    def quota_left(self, remaining: float, reset: float) -> None:
        now = self._now()
        before = self._limits_now(now)
        self._limits.quota_left(now, remaining, reset)
        self._on_limits_change(now, before)

    def answered(self) -> None:
        if self._undisturbed:
            return
        now, limits, concurrency = self._now(), self._limits, self._concurrency
        limits.answered(now)
        concurrency.answered(now)
        self._bucket.limits_changed()
        self._gate.limits_changed(self._loop)
        self._undisturbed = limits.rate >= limits.configured and not self.is_narrowed

    def connections_exhausted(self) -> None:
        now, self._undisturbed = self._now(), False
        self._concurrency.exhausted(now, self._in_flight)
        self._bucket.refund(now)

    @property
    def is_narrowed(self) -> bool:
        return self._concurrency.limit < self._concurrency.configured

    @property
    def rate(self) -> float:
        limits = self._limits
        return limits.rate if limits.ceiling is None else limits.current_rate(self._now())

    def delay(self) -> float:
        return self._bucket.delay(self._now(), self._queues.size)

    def state(self) -> PaceState:
        now = self._now()
        return PaceState(
            rate=self._limits.current_rate(now),
            slots_left=self._bucket.slots(now),
            waiting=self._queues.size,
            in_flight=self._in_flight,
            cool_down=self._limits.pause(now),
        )

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()

    def _estimated_wait(self, now: float, waiter: Waiter) -> float:
        return self._bucket.delay(now, self._queues.position(waiter))

    def _dispatch(self) -> None:
        """Admit those whose slots have come, and set the timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        self._bucket.synchronise(now)
        while self._queues.size and self._in_flight < self._concurrency.limit:
            delay = self._bucket.delay(now)
            if delay > 0:
                self._timer = self._loop.call_at(now + delay, self._dispatch)
                return
            waiter = self._queues.pop()
            if not waiter.granted.done():
                self._bucket.consume(now)
                self._in_flight += 1
                waiter.granted.set_result(None)

    def _set_expiry(self, loop: asyncio.AbstractEventLoop, waiter: Waiter) -> None:
        if waiter.expiry is None and waiter.deadline.at is not None:
            waiter.expiry = loop.call_at(waiter.deadline.at, self._expire, loop, waiter)

    def _expire(self, loop: asyncio.AbstractEventLoop, waiter: Waiter) -> None:
        """Reject a waiter whose deadline has come, unless that has moved meanwhile."""
        now, at, waiter.expiry = loop.time(), waiter.deadline.at, None
        if at is not None and at > now + _FLOAT_TOLERANCE:
            self._set_expiry(loop, waiter)
        elif at is not None and not waiter.granted.done():
            wait = self._estimated_wait(now, waiter)
            if self._queues.remove(waiter):
                waiter.granted.set_exception(SlotAfterDeadlineError(wait))

    def _on_deadline_change(self, loop: asyncio.AbstractEventLoop, waiter: Waiter) -> None:
        if waiter.granted.done():
            return
        if waiter.deadline.interactive and not waiter.interactive:
            self._queues.promote(waiter)
        now = loop.time()
        if waiter.reject_if_late(now, self._estimated_wait(now, waiter)):
            self._queues.remove(waiter)
        self._queues.expect(waiter.deadline)
        self._set_expiry(loop, waiter)

    def _limits_now(self, now: float) -> tuple[float, float]:
        return self._limits.blocked_until, self._limits.current_rate(now)

    def _on_limits_change(self, now: float, before: tuple[float, float]) -> None:
        """Where they have changed: set the timer anew, and reject those that now come too late."""
        if self._limits_now(now) == before:
            return
        self._bucket.limits_changed()
        self._bucket.synchronise(now)
        self._gate.limits_changed(self._loop)
        if self._loop is not None and self._queues.size and self._may_be_late(now):
            blocked_until = self._limits.blocked_until
            self._reviews.limits_changed(self._loop, self._queues.size, blocked_until)
        self._dispatch()

    def _may_be_late(self, now: float) -> bool:
        """Whether the last waiter's slot comes after the earliest of all deadlines."""
        wait = self._bucket.delay(now) + self._queues.size / self._limits.rate_after_pause(now)
        return now + wait > self._queues.earliest

    def _reject_unreachable_deadlines(self) -> None:
        now = self._now()
        start, rate = self._bucket.delay(now), self._limits.rate_after_pause(now)
        earliest = math.inf
        for waiter, ahead in self._queues.in_order():
            if now + start + ahead / rate > waiter.deadline.earliest and waiter.reject_if_late(
                now, self._bucket.delay(now, ahead)
            ):
                self._queues.remove(waiter)
            else:
                earliest = min(earliest, waiter.deadline.earliest)
        self._queues.earliest = earliest
