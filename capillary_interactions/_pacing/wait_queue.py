"""The waiters of one pace: in which order they are admitted, and which of them come too late."""

import asyncio
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final

from attrs import define

from capillary_interactions._pacing.deadline import Deadline, Refusal, SlotAfterDeadlineError

_NUMBER: Final = attrgetter("number")
# Of ten slots, background requests keep one, however many interactive ones are waiting.
_MAX_STREAK: Final = 9
# Popped entries that are kept at the front of the list before it is cut.
_MAX_POPPED: Final = 256
# All deadlines are reviewed at each change where few wait, and else after this many seconds for
# each waiter: a hundredth of the time goes into it, though every answer's headers may change the
# rate.
_FEW: Final = 64
_REVIEW_COST: Final = 1e-4
# A pause that is so much longer than the last one reviewed cannot wait for that.
_LONGER: Final = 1.0


@define(eq=False)
class Waiter:
    """A call that waits for admission; number and priority are those of the queue it is in."""

    deadline: Deadline
    number: int
    interactive: bool
    granted: asyncio.Future[None]
    expiry: asyncio.TimerHandle | None = None  # fires at the deadline

    def reject_if_late(self, now: float, wait: float) -> bool:
        """Reject at once, and not at the deadline, the call or those callers that come too late.

        Returns:
            Whether the whole call was rejected.
        """
        deadline = self.deadline
        if now + wait <= deadline.earliest:
            return False
        error = SlotAfterDeadlineError(wait)
        if deadline.at is not None and now + wait > deadline.at:
            # One cancelled in this iteration of the loop has not left its queue yet.
            if not self.granted.done():
                self.granted.set_exception(error)
            return True
        deadline.refuse_before(now + wait, Refusal(error.reason, wait))
        return False


class WaitQueue:
    """Waiters by number: appended, as a rule, and otherwise inserted.

    A sorted list with its front cut off now and then: all steps but a removal from the middle take
    a time that does not depend on how many wait, or on its logarithm.
    """

    def __init__(self) -> None:
        self._waiters: list[Waiter] = []
        self._popped = 0

    def __len__(self) -> int:
        return len(self._waiters) - self._popped

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._waiters[self._popped :])

    def rank(self, number: int) -> int:
        """How many wait with a lower number."""
        if not self or self._waiters[-1].number < number:
            return len(self)
        return bisect_left(self._waiters, number, self._popped, key=_NUMBER) - self._popped

    def add(self, waiter: Waiter) -> None:
        insort(self._waiters, waiter, self._popped, key=_NUMBER)

    def remove(self, waiter: Waiter) -> bool:
        """Remove a waiter; False where it does not wait here any more."""
        index = self.rank(waiter.number) + self._popped
        if index == len(self._waiters) or self._waiters[index] is not waiter:
            return False
        if index == self._popped:
            self.pop()
        else:
            del self._waiters[index]
        return True

    def pop(self) -> Waiter:
        """Remove and return the first one."""
        waiter = self._waiters[self._popped]
        self._popped += 1
        if self._popped == len(self._waiters) or (
            self._popped > _MAX_POPPED and 2 * self._popped > len(self._waiters)
        ):
            del self._waiters[: self._popped]
            self._popped = 0
        return waiter


class WaitQueues:
    """The interactive and the background waiters: nine of those, then one of these.

    Attributes:
        size: How many wait; an attribute, for every lookup reads it.
        earliest: No waiter's deadline is before this.
    """

    def __init__(self) -> None:
        self.size = 0
        self.earliest = math.inf
        self._interactive = WaitQueue()
        self._background = WaitQueue()
        self._streak = 0

    def add(self, waiter: Waiter) -> None:
        self.expect(waiter.deadline)
        self._queue_of(waiter).add(waiter)
        self.size += 1

    def expect(self, deadline: Deadline) -> None:
        """Take in a deadline that may be the earliest."""
        self.earliest = min(self.earliest, deadline.earliest)

    def remove(self, waiter: Waiter) -> bool:
        """Remove a waiter; False where it does not wait any more."""
        removed = self._queue_of(waiter).remove(waiter)
        self.size -= removed
        return removed

    def pop(self) -> Waiter:
        """Remove and return the next one."""
        self.size -= 1
        if self._interactive and (not self._background or self._streak < _MAX_STREAK):
            self._streak += 1
            return self._interactive.pop()
        self._streak = 0
        return self._background.pop()

    def clear(self) -> tuple[Waiter, ...]:
        """Remove and return all of them."""
        waiters = (*self._interactive, *self._background)
        self._interactive, self._background, self.size = WaitQueue(), WaitQueue(), 0
        return waiters

    def promote(self, waiter: Waiter) -> None:
        """Move a background waiter behind the interactive ones, unless its own position is better.

        The number that it has there is that of the caller who joined it.
        """
        number = waiter.deadline.number
        if self.position(waiter) > self._ahead(self._interactive.rank(number), interactive=True):
            self._background.remove(waiter)
            waiter.interactive, waiter.number = True, number
            self._interactive.add(waiter)

    def position(self, waiter: Waiter) -> int:
        """How many of both queues come before a waiter, or before one that is about to be added."""
        rank = self._queue_of(waiter).rank(waiter.number)
        return self._ahead(rank, interactive=waiter.interactive)

    def in_order(self) -> Iterator[tuple[Waiter, int]]:
        """Each waiter and its position; those removed meanwhile do not count."""
        for queue, interactive in ((self._interactive, True), (self._background, False)):
            length = len(queue)
            for index, waiter in enumerate(queue):
                yield waiter, self._ahead(index - (length - len(queue)), interactive=interactive)

    def _queue_of(self, waiter: Waiter) -> WaitQueue:
        return self._interactive if waiter.interactive else self._background

    def _ahead(self, rank: int, *, interactive: bool) -> int:
        """The position in both queues of a rank in one of them."""
        streak = min(self._streak, _MAX_STREAK)
        if interactive:
            return rank + min(len(self._background), (streak + rank) // _MAX_STREAK)
        return rank + min(len(self._interactive), (rank + 1) * _MAX_STREAK - streak)


class DeadlineReviews:
    """Calls a function that compares every waiter's deadline with limits that have changed.

    Args:
        review: What is called: often enough, and not too often for the number of waiters.
    """

    def __init__(self, review: Callable[[], None]) -> None:
        self._review = review
        self._reviewed_at = self._blocked_until = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    def limits_changed(
        self, loop: asyncio.AbstractEventLoop, waiting: int, blocked_until: float
    ) -> None:
        """Review at once, or a little later together with what else changes until then."""
        due = self._reviewed_at + waiting * _REVIEW_COST
        longer = blocked_until > max(loop.time(), self._blocked_until + _LONGER)
        if waiting <= _FEW or loop.time() >= due or longer:
            self._call(loop, blocked_until)
        elif self._timer is None:
            self._timer = loop.call_at(due, self._call, loop, blocked_until)

    def _call(self, loop: asyncio.AbstractEventLoop, blocked_until: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reviewed_at, self._blocked_until = loop.time(), blocked_until
        self._review()
