"""How is a broker told how a message ended, and what if it does not take that word?"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final

from attrs import frozen

from capillary_interactions.integrations._consuming.delivery import Delivery

_LOGGER: Final = logging.getLogger("capillary_interactions")
# A broker that does not answer for so long has lost us.
_PATIENCE: Final = 30.0


@frozen
class Ack:
    """To be acknowledged."""


@frozen
class Redeliver:
    """To be delivered again."""

    delay: float


@frozen
class DeadLetter:
    """To be put aside."""

    reason: str


@frozen
class Return:
    """To be given back unfinished."""


Settlement = Ack | Redeliver | DeadLetter | Return


def cancellation_count() -> int:
    """How often somebody has asked the running task to end.

    A cancellation that leaves this as it was is one of something within that was waited for.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def settle(message: Delivery, verdict: Settlement, *, redelivery_delay: float) -> str:
    """Tell the broker; what the report calls it, by whether the word was taken."""
    match verdict:
        case Ack():
            became = "acknowledged" if await _taken(message.ack()) else "unsettled"
        case Redeliver(delay):
            became = "redelivered" if await _taken(message.nack(delay)) else "unsettled"
        case Return():
            became = "returned" if await _taken(message.nack(0.0)) else "unsettled"
        case DeadLetter(reason):
            became = "rejected"
            if not await _taken(message.reject(reason)):
                # Kafka, for one, delivers nothing again by itself: this would hold back for ever
                # what comes after it.
                again = await _taken(message.nack(redelivery_delay))
                became = "redelivered" if again else "unsettled"
    return became


async def _taken(word: Awaitable[None]) -> bool:
    before = cancellation_count()
    try:
        async with asyncio.timeout(_PATIENCE):
            await word
    except asyncio.CancelledError:
        if cancellation_count() > before:
            raise
        _warn("CancelledError")
        return False
    except Exception as error:  # noqa: BLE001 - the broker's own: it will deliver again
        _warn(type(error).__name__)
        return False
    return True


def _warn(what: str) -> None:
    _LOGGER.warning("an event is unsettled: the broker raised %s", what)
