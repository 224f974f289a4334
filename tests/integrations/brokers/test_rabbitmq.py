"""What RabbitMQ does that the others do not: queues that go, and copies that stand for messages."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, DeliveryError

from capillary_interactions.integrations import rabbitmq
from capillary_interactions.integrations.rabbitmq import REASON, RabbitEvents
from tests.integrations.brokers.conftest import Address


@pytest.fixture
async def connection(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aio_pika.abc.AbstractConnection]:
    """A connection, and a source that does not wait long for anything."""
    monkeypatch.setattr(rabbitmq, "_CHECK_INTERVAL", 0.02)
    monkeypatch.setattr(rabbitmq, "_RETURN_DELAY", 0.02)
    async with await aio_pika.connect(f"amqp://guest:guest@{address('rabbitmq')}") as opened:
        yield opened


@pytest.fixture
async def channel(
    connection: aio_pika.abc.AbstractConnection,
) -> AsyncIterator[AbstractChannel]:
    """A channel to look into queues with."""
    async with connection.channel() as opened:
        yield opened


async def _publish(channel: AbstractChannel, queue: str, message: Message) -> None:
    await channel.declare_queue(queue, durable=True)
    await channel.default_exchange.publish(message, queue)


async def _taken(channel: AbstractChannel, queue: str, **arguments: Any) -> AbstractIncomingMessage:
    """The next message of a queue, once there is one."""
    declared = await channel.declare_queue(queue, durable=True, passive=True, **arguments)
    async with asyncio.timeout(10.0):
        while (message := await declared.get(fail=False, no_ack=True)) is None:
            await asyncio.sleep(0.01)
    return message


async def test_keeps_a_message_whose_dead_letter_has_no_queue(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel
) -> None:
    """It is not acknowledged, comes again, and is a dead letter once there is a queue again."""
    await _publish(channel, "lost", Message(b"1"))
    async with asyncio.timeout(10.0), RabbitEvents(connection, "lost", prefetch=1) as events:
        event = await anext(events)
        await channel.queue_delete("lost.dead")
        with pytest.raises(DeliveryError):
            await event.reject("no use")
        # With a prefetch of one, it would never come if the first kept it.
        again = await anext(events)
        assert (again.body, again.message.redelivered) == (b"1", True)
        await channel.declare_queue("lost.dead", durable=True)
        await again.reject("no use")
    assert (await _taken(channel, "lost.dead")).body == b"1"


async def test_says_that_its_queue_is_gone(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel
) -> None:
    """The broker stops sending then, and a queue of the same name is another one."""
    await _publish(channel, "gone", Message(b"1"))
    async with asyncio.timeout(10.0), RabbitEvents(connection, "gone") as events:
        await (await anext(events)).ack()
        await channel.queue_delete("gone")
        await channel.declare_queue("gone", durable=True)
        with pytest.raises(ConnectionError, match="no longer sends"):
            await anext(events)


async def test_goes_on_while_its_queue_is_empty(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel
) -> None:
    """To have nothing to send is not to have stopped sending."""
    await channel.declare_queue("empty", durable=True)
    async with asyncio.timeout(10.0), RabbitEvents(connection, "empty") as events:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await _publish(channel, "empty", Message(b"1"))
        await (await waiting).ack()


@pytest.mark.parametrize("declare", [True, False])
async def test_reads_a_queue_of_another_kind(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel, *, declare: bool
) -> None:
    """One that is there is taken as it is: a quorum queue, one with a limit."""
    name = f"quorum-{declare}"
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    for queue in (name, f"{name}.dead"):
        await channel.declare_queue(queue, durable=True, arguments=arguments)
    await channel.default_exchange.publish(Message(b"1"), name)
    async with (
        asyncio.timeout(10.0),
        RabbitEvents(connection, name, declare=declare) as events,
    ):
        await (await anext(events)).reject("no use")
    assert (await _taken(channel, f"{name}.dead")).body == b"1"


async def test_makes_no_queue_without_declare(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel
) -> None:
    """That of dead letters neither: it says that it is missing."""
    await channel.declare_queue("strict", durable=True)
    with pytest.raises(ChannelNotFoundEntity, match=r"strict\.dead"):
        await RabbitEvents(connection, "strict", declare=False).__aenter__()
    with pytest.raises(AMQPError):
        async with connection.channel() as probe:
            await probe.declare_queue("strict.dead", passive=True)


@pytest.mark.parametrize("ending", ["later", "dead"])
async def test_makes_a_faithful_copy(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel, ending: str
) -> None:
    """Of all that its publisher said of it; only its expiration is left out."""
    sent = Message(
        b"1",
        headers={"reason": "its own", "tenant": 7},
        content_type="text/plain",
        content_encoding="identity",
        delivery_mode=DeliveryMode.PERSISTENT,
        priority=3,
        correlation_id="c",
        reply_to="answers",
        expiration=60,
        message_id="m",
        type="t",
        user_id="guest",
        app_id="a",
    )
    name = f"faithful-{ending}"
    await _publish(channel, name, sent)
    async with asyncio.timeout(10.0), RabbitEvents(connection, name) as events:
        first = await anext(events)
        if ending == "later":
            await first.nack(0.5)
            got = (await anext(events)).message
            await got.ack()
        else:
            await first.reject("no use")
            got = await _taken(channel, f"{name}.dead")
    kept = {
        "reason": "its own",
        "tenant": 7,
        "capillary.user_id": "guest",
        **({REASON: "no use"} if ending == "dead" else {}),
    }
    assert {name: got.headers.get(name) for name in kept} == kept
    properties = ("body", "content_type", "content_encoding", "priority", "correlation_id",
                  "reply_to", "message_id", "type", "app_id")  # fmt: skip
    assert [getattr(got, name) for name in properties] == [
        getattr(sent, name) for name in properties
    ]
    assert got.expiration is None


async def test_complains_of_no_channel_that_was_closed_under_it(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel
) -> None:
    """What was to be given back is, and the reader gets the only error."""
    await _publish(channel, "closed", Message(b"1"))
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with asyncio.timeout(10.0), RabbitEvents(connection, "closed") as events:
        event = await anext(events)
        await channel.queue_delete("closed.dead")
        with pytest.raises(DeliveryError):
            await event.reject("no use")
        assert events._channel is not None
        await events._channel.close()
        with pytest.raises(ConnectionError):
            await anext(events)
        await asyncio.sleep(0.1)
    del events
    gc.collect()
    assert not failures
    assert (await _taken(channel, "closed")).body == b"1"


@pytest.mark.parametrize("delay", [2.0**21, 4_294_967.0, 4_294_968.0, 1.8e9, 1e300])
async def test_takes_a_delay_that_the_broker_cannot_count(
    connection: aio_pika.abc.AbstractConnection, channel: AbstractChannel, delay: float
) -> None:
    """The message waits as long as it can; the channel stays open, so the next one comes."""
    name = f"ages-{int(min(delay, 1e13))}"
    await _publish(channel, name, Message(b"1"))
    await _publish(channel, name, Message(b"2"))
    async with asyncio.timeout(10.0), RabbitEvents(connection, name, prefetch=1) as events:
        await (await anext(events)).nack(delay)
        event = await anext(events)
        assert event.body == b"2"
        await event.ack()
    waiting = await channel.declare_queue(f"{name}.again-{2**21}s", passive=True)
    assert waiting.declaration_result.message_count == 1
    await waiting.delete(if_empty=False)
