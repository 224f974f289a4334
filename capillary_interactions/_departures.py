"""What was let in and is not on the wire yet? A second bucket, that counts what really left.

A request that opens a connection first leaves some time after its turn. Its slot has come free by
then, and if the next one finds a connection open, both arrive at once: twice the rate. This bucket
counts a request when it leaves, and keeps room for those that are about to.
"""

from collections.abc import Callable
from functools import partial

from capillary_interactions._bucket import Bucket


class Departures:
    """The requests of one credential, counted where they leave.

    Args:
        capacity: How much the bucket holds.
        rate: Requests that leak a second.
    """

    def __init__(self, capacity: float, rate: float) -> None:
        self._bucket = Bucket(capacity, rate)
        self._awaited: dict[object, float] = {}
        self._overdue: set[object] = set()

    def delay(self, now: float, ahead: int) -> float:
        """Seconds until there is room for one more, after `ahead` others and who is about to go."""
        return self._bucket.delay(now, ahead + self._expected(now))

    def free(self, now: float) -> float:
        """Room for how many."""
        bucket = self._bucket
        return bucket.capacity - bucket.level(now) - self._expected(now)

    def left(self, now: float) -> None:
        """One has left."""
        self._bucket.take(now)

    def awaits(self, now: float) -> Callable[[float], None]:
        """The one that has `left` just now did not: to be called with the time when it does.

        More than one call counts once.
        """
        self._bucket.give_back(now)
        departing = object()
        self._awaited[departing] = now
        return partial(self._departed, departing)

    def fill(self, now: float) -> None:
        """See `Bucket.fill`."""
        self._bucket.fill(now)

    def change_rate(self, now: float, rate: float) -> None:
        """See `Bucket.change_rate`."""
        self._bucket.change_rate(now, rate)

    def clear(self) -> None:
        """Nobody is awaited any more."""
        self._awaited.clear()
        self._overdue.clear()

    def _departed(self, departing: object, now: float) -> None:
        if self._awaited.pop(departing, None) is None:
            if departing not in self._overdue:
                return
            self._overdue.remove(departing)
        self._bucket.take(now)

    def _expected(self, now: float) -> int:
        """How many may leave any moment.

        Not those that have waited for longer than the bucket takes to leak down to one: where
        connections open that slowly, keeping room for them would cost a part of the rate. They
        count when they leave.
        """
        since = now - (self._bucket.capacity - 1) / self._bucket.rate
        while self._awaited:
            eldest = next(iter(self._awaited))
            if self._awaited[eldest] >= since:
                break
            del self._awaited[eldest]
            self._overdue.add(eldest)
        return len(self._awaited)
