"""How does a call wait for its turn? A stream's part of the rate first, then the common gate."""

from typing import TYPE_CHECKING

from capillary_interactions._pacing.deadline import Deadline, unless
from capillary_interactions._pacing.pace import Pace, SlotAfterDeadlineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def admit(deadline: Deadline, pace: Pace) -> None:
    """Wait until a request may be sent, as urgently as its callers need it at each moment.

    Raises:
        TooLateError: Its turn would come after the deadline.
        ElsewhereError: Another credential may come sooner.
    """
    while (ration := deadline.kept_ration) is not None:
        until = deadline.at
        try:
            entered = await unless(
                deadline,
                ration.enter(until, deadline.number),
                lambda kept=ration: deadline.kept_ration is not kept,  # type: ignore[misc] # bound
            )
        except SlotAfterDeadlineError:
            if deadline.at == until:
                raise
            continue  # a more patient caller has joined meanwhile
        if entered:
            try:
                await _queue_up(deadline, pace)
                ration.spend()
            finally:
                ration.leave()
            return
    await _queue_up(deadline, pace)


async def _queue_up(deadline: Deadline, pace: Pace) -> None:
    # A pace of somebody else's knows a deadline and an urgency, but not that they may change.
    aware: Callable[[Deadline], Awaitable[None]] | None = getattr(pace, "admit", None)
    if aware is not None:
        await aware(deadline)
        return
    while True:
        until, urgent = deadline.at, deadline.urgent
        try:
            if await unless(
                deadline,
                pace.acquire(deadline=until, urgent=urgent),
                lambda before=urgent: deadline.urgent is not before,  # type: ignore[misc] # bound
            ):
                return
        except SlotAfterDeadlineError:
            if deadline.at == until:
                raise
