"""Events from a RabbitMQ queue, over aio-pika (extra `rabbitmq`)."""

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from typing import Any, Final, Self
from uuid import uuid4

from aio_pika import Message
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
    AbstractQueueIterator,
    DeliveryMode,
)
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, ChannelNotFoundEntity
from attrs import define, field

from capillary_interactions._config.validation import check_count

# A queue of waiting events is deleted when it has been unused for so long after its delay.
_QUEUE_EXPIRY: Final = 60.0
# x-message-ttl and x-expires hold 32 bits of milliseconds (https://www.rabbitmq.com/docs/ttl); more
# is refused, and the channel closed. The largest power of two of seconds within: 24 days.
_MAX_DELAY: Final = 2.0**21
# A message that could not be moved comes again after so long; kept, it would count for ever towards
# `prefetch`.
_RETURN_DELAY: Final = 5.0
# Seconds between two checks that the broker still sends.
_CHECK_INTERVAL: Final = 2.0

_CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, ConnectionError)

REASON: Final = "capillary.reason"
"""The header of a dead letter that holds why it is one."""


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
        """It comes again after `delay` seconds, at most twice that, at the end of the queue.

        After 24 days at most: RabbitMQ counts no more milliseconds than fit in 32 bits.
        """
        await self._source.redeliver_later(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the queue of dead letters, with the reason in the header `REASON`.

        Raises:
            AMQPError: It could not be put there; it comes again after a few seconds.
        """
        await self._source.dead_letter(self, reason)


class RabbitEvents:
    """An async source of a queue's messages, to enter, iterate over and leave.

    RabbitMQ has no delay for a message that is given back. So a copy waits in a queue of its own
    that sends it home when its time is up; the original is acknowledged when the broker has
    confirmed the copy. Such queues come and go by themselves, one for each power of two of
    seconds. A copy keeps all but its `expiration`, which would end the wait or the dead letter;
    its `user_id`, under which only that user may publish, is in the header `capillary.user_id`.

    RabbitMQ closes a channel that keeps a message unacknowledged for its `consumer_timeout`, 30
    minutes by default: give lookups a `timeout`, so that none waits that long for its quota.

    Args:
        connection: To the broker; stays open.
        queue: Its name; a durable queue is made if there is none, of whatever kind it may be.
        prefetch: Messages that the broker lets be unacknowledged here; at least `in_flight`.
        dead: The queue of dead letters, by default `queue` with ".dead".
        declare: Whether to make the two queues; without, they must be there.
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
        self._prefetch = check_count("prefetch", prefetch)
        self._dead = dead or f"{queue}.dead"
        self._declare = declare
        self._channel: AbstractChannel | None = None
        self._messages: AbstractQueueIterator | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._channel = channel = await self._connection.channel(
            publisher_confirms=True, on_return_raises=True
        )
        await channel.set_qos(prefetch_count=self._prefetch)
        await self._declare_queue(channel, self._dead)
        queue = await self._declare_queue(channel, self._queue)
        tag = uuid4().hex
        self._messages = await queue.iterator(consumer_tag=tag).__aenter__()
        self._start_task(self._watch(channel, self._messages, tag))
        return self

    async def _declare_queue(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        passive = not self._declare or await self._exists(name)
        return await channel.declare_queue(name, durable=True, passive=passive)

    async def _exists(self, name: str) -> bool:
        # RabbitMQ refuses to declare a queue otherwise than it is, and closes the channel on which
        # it refuses something: so this asks first, on a channel of its own.
        channel = await self._connection.channel()
        try:
            await channel.declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            return False
        finally:
            await channel.close()
        return True

    def _start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(
        self, channel: AbstractChannel, messages: AbstractQueueIterator, tag: str
    ) -> None:
        """End when the broker has cancelled the consumer, which the iterator does not notice."""
        missed = 0
        # Twice, for a robust connection may be about to consume again.
        while missed < 2:  # noqa: PLR2004
            await asyncio.sleep(_CHECK_INTERVAL)
            try:
                underlay: Any = await channel.get_underlay_channel()
            except _CONNECTION_ERRORS:
                continue
            missed = 0 if tag in underlay.consumers else missed + 1
        await messages.close()

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
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

    async def redeliver_later(self, event: RabbitEvent, delay: float) -> None:
        """Let a copy wait elsewhere; without a delay the broker takes the message back."""
        if delay <= 0:
            await event.message.nack(requeue=True)
            return
        wait = 2 ** math.ceil(math.log2(min(max(delay, 1.0), _MAX_DELAY)))
        name = f"{self._queue}.again-{wait}s"
        if self._channel is not None:
            await self._channel.declare_queue(
                name,
                durable=True,
                arguments={
                    "x-message-ttl": wait * 1000,
                    "x-expires": round((wait + _QUEUE_EXPIRY) * 1000),
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self._queue,
                },
            )
        await self._move(event, name, {})

    async def dead_letter(self, event: RabbitEvent, reason: str) -> None:
        """Put a message among the dead letters."""
        await self._move(event, self._dead, {REASON: reason})

    async def _move(self, event: RabbitEvent, queue: str, headers: dict[str, str]) -> None:
        message = event.message
        copy = Message(
            message.body,
            headers={**message.headers, **_user_header(message), **headers},
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            priority=message.priority,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            message_id=message.message_id,
            timestamp=message.timestamp,
            type=message.type,
            app_id=message.app_id,
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        if self._channel is None:
            raise RuntimeError("enter the source first: `async with RabbitEvents(...) as events`")
        # Acknowledged only when the broker has confirmed the copy, which it returns where there is
        # no such queue.
        try:
            await self._channel.default_exchange.publish(copy, queue, mandatory=True, timeout=10.0)
        except BaseException:
            self._start_task(_return_later(message))
            raise
        await message.ack()


async def _return_later(message: AbstractIncomingMessage) -> None:
    await asyncio.sleep(_RETURN_DELAY)
    # Closing the channel has returned it already.
    with contextlib.suppress(*_CONNECTION_ERRORS):
        await message.nack(requeue=True)


def _user_header(message: AbstractIncomingMessage) -> dict[str, str]:
    return {"capillary.user_id": message.user_id} if message.user_id else {}
