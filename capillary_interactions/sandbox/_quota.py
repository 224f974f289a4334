"""May one more request be served in this window, and how many came in any window at most?"""

from collections import defaultdict, deque
from collections.abc import Sequence


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
        """Forget what was admitted."""
        self._admitted.clear()


def most_in_any_window(times: Sequence[float], per: float) -> int:
    """The most of these rising times that lie in any half-open window of `per` seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= per:
            first += 1
        most = max(most, last - first + 1)
    return most
