"""When is there room for one more request? The arithmetic of a leaky bucket, nothing else.

A bucket of capacity b that leaks r a second lets through at most b + r·T in any window of T
seconds: b at once when it was empty, and what leaks meanwhile. For a quota of N in T that is kept
where requests *arrive*, r follows from N, b and a window that is a little longer than T.
"""

from typing import Final

from attrs import define, field, frozen

from capillary_interactions._limits import RateLimit

# What sending and arriving may differ by, without a request arriving early: 2 % of the window,
# a quarter of a second at most.
_JITTER_SHARE: Final = 0.02
_JITTER_MOST: Final = 0.25
# Timers fire up to about 2 ms late (epoll counts in milliseconds). Without room to catch up, each
# slot would start the next interval late, and a tenth of 50 a second would be lost.
_TIMER_LATE: Final = 0.002
# Float dust: a slot this close to free is free.
_DUST: Final = 1e-9


@frozen
class Plan:
    """A bucket's figures for a quota.

    Attributes:
        capacity: How much fits in; `burst` requests, and what late timers need to catch up.
        rate: Requests that leak a second.
    """

    capacity: float
    rate: float


def plan(limit: RateLimit) -> Plan:
    """The bucket that keeps a quota in every window, and wastes little of it.

    b + r·(T + jitter) = N + 1 is the largest rate with which N + 1 requests never fit in a window
    of T, not even where each arrives late by as much as the jitter allowed for.
    """
    burst = float(max(1, limit.requests // 100) if limit.burst is None else limit.burst)
    window = limit.per + min(_JITTER_SHARE * limit.per, _JITTER_MOST)
    capacity = burst + min(0.5, _TIMER_LATE * limit.requests / limit.per)
    return Plan(capacity, (limit.requests + 1 - capacity) / window)


@define
class Bucket:
    """How full a bucket is, on somebody else's clock.

    Attributes:
        capacity: How much fits in.
        rate: Requests that leak a second; may change at any time.
    """

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
        """Seconds until there is room for one more, with `ahead` others let in first."""
        over = self.level(now) + ahead + 1 - self.capacity
        return 0.0 if over <= _DUST else over / self.rate

    def take(self, now: float) -> None:
        """Let one in."""
        self._settle(now, self.level(now) + 1)

    def give_back(self, now: float) -> None:
        """Take one back that was let in and never sent."""
        self._settle(now, max(0.0, self.level(now) - 1))

    def fill(self, now: float) -> None:
        """Fill it up, so that what comes next comes at the pace and not in a burst."""
        self._settle(now, max(self.level(now), self.capacity))

    def change_rate(self, now: float, rate: float) -> None:
        """Leak at another rate from now on."""
        self._settle(now, self.level(now))
        self.rate = rate

    def _settle(self, now: float, level: float) -> None:
        self._level = level
        self._at = max(now, self._at)
