"""A process's part of a quota, for as long as the store that all of them share is out of order."""

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from capillary_interactions._pacing.bucket import Bucket, bucket_parameters


class LocalPart:
    """A bucket with one part of the quota.

    The parts of all processes together keep the quota in any window, if each may send one request
    in it.

    Args:
        limit: The quota of all processes.
        workers: How many there are.
        limits: The learned rate, of which it is a part, too.
        now: The clock's reading. The bucket begins full: what the store gave last counts.
    """

    def __init__(self, limit: RateLimit, workers: int, limits: AdaptiveRate, now: float) -> None:
        parameters = bucket_parameters(part_of(limit, workers))
        self._rate = parameters.rate
        self._limits = limits
        self._bucket = Bucket(parameters.capacity, parameters.rate)
        self._bucket.fill_up(now)

    def level(self, now: float) -> float:
        """Requests sent and not leaked yet."""
        return self._current(now).level(now)

    def delay(self, now: float, ahead: int = 0) -> float:
        """Seconds until there is room for one more, with `ahead` others before it."""
        return self._current(now).delay(now, ahead)

    def interval(self, now: float) -> float:
        """Seconds from one request to the next."""
        return 1 / self._current(now).rate

    def slots(self, now: float) -> int:
        """How many may pass at once."""
        return self._current(now).slots(now)

    def consume(self, now: float) -> None:
        """Count one that is sent."""
        self._current(now).consume(now)

    def refund(self, now: float) -> None:
        """Take back one that was not sent."""
        self._bucket.refund(now)

    def _current(self, now: float) -> Bucket:
        rate = self._rate * self._limits.current_rate(now) / self._limits.configured
        if rate != self._bucket.rate:
            self._bucket.change_rate(now, rate)
        return self._bucket


def part_of(limit: RateLimit, workers: int) -> RateLimit:
    """The quota of one of `workers` processes."""
    requests = limit.requests // workers
    if requests == 0:
        return RateLimit(1, limit.per * workers / limit.requests)
    burst = None if limit.burst is None else max(1, limit.burst // workers)
    return RateLimit(requests, limit.per, burst)
