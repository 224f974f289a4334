"""The slots that a process has taken and not used yet; times are readings of its loop's clock."""

from collections import deque
from typing import Final

from capillary_interactions._pacing.shared.schedule import Reply

# Timers and floats: a slot this close to free is free.
_EPSILON: Final = 1e-6


class HeldSlots:
    """Slots by the time from which each may be used, for a short while.

    What is used later would arrive beside requests that were counted later.

    Args:
        keep: Seconds for which a slot that is free may be used.
        early: Seconds before that from which it may be used, rather than to sleep for as long.
    """

    def __init__(self, keep: float, early: float) -> None:
        self._keep = keep
        self._early = early
        self._times: deque[float] = deque()
        self._last_grant = 0
        self._last_used: float | None = None

    def __len__(self) -> int:
        return len(self._times)

    @property
    def next_at(self) -> float | None:
        """From when the first one may be used, or None if there is none."""
        return self._times[0] - self._early if self._times else None

    def at(self, index: int) -> float:
        """From when one of them may be used."""
        return self._times[index] - self._early

    def add(self, reply: Reply, now: float) -> None:
        """Hold what a reply has granted; slots that have long been free count from now."""
        self._last_grant = reply.granted
        for number in range(reply.granted):
            self._times.append(now + max(0.0, reply.delay + number * reply.interval))

    def use(self, now: float) -> bool:
        """Use a slot that is free; whether there was one."""
        times = self._times
        while times and times[0] - self._early <= now + _EPSILON:
            at = times.popleft()
            if now <= at + self._keep:
                self._last_used = at
                return True
        return False

    def put_back(self, now: float) -> None:
        """Hold the slot that was used last once more, if it can still be used."""
        at, self._last_used = self._last_used, None
        if at is not None and now <= at + self._keep:
            self._times.appendleft(at)

    def count_free(self, now: float) -> int:
        """How many may be used."""
        late, early = now - self._keep, now + self._early + _EPSILON
        return sum(late <= at <= early for at in self._times)

    def drop(self) -> int:
        """Forget all; returns how many of the last grant were left, which may be given back."""
        left = min(len(self._times), self._last_grant)
        self._times.clear()
        self._last_grant = 0
        return left

    def forget(self) -> None:
        """Forget all, of which none may be given back."""
        self._times.clear()
        self._last_grant = 0
        self._last_used = None
