"""Request counts, times of arrival, and the quota as a sliding window."""

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from heapq import merge

from attrs import frozen

UNKNOWN_CREDENTIAL = ""
"""The credential that requests without a known one count for."""


@frozen(kw_only=True)
class Counts:
    """What a sandbox has seen so far.

    Each request received ends in exactly one of answered, throttled, faulted, refused and dropped,
    unless its caller disconnects first. Token requests are not among those received; those that
    are refused or failed on purpose count there.

    Attributes:
        received: Requests that arrived, whatever became of them.
        answered: Answers as they should be, not-found and 400 included.
        throttled: 429 because the quota was used up.
        faulted: Requests failed on purpose.
        refused: 401 and 403, and whatever reports a token that is not good.
        dropped: Reused connections closed without an answer (`drop_keepalive`).
        tokens_issued: OAuth tokens given out.
        connections: TCP connections accepted.
    """

    received: int = 0
    answered: int = 0
    throttled: int = 0
    faulted: int = 0
    refused: int = 0
    dropped: int = 0
    tokens_issued: int = 0
    connections: int = 0


class Counters:
    """Eight bytes a request and one entry an identifier, in memory only.

    Attributes:
        ended: How requests have ended, by the names of `Counts`.
    """

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self._arrivals: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self._identifiers: Counter[str] = Counter()

    def record_arrival(self, credential: str, now: float, identifier: str | None) -> None:
        self._arrivals[credential].append(now)
        if identifier is not None:
            self._identifiers[identifier] += 1

    def counts(self, connections: int) -> Counts:
        received = sum(map(len, self._arrivals.values()))
        return Counts(received=received, connections=connections, **self.ended)

    def received_for(self, identifier: str) -> int:
        return self._identifiers[identifier]

    def arrivals(self, credential: str | None) -> tuple[float, ...]:
        if credential is not None:
            return tuple(self._arrivals.get(credential, ()))
        return tuple(merge(*self._arrivals.values()))

    def most_in_any_window(self, per: float, credential: str | None) -> int:
        """The most arrivals in any window, of one credential or of the worst one."""
        if credential is not None:
            return most_in_any_window(self._arrivals.get(credential, ()), per)
        return max((most_in_any_window(times, per) for times in self._arrivals.values()), default=0)


class Quota:
    """A strict sliding window for each credential.

    Only admitted requests fill the window: a request answered with 429 is counted as received
    elsewhere, but does not push the next free slot away. Otherwise a caller that keeps asking too
    early would never be served again.
    """

    def __init__(self) -> None:
        self._admitted: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, credential: str, now: float, rate: tuple[int, float] | None) -> float:
        """Seconds until a slot is free; 0.0 means that the request took one."""
        if rate is None:
            return 0.0
        requests, per = rate
        admitted = self._admitted[credential]
        # The same subtraction as in `most_in_any_window`, so that both round alike.
        while admitted and now - admitted[0] >= per:
            admitted.popleft()
        if len(admitted) < requests:
            admitted.append(now)
            return 0.0
        # The rate may have been lowered meanwhile: the slot then comes free later than the first.
        return admitted[len(admitted) - requests] + per - now

    def clear(self) -> None:
        self._admitted.clear()


def most_in_any_window(times: Sequence[float], per: float) -> int:
    """The most of these rising times that lie in any half-open window of `per` seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= per:
            first += 1
        most = max(most, last - first + 1)
    return most
