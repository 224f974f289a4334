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
    while (share := deadline.share) is not None:
        until = deadline.at
        try:
            entered = await unless(
                deadline,
                share.acquire(until, deadline.number),
                lambda kept=share: deadline.share is not kept,  # type: ignore[misc] # bound
            )
        except SlotAfterDeadlineError:
            if deadline.at == until:
                raise
            continue  # a more patient caller has joined meanwhile
        if entered:
            try:
                await _queue_up(deadline, pace)
                share.consume()
            finally:
                share.release()
            return
    await _queue_up(deadline, pace)


async def _queue_up(deadline: Deadline, pace: Pace) -> None:
    # A pace of somebody else's knows a deadline and an urgency, but not that they may change.
    aware: Callable[[Deadline], Awaitable[None]] | None = getattr(pace, "admit", None)
    if aware is not None:
        await aware(deadline)
        return
    while True:
        until, interactive = deadline.at, deadline.interactive
        try:
            if await unless(
                deadline,
                pace.acquire(deadline=until, interactive=interactive),
                lambda before=interactive: deadline.interactive is not before,  # type: ignore[misc] # bound
            ):
                return
        except SlotAfterDeadlineError:
            if deadline.at == until:
                raise
