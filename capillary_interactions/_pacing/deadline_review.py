"""Which waiters cannot meet their deadlines any more: as time passes, and once limits change."""

import asyncio
import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from capillary_interactions._pacing.bucket import SlotBucket
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.wait_queue import Waiter, WaitQueues

# Reviewed in one piece, without letting others run: some 50 µs.
_SLICE: Final = 64
# Seconds from one slice to the next for each of its waiters: a hundredth of the time goes into a
# review, though every answer's headers may change the rate.
_REVIEW_COST: Final = 1e-4
# A pause that is so much longer than the last one reviewed is reviewed without such intervals.
_LONGER: Final = 1.0
# A timer may fire as much too early.
_FLOAT_TOLERANCE: Final = 1e-6
# Those that have left are removed once they are more than those that wait, and more than this.
_MAX_LEFT: Final = 64


class DeadlineReview:
    """Rejects the waiters whose slots come after their deadlines, a few at a time.

    A review begins when limits change, and passes through the queues in order of admission: each
    waiter that it rejects makes room for those behind. However many wait, no step takes longer.

    Args:
        loop: The running event loop.
        queues: The waiters.
        bucket: What forecasts their slots.

    Attributes:
        earliest: No waiter's deadline is before this.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, queues: WaitQueues, bucket: SlotBucket
    ) -> None:
        self.earliest = self._still_earliest = math.inf
        self._loop = loop
        self._queues = queues
        self._bucket = bucket
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = self._blocked_until = -math.inf
        self._hurried = self._again = False
        self._rewind()

    def expect(self, deadline: Deadline) -> None:
        """Take in a deadline that may be the earliest."""
        self.earliest = min(self.earliest, deadline.earliest)
        self._still_earliest = min(self._still_earliest, deadline.earliest)

    def limits_changed(self, blocked_until: float) -> None:
        """Begin a review if one is needed, or another one after that which is in progress."""
        now, bucket = self._loop.time(), self._bucket
        last = bucket.delay(now) + self._queues.size * bucket.interval(now)
        if now + last <= self.earliest:
            return
        longer = blocked_until > max(now, self._blocked_until + _LONGER)
        if self._timer is not None and not longer:
            self._again = True
            return
        self._blocked_until = blocked_until
        self._hurried |= longer
        if longer or self._queues.size <= _SLICE:
            self._rewind()
            self._review_slice()
        else:
            self._schedule()

    def _rewind(self) -> None:
        self._interactive, self._number, self._still_earliest = True, -1, math.inf
        self._again = False

    def _schedule(self) -> None:
        at = self._loop.time() if self._hurried else self._next_at
        self._timer = self._loop.call_at(at, self._review_slice)

    def _review_slice(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, left = self._loop.time(), _SLICE
        while (left := left - self._reject(now, left)) and self._interactive:
            self._interactive, self._number = False, -1
        self._next_at = now + (_SLICE - left) * _REVIEW_COST
        if not left:
            self._schedule()
            return
        self.earliest, self._hurried, again = self._still_earliest, False, self._again
        self._rewind()
        if again:
            self._schedule()

    def _reject(self, now: float, count: int) -> int:
        """Reject those of the next `count` that come too late; returns how many there were."""
        first, interval = self._bucket.delay(now), self._bucket.interval(now)
        seen = 0
        for waiter, ahead in self._queues.in_order(
            interactive=self._interactive, number=self._number + 1, count=count
        ):
            seen, self._number = seen + 1, waiter.number
            answered = now + first + ahead * interval + waiter.deadline.needed
            if answered > waiter.deadline.earliest and waiter.reject_if_late(
                now, self._bucket.delay(now, ahead)
            ):
                self._queues.remove(waiter)
            else:
                self._still_earliest = min(self._still_earliest, waiter.deadline.earliest)
        return seen


class Expiries:
    """Calls a function with each waiter whose deadline comes.

    One timer for all: as many timers of the event loop as waiters would cost 5 µs for each of
    10,000, most of it for comparisons in the loop's own heap.

    Args:
        loop: The running event loop.
        expire: What is called, unless the waiter was granted its slot.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[Waiter], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._heap: list[tuple[float, int, Waiter]] = []
        self._arrivals = count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, waiter: Waiter, waiting: int) -> None:
        """Watch the deadline of a waiter, which is one of `waiting`."""
        at, heap = waiter.deadline.at, self._heap
        if at is None or waiter.watched:
            return
        waiter.watched = True
        if len(heap) > 2 * waiting + _MAX_LEFT:
            heap[:] = [entry for entry in heap if not entry[2].granted.done()]
            heapify(heap)
        heappush(heap, (at, next(self._arrivals), waiter))
        if self._timer is None or at < self._timer.when():
            self._set_timer(at)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._expire_due)

    def _expire_due(self) -> None:
        now, heap, self._timer = self._loop.time() + _FLOAT_TOLERANCE, self._heap, None
        while heap and (heap[0][0] <= now or heap[0][2].granted.done()):
            _, _, waiter = heappop(heap)
            at = waiter.deadline.at
            if at is None or waiter.granted.done():
                continue
            if at <= now:
                self._expire(waiter)
            else:  # a caller with a later deadline has joined it
                heappush(heap, (at, next(self._arrivals), waiter))
        if heap:
            self._set_timer(heap[0][0])
