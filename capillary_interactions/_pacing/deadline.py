"""The deadline and the priority of a shared call: what all of its callers need together.

Callers may join while the call waits: for a slot of the quota, for a stream's share of the rate, or
between two attempts. What waits sets a callback that runs at each change.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, field, frozen

if TYPE_CHECKING:
    from capillary_interactions._pacing.pace import Pace
    from capillary_interactions._pacing.stream_share import StreamShare

# One sequence for all clients: two may share a pace.
_SEQUENCE: Final = count()
# Seconds for an answer below which an outcome's reason does not name them.
_SHOWN: Final = 0.05


class SlotAfterDeadlineError(Exception):
    """A slot of the quota would come after the deadline: in `wait` seconds.

    Or so soon before it that there would be no answer, which takes some `needed` seconds.

    A pace raises it as soon as it knows; the lookup then ends as `Unavailable` at once.
    """

    def __init__(self, wait: float, needed: float = 0.0) -> None:
        super().__init__(wait, needed)
        self.wait = wait
        self.needed = needed

    @property
    def reason(self) -> str:
        """A text for an outcome."""
        if self.needed < _SHOWN:
            return f"the deadline comes before a slot of the quota (in {self.wait:.1f} s)"
        return (
            f"the deadline comes before a slot of the quota (in {self.wait:.1f} s) "
            f"and an answer (some {self.needed:.1f} s later)"
        )


class NoSlotError(Exception):
    """There will be no slot of the quota for now, whatever the deadline.

    Attributes:
        reason: A text for an outcome; a `SettingsReason` where the same will be true later.
        wait: Seconds after which asking again makes sense.
    """

    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason, wait)
        self.reason = reason
        self.wait = wait


@frozen
class Refusal:
    """Why one caller's deadline cannot be met any more, while the call continues for others.

    Attributes:
        reason: A text for an outcome.
        retry_after: Seconds after which asking again makes sense, or None where that is unknown.
    """

    reason: str
    retry_after: float | None = None


Caller = asyncio.Future[Refusal | None]


@define(eq=False)
class Deadline:
    """When a shared call must have ended: the latest deadline of its callers.

    Attributes:
        at: The loop's time, or None for never.
        interactive: Whether a person waits; from then on to the end of the call.
        share: The stream's share of the rate to keep to; None without one, or once a person waits.
        number: Its position in the order of arrival, anew once a person joins a background call. It
            stays the same in every queue, and when the call queues again.
        earliest: No caller's deadline is before this; infinite if none has one.
        on_change: Called when a caller has joined.
        needed: Seconds that its slot must come before, for an answer to come in time.
    """

    at: float | None = None
    interactive: bool = True
    share: "StreamShare | None" = None
    number: int = field(factory=_SEQUENCE.__next__, init=False)
    earliest: float = field(
        default=Factory(lambda self: math.inf if self.at is None else self.at, takes_self=True),
        init=False,
    )
    on_change: Callable[[], None] | None = field(default=None, init=False)
    needed: float = field(default=0.0, init=False)
    _callers: dict[Caller, float] = field(factory=dict, init=False)

    def join(
        self, at: float | None, *, interactive: bool = True, share: "StreamShare | None" = None
    ) -> None:
        """Take in one more caller's deadline, priority and share."""
        if self.at is not None and (at is None or at > self.at):
            self.at = at
        if interactive and not self.interactive:
            self.interactive = True
            self.share = None
            self.number = next(_SEQUENCE)
        if self.share is not None and (share is None or share.fraction > self.share.fraction):
            self.share = share

    def add(self, caller: Caller, at: float | None) -> None:
        """Register the future that a caller awaits, so that it can be refused alone."""
        if at is not None:
            self._callers[caller] = at
            self.earliest = min(self.earliest, at)
        if self.on_change is not None:
            self.on_change()

    def discard(self, caller: Caller) -> None:
        """Forget a caller."""
        self._callers.pop(caller, None)

    def refuse_before(self, time: float, refusal: Refusal) -> None:
        """End the waiting of the callers whose deadlines are before a time."""
        if self.earliest >= time or not self._callers:
            return
        for caller, at in tuple(self._callers.items()):
            if at < time:
                del self._callers[caller]
                if not caller.done():
                    caller.set_result(refusal)
        self.earliest = min(self._callers.values(), default=math.inf)

    def remaining(self, now: float) -> float | None:
        """Seconds left, or None without a deadline."""
        return None if self.at is None else self.at - now


async def await_unless(
    deadline: Deadline, waiting: Awaitable[object], is_over: Callable[[], bool]
) -> bool:
    """Await something, and cancel it when a caller has joined and `is_over` returns True.

    Returns whether it was awaited to its end.
    """
    loop = asyncio.get_running_loop()
    over = False

    def check() -> None:
        nonlocal over
        if not over and is_over():
            over = True
            limit.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as limit:
            deadline.on_change = check
            try:
                await waiting
            finally:
                deadline.on_change = None
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


async def admit(deadline: Deadline, pace: "Pace") -> None:
    """Wait for the stream's share of the rate, if there is one, and then for the pace.

    Raises:
        SlotAfterDeadlineError: It would be the call's turn after the deadline.
        WaiterEvictedError: Another credential may be sooner.
    """
    while (share := deadline.share) is not None:
        until = deadline.at
        try:
            entered = await await_unless(
                deadline,
                share.acquire(until, deadline.number),
                lambda kept=share: deadline.share is not kept,  # type: ignore[misc] # bound
            )
        except SlotAfterDeadlineError:
            if deadline.at == until:
                raise
            continue  # a caller with a later deadline has joined meanwhile
        if entered:
            try:
                await pace.admit(deadline)
                share.consume()
            finally:
                share.release()
            return
    await pace.admit(deadline)
