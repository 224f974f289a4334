"""When is there room for one more request? The arithmetic of a leaky bucket, nothing else.

A bucket of capacity b that leaks r a second lets through at most b + r·T in any window of T
seconds: b at once when it was empty, and what leaks meanwhile. For a quota of N in T that is kept
where requests *arrive*, r follows from N, b and a window that is a little longer than T.
"""

from typing import Final

from attrs import define, field, frozen

from capillary_interactions._config.limits import RateLimit

# What sending and arriving may differ by, without a request arriving early: 2 % of the window,
# a quarter of a second at most.
_JITTER_SHARE: Final = 0.02
_JITTER_MOST: Final = 0.25
# Timers fire 1 to 2 ms late (epoll counts in milliseconds), and later on a busy machine. Without
# room to catch up, each slot would start the next interval late, and a tenth of 50 a second would
# be lost. A small quota can spare less than that.
_TIMER_LATE: Final = 0.004
_CATCH_UP_SHARE: Final = 0.01
# A server that allows a burst counts it when it comes to reading: what it reads 50 ms late comes in
# one piece, and should fit beside the burst. At up to 100 a second that is next to nothing.
_READ_LATE: Final = 0.05
_READ_AT_ONCE: Final = 100.0
# Where not even two fit in: half of the next one's time may pass before a request leaves.
_LEAVING: Final = 1.5
_FIRST_AFTER_PAUSE: Final = 1.0
# Float dust: a slot this close to free is free.
_DUST: Final = 1e-9


@frozen
class BucketParameters:
    """A bucket's figures for a quota.

    Attributes:
        capacity: How much fits in; `burst` requests, less what a server may read late, or one and
            what late timers need to catch up.
        rate: Requests that leak a second.
        leaving: How much a bucket holds that counts requests where they leave, some time after
            their turn: a little more, that a late one need not slow the next.
    """

    capacity: float
    rate: float
    leaving: float


def bucket_parameters(limit: RateLimit) -> BucketParameters:
    """The bucket that keeps a quota in every window, and wastes little of it.

    b + r·(T + jitter) = N + 1 is the largest rate with which N + 1 requests never fit in a window
    of T, not even where each arrives late by as much as the jitter allowed for.
    """
    burst = float(max(1, limit.requests // 100) if limit.burst is None else limit.burst)
    jitter = min(_JITTER_SHARE * limit.per, _JITTER_MOST)
    capacity = _capacity(burst, limit.requests, limit.requests / limit.per)
    rate = (limit.requests + 1 - capacity) / (limit.per + jitter)
    return BucketParameters(capacity, rate, max(capacity, min(_LEAVING, capacity + rate * jitter)))


def _capacity(burst: float, requests: int, rate: float) -> float:
    if burst == 1:
        return burst + min(0.5, _TIMER_LATE * rate, _CATCH_UP_SHARE * requests)
    # A late timer finds its room in the burst.
    return burst - min((burst - 2) / 2, max(0.0, _READ_LATE * (rate - _READ_AT_ONCE)))


def first_after_pause(rate: float) -> float:
    """Seconds from the end of a pause to the first request: its interval, at most a second.

    The server named the end of the pause; with a quota of one a minute, another minute is too much.
    """
    return min(1 / rate, _FIRST_AFTER_PAUSE)


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
        first = first_after_pause(self.rate) * self.rate
        self._settle(now, max(self.level(now), self.capacity - 1 + first))

    def change_rate(self, now: float, rate: float) -> None:
        """Leak at another rate from now on."""
        self._settle(now, self.level(now))
        self.rate = rate

    def _settle(self, now: float, level: float) -> None:
        self._level = level
        self._at = max(now, self._at)
