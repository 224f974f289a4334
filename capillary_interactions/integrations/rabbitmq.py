"""Events from a RabbitMQ queue, over aio-pika (extra `rabbitmq`)."""

import math
from types import TracebackType
from typing import Final, Self

from aio_pika import Message
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueueIterator,
    DeliveryMode,
)
from attrs import define, field

from capillary_interactions._check import whole

# A queue of waiting events goes when nobody has used it for so long after its delay.
_IDLE: Final = 60.0


@define(eq=False)
class RabbitEvent:
    """A message of the queue.

    Attributes:
        message: As aio-pika gave it.
    """

    message: AbstractIncomingMessage = field(repr=False)
    _source: "RabbitEvents" = field(repr=False)

    @property
    def body(self) -> bytes:
        """What it holds."""
        return self.message.body

    async def ack(self) -> None:
        """It is done."""
        await self.message.ack()

    async def nack(self, delay: float) -> None:
        """It comes again after `delay` seconds, at most twice that, at the end of the queue."""
        await self._source.postpone(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the queue of dead letters, with the reason in a header."""
        await self._source.bury(self, reason)


class RabbitEvents:
    """An async source of a queue's messages, to enter, iterate over and leave.

    RabbitMQ has no delay for a message that is given back. So a copy waits in a queue of its own
    that sends it home when its time is up; the original is acknowledged when the broker has
    confirmed the copy. Such queues come and go by themselves, one for each power of two of
    seconds.

    Args:
        connection: To the broker; stays open.
        queue: Its name; a durable queue is made if there is none.
        prefetch: Messages that the broker lets be unacknowledged here; at least `in_flight`.
        dead: The queue of dead letters, by default `queue` with ".dead".
        declare: Whether to make the queue; without, it must be there.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        queue: str,
        *,
        prefetch: int = 64,
        dead: str | None = None,
        declare: bool = True,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._prefetch = whole("prefetch", prefetch)
        self._dead = dead or f"{queue}.dead"
        self._declare = declare
        self._channel: AbstractChannel | None = None
        self._messages: AbstractQueueIterator | None = None

    async def __aenter__(self) -> Self:
        self._channel = channel = await self._connection.channel(publisher_confirms=True)
        await channel.set_qos(prefetch_count=self._prefetch)
        await channel.declare_queue(self._dead, durable=True)
        queue = await channel.declare_queue(self._queue, durable=True, passive=not self._declare)
        self._messages = await queue.iterator().__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._messages is not None:
            await self._messages.close()
        if self._channel is not None:
            await self._channel.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RabbitEvent:
        if self._messages is None:
            raise RuntimeError("enter the source first: `async with RabbitEvents(...) as events`")
        try:
            return RabbitEvent(await anext(self._messages), self)
        except StopAsyncIteration:
            # It must not look like the end of a source that is used up.
            raise ConnectionError("the broker no longer sends events of this queue") from None

    async def postpone(self, event: RabbitEvent, delay: float) -> None:
        """Let a copy wait elsewhere; without a delay the broker takes the message back."""
        if delay <= 0:
            await event.message.nack(requeue=True)
            return
        wait = 2 ** math.ceil(math.log2(max(delay, 1.0)))
        name = f"{self._queue}.again-{wait}s"
        if self._channel is not None:
            await self._channel.declare_queue(
                name,
                durable=True,
                arguments={
                    "x-message-ttl": wait * 1000,
                    "x-expires": round((wait + _IDLE) * 1000),
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self._queue,
                },
            )
        await self._moved(event, name, {})

    async def bury(self, event: RabbitEvent, reason: str) -> None:
        """Put a message among the dead letters."""
        await self._moved(event, self._dead, {"reason": reason})

    async def _moved(self, event: RabbitEvent, queue: str, headers: dict[str, str]) -> None:
        message = event.message
        copy = Message(
            message.body,
            headers={**message.headers, **headers},
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            correlation_id=message.correlation_id,
            message_id=message.message_id,
            timestamp=message.timestamp,
            type=message.type,
            app_id=message.app_id,
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        if self._channel is None:
            raise RuntimeError("enter the source first: `async with RabbitEvents(...) as events`")
        # Confirmed, and refused where there is no such queue: only then is the original let go.
        await self._channel.default_exchange.publish(copy, queue, mandatory=True, timeout=10.0)
        await message.ack()
