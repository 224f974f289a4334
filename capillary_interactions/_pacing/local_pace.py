"""The pace of one credential within this process: when may its next request be sent?

A bucket of its own admits requests, and forecasts when; aiolimiter counts them when they are sent.
"""

import asyncio

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveConcurrency, AdaptiveRate
from capillary_interactions._pacing.admission import Admission
from capillary_interactions._pacing.bucket import (
    AdaptiveBucket,
    CredentialBucket,
    bucket_parameters,
)
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.pace import Pace, PaceState
from capillary_interactions._pacing.send_gate import SendGate


class LocalPace(Pace):
    """The pace of one credential; its methods are described in `Pace`.

    No cool-down is longer than `max_pause` seconds.
    """

    def __init__(self, limit: RateLimit, max_in_flight: int, max_pause: float = 3600.0) -> None:
        parameters = bucket_parameters(limit)
        self._limits = AdaptiveRate(parameters.rate, max_pause)
        self._concurrency = AdaptiveConcurrency(max_in_flight)
        self._bucket: CredentialBucket = AdaptiveBucket(
            parameters.capacity, parameters.rate, limits=self._limits
        )
        self._gate = SendGate(parameters.send_capacity, self._limits)
        # Neither throttled nor out of connections since all limits were as configured.
        self._undisturbed = True
        self._admission: Admission | None = None

    def _running_admission(self) -> Admission:
        """The waiters of the running loop; those of a previous one are gone with it."""
        loop, admission = asyncio.get_running_loop(), self._admission
        if admission is None or loop is not admission.loop:
            admission = self._admission = self._begin_admission(loop)
        return admission

    def _begin_admission(self, loop: asyncio.AbstractEventLoop) -> Admission:
        self._bucket.limits_changed()
        self._gate = self._gate.in_another_loop()
        return Admission(loop, self._bucket, self._concurrency)

    async def acquire(self, *, deadline: float | None = None, interactive: bool = True) -> None:
        await self.admit(Deadline(deadline, interactive))

    def try_admit(self, deadline: Deadline) -> bool:  # noqa: ARG002 - none is before now
        admission = self._running_admission()
        return admission.try_admit(admission.loop.time())

    async def admit(self, deadline: Deadline) -> None:
        if not self.try_admit(deadline):
            await self._running_admission().wait(deadline)

    def try_send(self) -> bool:
        now = self._running_admission().loop.time()
        return self._gate.try_pass(now)

    async def before_send(self) -> None:
        """Count requests once more, in the order in which they have their connections.

        A request that opens a connection first is sent some time after its slot, which has come
        free by then: with one that finds a connection open, two would arrive at once.
        """
        if not self.try_send():
            await self._gate.wait(self._running_admission().loop)

    def release(self) -> None:
        if self._admission is not None:
            self._admission.release()

    def evict_waiters(self) -> None:
        if self._admission is not None:
            self._admission.evict()

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
        rate = limits.rate
        limits.answered(now)
        concurrency.answered(now)
        if limits.rate != rate:
            self._follow_limits(now)
        self._undisturbed = limits.rate >= limits.configured and not self.is_narrowed

    def connections_exhausted(self) -> None:
        now, self._undisturbed = self._now(), False
        self._bucket.refund(now)
        if self._admission is not None:
            self._concurrency.exhausted(now, self._admission.in_flight)
            self._admission.limits_changed()

    @property
    def is_narrowed(self) -> bool:
        return self._concurrency.limit < self._concurrency.configured

    @property
    def rate(self) -> float:
        limits = self._limits
        return limits.rate if limits.ceiling is None else limits.current_rate(self._now())

    def delay(self) -> float:
        waiting = 0 if self._admission is None else self._admission.queued
        return self._bucket.delay(self._now(), waiting)

    def state(self) -> PaceState:
        now, admission = self._now(), self._admission
        return PaceState(
            rate=self._limits.current_rate(now),
            slots_left=self._bucket.slots(now),
            waiting=0 if admission is None else admission.queued,
            in_flight=0 if admission is None else admission.in_flight,
            cool_down=self._limits.pause(now),
        )

    def _now(self) -> float:
        return 0.0 if self._admission is None else self._admission.loop.time()

    def _limits_now(self, now: float) -> tuple[float, float]:
        return self._limits.blocked_until, self._limits.current_rate(now)

    def _on_limits_change(self, now: float, before: tuple[float, float]) -> None:
        """Where they have changed: set the timer anew, and reject those that now come too late."""
        self._follow_limits(now)
        if self._admission is not None and self._limits_now(now) != before:
            self._admission.review_deadlines(self._limits.blocked_until)
            self._admission.limits_changed()

    def _follow_limits(self, now: float) -> None:
        self._bucket.limits_changed()
        self._bucket.synchronise(now)
        self._gate.limits_changed(None if self._admission is None else self._admission.loop)
