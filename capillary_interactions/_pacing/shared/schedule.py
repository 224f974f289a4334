"""The law of a shared quota: what every store does in one atomic step with a process's demand.

All clock readings are arguments, of the one clock that the store keeps; what processes send and get
are durations, so that their own clocks do not matter. It is the leaky bucket of `bucket.py`, as the
moment at which it will be empty (GCRA); slots may be taken some time before they are free.
"""

from typing import Final, Self

from attrs import define, evolve, frozen

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import DECREASE, MIN_RATE, REPEAT_WINDOW
from capillary_interactions._pacing.bucket import bucket_parameters, first_after_pause

# Float error: a slot this close to the horizon is within it.
EPSILON: Final = 1e-9
# Seconds by which slots may be taken before they are free, at most: for a store far away.
_HORIZON: Final = 0.25
# Of the jitter that a quota allows for, these are for timers that fire late, and for processes that
# take their turn early; the rest is for what happens between them and the server.
_KEPT_SHARE: Final = 0.5
_EARLY_SHARE: Final = 0.2


@frozen
class SharedQuota:
    """What all processes agree on, because they share the key.

    Attributes:
        capacity: How much fits into the bucket.
        rate: Requests a second that the setting allows.
        horizon: Seconds by which a slot may be taken before it is free.
        keep: Seconds for which a slot may be used once it is free. What is sent later, and takes
            longer to arrive, counts as jitter.
        early: Seconds before that from which it may be used.
        max_pause: No cool-down lasts longer; not part of the key.
    """

    capacity: float
    rate: float
    horizon: float
    keep: float
    early: float
    max_pause: float = 3600.0

    @classmethod
    def of(cls, limit: RateLimit, max_pause: float = 3600.0) -> Self:
        """The quota of a setting."""
        bucket = bucket_parameters(limit)
        keep, early = _KEPT_SHARE * bucket.jitter, _EARLY_SHARE * bucket.jitter
        return cls(bucket.capacity, bucket.rate, _HORIZON, keep, early, max_pause)


@frozen(kw_only=True)
class Demand:
    """What one process wants and has learned since its last exchange.

    Attributes:
        want: Slots to take at most.
        ahead: Seconds before which a slot may be taken that is not free yet; the quota's horizon at
            most.
        unused: Slots of the last exchange that will not be used; they are taken back if no process
            has changed the state since.
        revision: The state's revision after that exchange.
        used: Requests that were sent without the store since.
        fill: Whether to leave no room for a burst: the store may have lost what it knew.
        throttled: Seconds since the latest request was sent that the server has refused for its
            rate; negative for none.
        pause: Seconds for which nothing may be sent.
        gain: Requests a second by which the learned rate rises.
        ceiling: Requests a second that the server's headers leave for `ceiling_for` seconds.
        ceiling_for: Negative where there is no news; 0 where the ceiling has ended.
    """

    want: int = 0
    ahead: float = 0.0
    unused: int = 0
    revision: int = 0
    used: float = 0.0
    fill: bool = False
    throttled: float = -1.0
    pause: float = 0.0
    gain: float = 0.0
    ceiling: float = 0.0
    ceiling_for: float = -1.0


@frozen(kw_only=True)
class Reply:
    """What a store returns; seconds from the moment at which it did its step.

    Attributes:
        granted: Slots taken.
        delay: Seconds until the first of them is free, or the next slot where none was taken;
            negative where it has been free for as long.
        interval: Seconds from one slot to the next.
        pause: Seconds for which nothing may be sent.
        rate: The learned rate, in requests a second.
        throttled: Seconds since the rate was last reviewed after a refusal; infinite for never.
        ceiling: What the server's headers leave, in requests a second.
        ceiling_for: Seconds for which they do; 0 for no ceiling.
        revision: To be named by the next exchange.
        born: When the state began. A process that sees another one has slots of a state that is
            lost.
    """

    granted: int
    delay: float
    interval: float
    pause: float
    rate: float
    throttled: float
    ceiling: float
    ceiling_for: float
    revision: int
    born: float


def without_slots(reply: Reply) -> Reply:
    """A reply whose slots come too late to be used: they are lost."""
    return evolve(reply, granted=0, delay=reply.delay + reply.granted * reply.interval)


@define
class Schedule:
    """The state of a shared quota; times are readings of the store's clock, in seconds.

    Attributes:
        born: When it began.
        revision: Rises with each change of what slots are given.
        at: The time of the last exchange.
        empty_at: When the bucket will be empty (GCRA: the theoretical arrival time).
        leak: Requests that leak a second, by which `empty_at` counts.
        blocked_until: Nothing is sent before this.
        rate: The learned rate, in requests a second.
        throttled_at: When it was last reviewed after a refusal.
        ceiling: Requests a second that the server's headers leave until `ceiling_until`.
        ceiling_until: In the past for no ceiling.
    """

    born: float
    revision: int
    at: float
    empty_at: float
    leak: float
    blocked_until: float
    rate: float
    throttled_at: float
    ceiling: float
    ceiling_until: float

    @classmethod
    def begin(cls, quota: SharedQuota, now: float, full_at: float) -> Self:
        """The state of a store that knows nothing: with a bucket that was full at a moment.

        However much another store had let through by then, its bucket was no fuller.
        """
        return cls(
            born=now,
            revision=0,
            at=now,
            empty_at=full_at + quota.capacity / quota.rate,
            leak=quota.rate,
            blocked_until=now,
            rate=quota.rate,
            throttled_at=now - 2 * REPEAT_WINDOW,
            ceiling=quota.rate,
            ceiling_until=now,
        )

    def exchange(self, quota: SharedQuota, demand: Demand, now: float) -> Reply:
        """Take in what a process has learned, and give it slots."""
        self._follow_clock(now)
        if demand.unused and demand.revision == self.revision:
            self.empty_at -= demand.unused / self.leak
        self._learn(quota, demand, now)
        start = max(now, self.blocked_until)
        self._follow_rate(start)
        self._count_used(quota, demand, start)
        delay = max(start, self.empty_at) - now + (1 - quota.capacity) / self.leak
        granted = 0
        if start <= now:
            ahead = min(demand.ahead, quota.horizon)
            granted = min(demand.want, int((ahead - delay) * self.leak + 1 + EPSILON))
        if granted > 0:
            self.empty_at = max(start, self.empty_at) + granted / self.leak
            self.revision += 1
        return Reply(
            granted=max(0, granted),
            delay=delay,
            interval=1 / self.leak,
            pause=start - now,
            rate=self.rate,
            throttled=now - self.throttled_at,
            ceiling=self.ceiling,
            ceiling_for=max(0.0, self.ceiling_until - now),
            revision=self.revision,
            born=self.born,
        )

    def _follow_clock(self, now: float) -> None:
        """Where the clock was set back, move all times with it: as if no time had passed."""
        step = self.at - now
        if step > 0:
            self.empty_at -= step
            self.blocked_until -= step
            self.throttled_at -= step
            self.ceiling_until -= step
        self.at = now

    def _learn(self, quota: SharedQuota, demand: Demand, now: float) -> None:
        # A request sent before the last review belongs to the same refusal.
        if demand.throttled >= 0 and now - demand.throttled > self.throttled_at:
            if now - self.throttled_at <= REPEAT_WINDOW:
                self.rate = max(min(MIN_RATE, quota.rate), self.rate * DECREASE)
            self.throttled_at = now
        self.rate = min(quota.rate, self.rate + demand.gain)
        if demand.ceiling_for >= 0:
            self.ceiling, self.ceiling_until = demand.ceiling, now + demand.ceiling_for
        until = now + min(demand.pause, quota.max_pause)
        if until > max(now, self.blocked_until):
            self.blocked_until = until
            self._fill(quota, until)

    def _follow_rate(self, start: float) -> None:
        """Leak at the rate that holds from `start` on: now, or the end of a pause."""
        leak = min(self.rate, self.ceiling) if start < self.ceiling_until else self.rate
        if leak != self.leak:
            excess = max(0.0, self.empty_at - start)
            self.empty_at, self.leak = start + excess * self.leak / leak, leak
            self.revision += 1

    def _count_used(self, quota: SharedQuota, demand: Demand, start: float) -> None:
        if demand.used > 0:
            self.empty_at = max(start, self.empty_at) + demand.used / self.leak
            self.revision += 1
        if demand.fill:
            self._fill(quota, start)

    def _fill(self, quota: SharedQuota, at: float) -> None:
        """Leave no room for a burst from a moment on: slots come at the rate."""
        full = at + (quota.capacity - 1) / self.leak + first_after_pause(self.leak)
        self.empty_at = max(self.empty_at, full)
        self.revision += 1
