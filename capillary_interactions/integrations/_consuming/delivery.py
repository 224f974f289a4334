"""What is a message with acknowledgement, and what became of those that were read?"""

from typing import Protocol

from attrs import frozen


class Delivery(Protocol):
    """A message that its broker delivers again unless it is told how it ended.

    Each message is told exactly one of the three; if `reject` raises, then `nack`.
    """

    async def ack(self) -> None:
        """It is done, never to be delivered again."""

    async def nack(self, delay: float) -> None:
        """It is to be delivered again, after so many seconds; 0 for at once."""

    async def reject(self, reason: str) -> None:
        """It is to be put aside where people look: no attempt at it can succeed.

        Args:
            reason: Why, in words.
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
        unsettled: The broker did not take the word, so it will deliver them again.
        failures: Times that the handler raised.
    """

    acknowledged: int = 0
    redelivered: int = 0
    rejected: int = 0
    returned: int = 0
    unsettled: int = 0
    failures: int = 0
