"""Until when, and how urgently, is a shared call wanted? What all of its callers ask together.

Callers may join while the call waits: for a slot of the quota, for a stream's part of the rate, or
between two attempts. What waits then sets a watcher, which is called at each change.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from capillary_interactions._pacing.stream_share import StreamShare

# The order of asking, of all clients: two may share a pace.
_NUMBERS: Final = count()


@frozen
class Refusal:
    """Why one caller's deadline cannot be met any more, while the call goes on for others.

    Attributes:
        reason: In words.
        retry_after: Seconds after which asking again makes sense, or None where that is unknown.
    """

    reason: str
    retry_after: float | None = None


Caller = asyncio.Future[Refusal | None]


@define(eq=False)
class Deadline:
    """When a call must have ended, for the most patient of its callers.

    Attributes:
        at: The loop's time, or None for never.
        interactive: Whether a person waits; once one does, one does until the end.
        share: The part of the rate that a stream keeps to; None without one, or once a person
            waits.
        number: Its place in the order of asking, or, since a person has joined a stream's call, in
            the order of joining. It keeps it wherever it queues, and however often.
        earliest: No caller's deadline is before this; infinite if none has one.
        watcher: Called when a caller has joined.
    """

    at: float | None = None
    interactive: bool = True
    share: "StreamShare | None" = None
    number: int = field(factory=_NUMBERS.__next__, init=False)
    earliest: float = field(init=False)
    watcher: Callable[[], None] | None = field(default=None, init=False)
    _callers: dict[Caller, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the deadline of the first caller."""
        self.earliest = math.inf if self.at is None else self.at

    def join(
        self, at: float | None, *, interactive: bool = True, share: "StreamShare | None" = None
    ) -> None:
        """Count in one more caller: later, interactive or without a share, as that one needs it.

        Args:
            at: Its deadline.
            interactive: Whether it is a person.
            share: The part of the rate that it keeps to.
        """
        if self.at is not None and (at is None or at > self.at):
            self.at = at
        if interactive and not self.interactive:
            self.interactive = True
            self.share = None
            self.number = next(_NUMBERS)
        if self.share is not None and (share is None or share.fraction > self.share.fraction):
            self.share = share

    def add(self, caller: Caller, at: float | None) -> None:
        """Know a caller by the future it awaits, so that it can be refused alone."""
        if at is not None:
            self._callers[caller] = at
            self.earliest = min(self.earliest, at)
        if self.watcher is not None:
            self.watcher()

    def discard(self, caller: Caller) -> None:
        """Forget a caller."""
        self._callers.pop(caller, None)

    def refuse_before(self, time: float, refusal: Refusal) -> None:
        """End the waiting of callers whose deadlines are before a time: nothing comes sooner."""
        if self.earliest >= time or not self._callers:
            return
        for caller, at in tuple(self._callers.items()):
            if at < time:
                del self._callers[caller]
                if not caller.done():
                    caller.set_result(refusal)
        self.earliest = min(self._callers.values(), default=math.inf)

    def remaining(self, now: float) -> float | None:
        """Seconds left, or None for any number."""
        return None if self.at is None else self.at - now


async def unless(
    deadline: Deadline, waiting: Awaitable[object], is_over: Callable[[], bool]
) -> bool:
    """Await something, and break it off when a caller joins by whom it is over.

    Args:
        deadline: What callers join.
        waiting: Cancelled where it is over.
        is_over: Asked whenever a caller has joined.

    Returns:
        Whether it was awaited to its end.
    """
    loop = asyncio.get_running_loop()
    over = False

    def look() -> None:
        nonlocal over
        if not over and is_over():
            over = True
            limit.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as limit:
            deadline.watcher = look
            try:
                await waiting
            finally:
                deadline.watcher = None
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True
