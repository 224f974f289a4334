"""What the waiters of a process take their slots from, while the store works and otherwise."""

import math
from typing import Final

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from capillary_interactions._pacing.bucket import CredentialBucket
from capillary_interactions._pacing.shared.link import StoreLink
from capillary_interactions._pacing.shared.local_part import LocalPart
from capillary_interactions._pacing.shared.slot_source import SlotSource

_MIN_WAIT: Final = 0.001


class Fallback:
    """The part of the quota that this process keeps to in an outage, and for a moment after it.

    Other processes may return to the store later: until all have done so, none takes more than its
    part.

    Args:
        limit: The quota of all processes.
        workers: How many processes divide it in an outage; None: nothing is sent.
        limits: What is known of the rate.
        settle: Seconds after an outage for which the part is kept to.
    """

    def __init__(
        self, limit: RateLimit, workers: int | None, limits: AdaptiveRate, settle: float
    ) -> None:
        self._limit = limit
        self._workers = workers
        self._limits = limits
        self._settle = settle
        self._part: LocalPart | None = None
        self._ends_at = math.inf

    @property
    def exists(self) -> bool:
        """Whether requests are sent in an outage."""
        return self._workers is not None

    def begin(self, now: float) -> None:
        """Keep to the part from now on."""
        self._ends_at = math.inf
        if self._workers is not None and self._part is None:
            self._part = LocalPart(self._limit, self._workers, self._limits, now)

    def end(self, now: float) -> None:
        """Keep to it for a moment longer."""
        self._ends_at = now + self._settle

    def part(self, now: float) -> LocalPart | None:
        """What to keep to, if anything."""
        if now >= self._ends_at:
            self._part = None
        return self._part

    def left(self, now: float) -> float:
        """Seconds for which the part is kept to."""
        return self._ends_at - now

    def used(self, now: float) -> float:
        """Requests that were sent without the store lately."""
        return 0.0 if self._part is None else self._part.level(now)


class SlotsWithFallback(CredentialBucket):
    """The store's slots; in an outage those of this process's part of the quota, or none.

    Args:
        source: The store's slots.
        link: Whether there is an outage.
        limits: What is known of the rate.
        fallback: What to keep to in an outage.
    """

    def __init__(
        self, source: SlotSource, link: StoreLink, limits: AdaptiveRate, fallback: Fallback
    ) -> None:
        self._source = source
        self._link = link
        self._limits = limits
        self._fallback = fallback

    def consume(self, now: float) -> float:
        part = self._fallback.part(now)
        if part is not None and (wait := part.delay(now)) > 0:
            return min(wait, self._fallback.left(now))
        if self._link.outage is None:
            if (wait := self._source.consume(now)) > 0:
                return wait
        elif part is None:
            return self._until_retry(now)
        elif pause := self._limits.pause(now):
            return pause
        if part is not None:
            part.consume(now)
        return 0.0

    def delay(self, now: float, ahead: int = 0) -> float:
        part = self._fallback.part(now)
        if self._link.outage is None:
            wait = self._source.delay(now, ahead)
            return wait if part is None else max(wait, part.delay(now, ahead))
        if part is None:
            return self._until_retry(now)
        return max(self._limits.pause(now), part.delay(now, ahead))

    def interval(self, now: float) -> float:
        interval, part = self._source.interval(now), self._fallback.part(now)
        return interval if part is None else max(interval, part.interval(now))

    def refund(self, now: float) -> None:
        part = self._fallback.part(now)
        if part is not None:
            part.refund(now)
        if self._link.outage is None:
            self._source.refund(now)

    def slots(self, now: float) -> int:
        part = self._fallback.part(now)
        if self._link.outage is None:
            slots = self._source.slots(now)
            return slots if part is None else min(slots, part.slots(now))
        return 0 if part is None or self._limits.pause(now) else part.slots(now)

    def limits_changed(self) -> None:
        """Nothing: each exchange asks for the limits."""

    def synchronise(self, now: float) -> None:
        """Nothing: each exchange brings the limits."""

    def _until_retry(self, now: float) -> float:
        return max(_MIN_WAIT, self._link.retry_at - now)
