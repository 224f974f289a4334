"""What has come in, and how did it end?"""

from array import array
from collections import Counter, defaultdict
from heapq import merge

from attrs import frozen

from capillary_interactions.sandbox._quota import most_in_any_window

UNKNOWN_CREDENTIAL = ""
"""The credential that requests without a known one are counted under."""


@frozen(kw_only=True)
class Counts:
    """What a sandbox has seen so far.

    Each request received ends in exactly one of answered, throttled, faulted, refused and dropped,
    unless its caller goes away first. Token requests are not among those received.

    Attributes:
        received: Requests that arrived, whatever became of them.
        answered: Answers as they should be, not-found and 400 included.
        throttled: 429 because the quota was used up.
        faulted: Requests failed on purpose.
        refused: 401 and 403, those of the token endpoint included.
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
    """The sandbox's own book-keeping, in memory only.

    Eight bytes a request and one entry an identifier: the customers themselves are not stored.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.throttled = 0
        self.faulted = 0
        self.refused = 0
        self.dropped = 0
        self.tokens_issued = 0
        self._arrivals: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self._identifiers: Counter[str] = Counter()

    def note(self, credential: str, now: float, identifier: str | None) -> None:
        """Write down an arrival."""
        self._arrivals[credential].append(now)
        if identifier is not None:
            self._identifiers[identifier] += 1

    def counts(self, connections: int) -> Counts:
        """The figures of this moment."""
        return Counts(
            received=sum(map(len, self._arrivals.values())),
            answered=self.answered,
            throttled=self.throttled,
            faulted=self.faulted,
            refused=self.refused,
            dropped=self.dropped,
            tokens_issued=self.tokens_issued,
            connections=connections,
        )

    def received_for(self, identifier: str) -> int:
        """How often this identifier was asked for."""
        return self._identifiers[identifier]

    def arrivals(self, credential: str | None) -> tuple[float, ...]:
        """Times of arrival in rising order, of one credential or of all."""
        if credential is not None:
            return tuple(self._arrivals.get(credential, ()))
        return tuple(merge(*self._arrivals.values()))

    def most_in_any_window(self, per: float, credential: str | None) -> int:
        """The most arrivals in any window, of one credential or of the worst one."""
        if credential is not None:
            return most_in_any_window(self._arrivals.get(credential, ()), per)
        return max((most_in_any_window(times, per) for times in self._arrivals.values()), default=0)
