"""The waiters of one pace, and in which order they are admitted."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from attrs import define

from capillary_interactions._pacing.deadline import Deadline, Refusal, SlotAfterDeadlineError

_NUMBER: Final = attrgetter("number")
# Of ten slots, background requests keep one, however many interactive ones are waiting.
_MAX_STREAK: Final = 9
# Popped entries that are kept at the front of the list before it is cut.
_MAX_POPPED: Final = 256


@define(eq=False)
class Waiter:
    """A call that waits for admission; number and priority are those of the queue it is in."""

    deadline: Deadline
    number: int
    interactive: bool
    granted: asyncio.Future[None]
    watched: bool = False  # its deadline is

    def reject_if_late(self, now: float, wait: float) -> bool:
        """Reject at once, and not at the deadline, the call or those callers that come too late.

        Returns:
            Whether the whole call was rejected.
        """
        deadline = self.deadline
        # A request that is sent in vain takes the slot of one that has time: where more arrive than
        # can be sent, all would be sent at the last moment, and none answered.
        answered = now + wait + deadline.needed
        if answered <= deadline.earliest:
            return False
        error = SlotAfterDeadlineError(wait, deadline.needed)
        if deadline.at is not None and answered > deadline.at:
            # One cancelled in this iteration of the loop has not left its queue yet.
            if not self.granted.done():
                self.granted.set_exception(error)
            return True
        deadline.refuse_before(answered, Refusal(error.reason, wait))
        return False


class WaitQueue:
    """Waiters by number: appended, as a rule, and otherwise inserted.

    A sorted list with its front cut off now and then: all steps but a removal from the middle take
    a time that does not depend on how many wait, or on its logarithm. That one moves 8 bytes for
    each waiter behind: 5 µs in the middle of 100,000.
    """

    def __init__(self) -> None:
        # Empty when none waits: with the last one that is popped, all are removed.
        self._waiters: list[Waiter] = []
        self._popped = 0

    def __len__(self) -> int:
        return len(self._waiters) - self._popped

    def slice(self, rank: int, count: int) -> Sequence[Waiter]:
        """At most `count` waiters, from a rank on."""
        start = self._popped + rank
        return self._waiters[start : start + count]

    def rank(self, number: int) -> int:
        """How many wait with a lower number."""
        waiters, popped = self._waiters, self._popped
        if not waiters or waiters[-1].number < number:
            return len(waiters) - popped
        return bisect_left(waiters, number, popped, key=_NUMBER) - popped

    def add(self, waiter: Waiter) -> None:
        waiters = self._waiters
        if not waiters or waiters[-1].number < waiter.number:
            waiters.append(waiter)
        else:
            insort(waiters, waiter, self._popped, key=_NUMBER)

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
        size: How many wait; an attribute, for it is read with each slot.
    """

    def __init__(self) -> None:
        self.size = 0
        self._interactive = WaitQueue()
        self._background = WaitQueue()
        self._streak = 0

    @property
    def has_interactive(self) -> bool:
        """Whether an interactive one waits."""
        return bool(self._interactive)

    def add(self, waiter: Waiter) -> None:
        self._queue_of(waiter).add(waiter)
        self.size += 1

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

    def clear(self) -> Sequence[Waiter]:
        """Remove and return all of them, in their order of admission by priority."""
        queues = self._interactive, self._background
        self._interactive, self._background, self.size = WaitQueue(), WaitQueue(), 0
        return [waiter for queue in queues for waiter in queue.slice(0, len(queue))]

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

    def in_order(
        self, *, interactive: bool, number: int, count: int
    ) -> Iterator[tuple[Waiter, int]]:
        """Waiters of a priority and their positions; those removed meanwhile do not count.

        Args:
            interactive: The priority.
            number: The lowest number.
            count: How many at most.
        """
        queue = self._interactive if interactive else self._background
        rank, length = queue.rank(number), len(queue)
        for index, waiter in enumerate(queue.slice(rank, count), rank):
            yield waiter, self._ahead(index - (length - len(queue)), interactive=interactive)

    def _queue_of(self, waiter: Waiter) -> WaitQueue:
        return self._interactive if waiter.interactive else self._background

    def _ahead(self, rank: int, *, interactive: bool) -> int:
        """The position in both queues of a rank in one of them."""
        streak = min(self._streak, _MAX_STREAK)
        if interactive:
            return rank + min(len(self._background), (streak + rank) // _MAX_STREAK)
        return rank + min(len(self._interactive), (rank + 1) * _MAX_STREAK - streak)
