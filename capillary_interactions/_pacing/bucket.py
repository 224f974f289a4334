"""A leaky bucket's arithmetic: when is there room for one more request?

A bucket of capacity b that leaks r a second lets through at most b + r·T in any window of T
seconds: b at once when it was empty, and what leaks meanwhile. For a quota of N in T that is kept
where requests *arrive*, r follows from N, b and a window that is a little longer than T.
"""

import math
from copy import copy
from typing import Final, Protocol

from attrs import define, field, frozen

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveRate

# What sending and arriving may differ by, without a request arriving early: 2 % of the window,
# a quarter of a second at most.
_JITTER_SHARE: Final = 0.02
_MAX_JITTER: Final = 0.25
# Timers fire 1 to 2 ms late (epoll counts in milliseconds), and later on a busy machine. Without
# room to catch up, each slot would start the next interval late, and a tenth of 50 a second would
# be lost. A small quota can spare less than that.
_TIMER_DELAY: Final = 0.004
_CATCH_UP_SHARE: Final = 0.01
# A server that allows a burst counts it when it comes to reading: what it reads 50 ms late comes in
# one piece, and should fit beside the burst. At up to 100 a second that is next to nothing.
_READ_DELAY: Final = 0.05
_READ_AT_ONCE: Final = 100.0
# Where not even two fit in: half of the next one's time may pass before a request is sent.
_MIN_SEND_CAPACITY: Final = 1.5
MAX_FIRST_INTERVAL: Final = 1.0
# Float error: a slot this close to free is free.
_EPSILON: Final = 1e-9


@frozen
class BucketParameters:
    """The bucket for a quota.

    Attributes:
        capacity: How much fits in; `burst` requests, less what a server may read late, or one and
            what late timers need to catch up.
        rate: Requests that leak a second.
        send_capacity: The capacity of a bucket that counts requests when they are sent, some time
            after they were admitted: a little more, so that a late one need not delay the next.
        jitter: Seconds by which sending and arriving may differ.
    """

    capacity: float
    rate: float
    send_capacity: float
    jitter: float


def bucket_parameters(limit: RateLimit) -> BucketParameters:
    """The bucket that keeps a quota in every window, and wastes little of it.

    b + r·(T + jitter) = N + 1 is the largest rate with which N + 1 requests never fit in a window
    of T, not even where each arrives late by as much as the jitter allowed for.
    """
    burst = float(max(1, limit.requests // 100) if limit.burst is None else limit.burst)
    jitter = min(_JITTER_SHARE * limit.per, _MAX_JITTER)
    capacity = _capacity(burst, limit.requests, limit.requests / limit.per)
    rate = (limit.requests + 1 - capacity) / (limit.per + jitter)
    send_capacity = max(capacity, min(_MIN_SEND_CAPACITY, capacity + rate * jitter))
    return BucketParameters(capacity, rate, send_capacity, jitter)


def _capacity(burst: float, requests: int, rate: float) -> float:
    if burst == 1:
        return burst + min(0.5, _TIMER_DELAY * rate, _CATCH_UP_SHARE * requests)
    # A late timer finds its room in the burst.
    return burst - min((burst - 2) / 2, max(0.0, _READ_DELAY * (rate - _READ_AT_ONCE)))


def first_after_pause(rate: float) -> float:
    """Seconds from the end of a pause to the first request: its interval, at most a second.

    The server named the end of the pause; with a quota of one a minute, another minute is too much.
    """
    return min(1 / rate, MAX_FIRST_INTERVAL)


def delay_in_pause(limits: AdaptiveRate, now: float, ahead: int) -> float:
    """Seconds until there is a slot, during a pause: at its end the first waits for its slot."""
    rate = limits.rate_after_pause(now)
    return limits.pause(now) + first_after_pause(rate) + ahead / rate


@define
class Bucket:
    """A leaky bucket of `rate` requests a second; the clock's readings are arguments."""

    capacity: float
    rate: float
    _level: float = field(default=0.0, init=False)
    _at: float = field(default=0.0, init=False)

    def level(self, now: float) -> float:
        """How full it is."""
        # A clock that steps back leaks nothing, and takes nothing back.
        elapsed = max(0.0, now - self._at)
        return max(0.0, self._level - elapsed * self.rate)

    def delay(self, now: float, ahead: int = 0) -> float:
        """Seconds until there is room for one more, with `ahead` others before it."""
        excess = self.level(now) + ahead + 1 - self.capacity
        return 0.0 if excess <= _EPSILON else excess / self.rate

    def slots(self, now: float) -> int:
        """How many may pass at once."""
        return max(0, int(self.capacity - self.level(now) + _EPSILON))

    def consume(self, now: float) -> float:
        """Let one through and return 0.0; if there is no room, only the seconds until there is."""
        # Written out, for it runs twice a lookup: as `delay` and `_set_level` it takes 2 µs more.
        level, at = self._level, self._at
        if now > at:
            level, at = max(0.0, level - (now - at) * self.rate), now
        excess = level + 1 - self.capacity
        if excess > _EPSILON:
            return excess / self.rate
        self._level, self._at = level + 1, at
        return 0.0

    def refund(self, now: float) -> None:
        """Take back one that was let through and never sent."""
        self._set_level(now, max(0.0, self.level(now) - 1))

    def fill_up(self, now: float) -> None:
        """Leave no room for a burst: the next ones are let through at the rate."""
        first = first_after_pause(self.rate) * self.rate
        self._set_level(now, max(self.level(now), self.capacity - 1 + first))

    def change_rate(self, now: float, rate: float) -> None:
        """Leak at another rate from now on."""
        self._set_level(now, self.level(now))
        self.rate = rate

    def _set_level(self, now: float, level: float) -> None:
        self._level = level
        self._at = max(now, self._at)


class SlotBucket(Protocol):
    """What the waiters of a pace take their slots from."""

    def consume(self, now: float) -> float:
        """Take a slot and return 0.0; if there is none, only the seconds until there may be."""

    def delay(self, now: float, ahead: int = 0) -> float:
        """Seconds until there is a slot, with `ahead` others before it."""

    def interval(self, now: float) -> float:
        """Seconds from one slot to the next."""

    def refund(self, now: float) -> None:
        """Take back a slot that was not used."""


class CredentialBucket(SlotBucket, Protocol):
    """What a pace asks of its bucket."""

    def slots(self, now: float) -> int:
        """How many may pass at once."""

    def limits_changed(self) -> None:
        """Learn that the credential's limits may have changed."""

    def synchronise(self, now: float) -> None:
        """Take them in."""


@define
class AdaptiveBucket(Bucket):
    """A bucket that follows the cool-downs and the rate that a credential has learned.

    Attributes:
        limits: What it follows.
    """

    limits: AdaptiveRate = field(kw_only=True)
    _synchronised_until: float = field(default=-math.inf, init=False)
    _refilled_after: float = field(default=-math.inf, init=False)

    def limits_changed(self) -> None:
        """Synchronise before the next request."""
        self._synchronised_until = -math.inf

    def synchronise(self, now: float) -> None:
        """Take in a cool-down that has ended, and a rate that has changed."""
        limits = self.limits
        if now < limits.blocked_until:
            return
        ended = limits.blocked_until != self._refilled_after
        rate = limits.current_rate(now)
        if rate != self.rate:
            self.change_rate(limits.blocked_until if ended else now, rate)
        if ended:
            # Full, so that those who waited for the end come one after the other.
            self.fill_up(limits.blocked_until)
            self._refilled_after = limits.blocked_until
        ends = limits.ceiling is not None and now < limits.ceiling_until
        self._synchronised_until = limits.ceiling_until if ends else math.inf

    def consume(self, now: float) -> float:
        """See `Bucket.consume`; not beyond the end of the server's ceiling, where it is faster."""
        if now >= self._synchronised_until:
            if now < self.limits.blocked_until:
                return self.delay(now)
            self.synchronise(now)
        delay = Bucket.consume(self, now)
        return delay and min(delay, self._synchronised_until - now)

    def interval(self, now: float) -> float:
        """Seconds from one slot to the next; in a cool-down, from its end on."""
        return 1 / self.limits.rate_after_pause(now)

    def delay(self, now: float, ahead: int = 0) -> float:
        """See `Bucket.delay`; in a cool-down, from its end on. Changes nothing."""
        if now < self.limits.blocked_until:
            # It will be full then.
            return delay_in_pause(self.limits, now, ahead)
        return Bucket.delay(self._at_present(now), now, ahead)

    def slots(self, now: float) -> int:
        """How many may pass at once. Changes nothing."""
        if now < self.limits.blocked_until:
            return 0
        return Bucket.slots(self._at_present(now), now)

    def _at_present(self, now: float) -> "AdaptiveBucket":
        if now < self._synchronised_until:
            return self
        present = copy(self)
        present.synchronise(now)
        return present
