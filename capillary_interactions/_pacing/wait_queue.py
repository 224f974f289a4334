"""Who comes next? Those who wait for one pace with one urgency, in the order of asking."""

import asyncio
import math
from bisect import bisect_left, insort
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from attrs import define

from capillary_interactions._pacing.deadline import Deadline, Refusal
from capillary_interactions._pacing.pace import SlotAfterDeadlineError, late

_NUMBER: Final = attrgetter("number")
# Of ten slots, streams keep one, however many single lookups are waiting.
_MAX_STREAK: Final = 9
# So many places of those who have left the front are kept before the list is cut.
_CUT: Final = 256


@define(eq=False)
class Waiter:
    """One that waits.

    Attributes:
        deadline: Until when, and how urgently.
        number: Its place in the order.
        interactive: In which of the two lines it waits.
        granted: What it awaits.
        expiry: What ends its waiting at the deadline.
    """

    deadline: Deadline
    number: int
    interactive: bool
    granted: asyncio.Future[None]
    expiry: asyncio.TimerHandle | None = None

    def is_late(self, now: float, wait: float) -> bool:
        """Refuse, now and not at the deadline, what cannot make it; a single caller, or all."""
        deadline = self.deadline
        if now + wait <= deadline.earliest:
            return False
        if deadline.at is not None and now + wait > deadline.at:
            # One that was cancelled in this turn of the loop has not left its line yet.
            if not self.granted.done():
                self.granted.set_exception(SlotAfterDeadlineError(wait))
            return True
        deadline.refuse_before(now + wait, Refusal(late(wait), wait))
        return False

    def disarm(self) -> None:
        """Let go of the timer."""
        if self.expiry is not None:
            self.expiry.cancel()


class WaitQueue:
    """Turns by number: appended, as a rule, and otherwise put in between.

    A sorted list with its front cut off now and then: all steps but a removal from the middle take
    a time that does not depend on how many wait, or on its logarithm.
    """

    def __init__(self) -> None:
        self._turns: list[Waiter] = []
        self._gone = 0

    def __len__(self) -> int:
        return len(self._turns) - self._gone

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._turns[self._gone :])

    def rank(self, number: int) -> int:
        """How many wait with a lower number."""
        if not self or self._turns[-1].number < number:
            return len(self)
        return bisect_left(self._turns, number, self._gone, key=_NUMBER) - self._gone

    def add(self, turn: Waiter) -> None:
        """Let one wait in its place."""
        insort(self._turns, turn, self._gone, key=_NUMBER)

    def remove(self, turn: Waiter) -> bool:
        """Let one go; False where it does not wait here any more."""
        place = self.rank(turn.number) + self._gone
        if place == len(self._turns) or self._turns[place] is not turn:
            return False
        if place == self._gone:
            self.pop()
        else:
            del self._turns[place]
        return True

    def pop(self) -> Waiter:
        """The first one, who does not wait any more."""
        turn = self._turns[self._gone]
        self._gone += 1
        if self._gone == len(self._turns) or (
            self._gone > _CUT and 2 * self._gone > len(self._turns)
        ):
            del self._turns[: self._gone]
            self._gone = 0
        return turn

    def clear(self) -> tuple[Waiter, ...]:
        """All of them, none of whom waits any more."""
        turns = tuple(self)
        self._turns, self._gone = [], 0
        return turns


class WaitQueues:
    """The lookups that wait and the streams' requests that wait: nine of those, one of these.

    Attributes:
        earliest: No deadline of those who wait is before this.
    """

    def __init__(self) -> None:
        self.earliest = math.inf
        self._interactive = WaitQueue()
        self._background = WaitQueue()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._interactive) + len(self._background)

    def add(self, turn: Waiter) -> None:
        """Let one wait in its place."""
        self.expect(turn.deadline)
        self._of(turn).add(turn)

    def expect(self, deadline: Deadline) -> None:
        """Know of a deadline that may be the earliest."""
        self.earliest = min(self.earliest, deadline.earliest)

    def remove(self, turn: Waiter) -> bool:
        """Let one go; False where it does not wait any more."""
        return self._of(turn).remove(turn)

    def pop(self) -> Waiter:
        """The next one, who does not wait any more."""
        if self._interactive and (not self._background or self._in_a_row < _MAX_STREAK):
            self._in_a_row += 1
            return self._interactive.pop()
        self._in_a_row = 0
        return self._background.pop()

    def clear(self) -> tuple[Waiter, ...]:
        """All of them, none of whom waits any more."""
        return (*self._interactive.clear(), *self._background.clear())

    def promote(self, turn: Waiter) -> None:
        """Move a stream's turn behind the lookups that wait, unless its own place is better."""
        number = turn.deadline.number
        if self.ahead_of(turn) > self._ahead(self._interactive.rank(number), interactive=True):
            self._background.remove(turn)
            turn.interactive, turn.number = True, number
            self._interactive.add(turn)

    def ahead_of(self, turn: Waiter) -> int:
        """How many of both lines go before one that waits, or that is about to."""
        return self._ahead(self._of(turn).rank(turn.number), interactive=turn.interactive)

    def in_order(self) -> Iterator[tuple[Waiter, int]]:
        """Each turn, and how many go before it; those removed meanwhile do not."""
        for line, interactive in ((self._interactive, True), (self._background, False)):
            began = len(line)
            for place, turn in enumerate(line):
                yield turn, self._ahead(place - (began - len(line)), interactive=interactive)

    def _of(self, turn: Waiter) -> WaitQueue:
        return self._interactive if turn.interactive else self._background

    def _ahead(self, before: int, *, interactive: bool) -> int:
        """How many of both queues go first, where `before` of one's own do."""
        in_a_row = min(self._in_a_row, _MAX_STREAK)
        if interactive:
            return before + min(len(self._background), (in_a_row + before) // _MAX_STREAK)
        return before + min(len(self._interactive), (before + 1) * _MAX_STREAK - in_a_row)
