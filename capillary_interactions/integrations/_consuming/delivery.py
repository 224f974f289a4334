"""What is a message with acknowledgement, how is it settled, and what became of all of them?"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final, Protocol

from attrs import frozen

_LOGGER: Final = logging.getLogger("capillary_interactions")
# A broker that does not answer for so long has lost this consumer.
_SETTLE_TIMEOUT: Final = 30.0


class Delivery(Protocol):
    """A message that its broker delivers again unless it is settled.

    Each message is settled by exactly one of the three; if `reject` raises, then by `nack`.
    """

    async def ack(self) -> None:
        """It is done, never to be delivered again."""

    async def nack(self, delay: float) -> None:
        """It is to be delivered again, after `delay` seconds; 0 for at once."""

    async def reject(self, reason: str) -> None:
        """It is to be put aside where people look: no attempt at it can succeed.

        Args:
            reason: Why, as text.
        """


@frozen(kw_only=True)
class ConsumerReport:
    """What became of the messages that a consumer read.

    Attributes:
        acknowledged: Handled and acknowledged.
        redelivered: Given back to come again later: no answer, the handler raised, or it could
            not be put aside.
        rejected: Put aside as dead letters.
        returned: Given back unfinished because the consumer stopped.
        unsettled: The broker raised, so it will deliver them again.
        failures: Times that the handler raised.
    """

    acknowledged: int = 0
    redelivered: int = 0
    rejected: int = 0
    returned: int = 0
    unsettled: int = 0
    failures: int = 0


@frozen
class Ack:
    """To be acknowledged."""


@frozen
class Redeliver:
    """To be delivered again, after seconds."""

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
    """How often the running task has been cancelled.

    A CancelledError that leaves this as it was comes from something that the task waited for.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def settle(message: Delivery, settlement: Settlement, *, redelivery_delay: float) -> str:
    """Settle a message with its broker; return the attribute of `ConsumerReport` that counts it."""
    match settlement:
        case Ack():
            return "acknowledged" if await _try_settle(message.ack()) else "unsettled"
        case Redeliver(delay):
            return "redelivered" if await _try_settle(message.nack(delay)) else "unsettled"
        case Return():
            return "returned" if await _try_settle(message.nack(0.0)) else "unsettled"
        case DeadLetter(reason):
            if await _try_settle(message.reject(reason)):
                return "rejected"
            # Kafka, for one, delivers nothing again by itself: this would hold back for ever
            # what comes after it.
            again = await _try_settle(message.nack(redelivery_delay))
            return "redelivered" if again else "unsettled"


async def _try_settle(call: Awaitable[None]) -> bool:
    before = cancellation_count()
    try:
        async with asyncio.timeout(_SETTLE_TIMEOUT):
            await call
    except asyncio.CancelledError as error:
        if cancellation_count() > before:
            raise
        failure: BaseException = error
    except Exception as error:  # noqa: BLE001 - the broker's own: it will deliver again
        failure = error
    else:
        return True
    _LOGGER.warning("an event is unsettled: the broker raised %s", type(failure).__name__)
    return False
