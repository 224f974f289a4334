"""One queue of events at each kind of broker: filled, read through its adapter, and looked into."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any, Final, Protocol

import aio_pika
import nats
from aiobotocore.session import get_session  # type: ignore[import-untyped] # likewise
from aiokafka import (  # type: ignore[import-untyped] # it has no py.typed
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)
from nats.aio.client import Client
from nats.js.api import StreamConfig
from redis.asyncio import Redis

from capillary_interactions.integrations.kafka import REASON as KAFKA_REASON
from capillary_interactions.integrations.kafka import KafkaEvents
from capillary_interactions.integrations.nats import REASON as NATS_REASON
from capillary_interactions.integrations.nats import NatsEvents
from capillary_interactions.integrations.rabbitmq import REASON as RABBIT_REASON
from capillary_interactions.integrations.rabbitmq import RabbitEvents
from capillary_interactions.integrations.redis_streams import REASON as REDIS_REASON
from capillary_interactions.integrations.redis_streams import RedisEvents
from capillary_interactions.integrations.sqs import REASON as SQS_REASON
from capillary_interactions.integrations.sqs import SqsEvents

_GROUP: Final = "interactions"
BATCH: Final = 8
# After a second a reader that was killed has lost its events; the session of Kafka's needs more.
_LOST: Final = 1.0
_SESSION: Final = 1000


class Queue(Protocol):
    """A queue at a broker.

    Attributes:
        name: Its own among all that the broker has.
    """

    name: str

    def __init__(self, address: str, name: str) -> None:
        """Nothing is opened yet."""

    async def fill(self, events: Sequence[str]) -> None:
        """Make the queue and put events into it."""

    def read(self, in_flight: int) -> AbstractAsyncContextManager[Any]:
        """A source of its events."""

    def text(self, message: Any) -> str:
        """The event in a message."""

    async def left(self) -> int:
        """Events that are not acknowledged yet, delivered or not."""

    async def held(self) -> int | None:
        """Events that are delivered and not acknowledged; None if it counts none."""

    async def dead(self) -> list[tuple[str, str]]:
        """Dead letters with their reasons, in order."""


class RedisQueue:
    """A stream with a group."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._url = f"redis://{address}"

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Redis]:
        async with Redis.from_url(self._url, socket_timeout=10.0) as redis:
            yield redis

    async def fill(self, events: Sequence[str]) -> None:
        """Add entries to the stream."""
        async with self._open() as redis, redis.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(self.name, {"mobile": event})
            await pipe.execute()

    @asynccontextmanager
    async def read(self, in_flight: int) -> AsyncIterator[RedisEvents]:  # noqa: ARG002 - RabbitMQ's
        """Read as a consumer of the group."""
        async with (
            self._open() as redis,
            RedisEvents(redis, self.name, group=_GROUP, batch=BATCH, claim_after=_LOST) as events,
        ):
            yield events

    def text(self, message: Any) -> str:
        """The one field."""
        return str(message.fields[b"mobile"].decode())

    async def left(self) -> int:
        """Pending, and not yet delivered."""
        async with self._open() as redis:
            (group,) = await redis.xinfo_groups(self.name)
            return int(group["pending"]) + int(group["lag"] or 0)

    async def held(self) -> int:
        """Pending."""
        async with self._open() as redis:
            (group,) = await redis.xinfo_groups(self.name)
            return int(group["pending"])

    async def dead(self) -> list[tuple[str, str]]:
        """The other stream."""
        async with self._open() as redis:
            entries: Any = await redis.xrange(f"{self.name}.dead")
            return [
                (fields[b"mobile"].decode(), fields[REDIS_REASON.encode()].decode())
                for _, fields in entries
            ]


class NatsQueue:
    """A JetStream stream with a durable consumer."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._url = f"nats://{address}"

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Client]:
        client = await nats.connect(self._url)
        try:
            yield client
        finally:
            await client.close()

    async def fill(self, events: Sequence[str]) -> None:
        """Publish to the subject."""
        async with self._open() as client:
            stream = client.jetstream()
            subjects = [self.name, f"{self.name}.dead"]
            await stream.add_stream(StreamConfig(name=self.name, subjects=subjects))
            for event in events:
                await stream.publish(self.name, event.encode())

    @asynccontextmanager
    async def read(self, in_flight: int) -> AsyncIterator[NatsEvents]:  # noqa: ARG002 - RabbitMQ's
        """Pull."""
        async with (
            self._open() as client,
            NatsEvents(
                client,
                self.name,
                durable=_GROUP,
                dead=f"{self.name}.dead",
                batch=BATCH,
                ack_wait=_LOST,
            ) as events,
        ):
            yield events

    def text(self, message: Any) -> str:
        """The whole of it."""
        return str(message.data.decode())

    async def left(self) -> int:
        """Not acknowledged, and not yet delivered."""
        async with self._open() as client:
            info = await client.jetstream().consumer_info(self.name, _GROUP)
            return (info.num_ack_pending or 0) + (info.num_pending or 0)

    async def held(self) -> int:
        """Not acknowledged."""
        async with self._open() as client:
            info = await client.jetstream().consumer_info(self.name, _GROUP)
            return info.num_ack_pending or 0

    async def dead(self) -> list[tuple[str, str]]:
        """Everything on the other subject."""
        async with self._open() as client:
            letters = []
            stream = client.jetstream()
            reader = await stream.subscribe(f"{self.name}.dead", ordered_consumer=True)
            with contextlib.suppress(nats.errors.TimeoutError):
                while True:
                    message = await reader.next_msg(timeout=0.3)
                    letters.append((message.data.decode(), (message.headers or {})[NATS_REASON]))
            return letters


class RabbitQueue:
    """A durable queue."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._url = f"amqp://guest:guest@{address}"

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[aio_pika.abc.AbstractConnection]:
        async with await aio_pika.connect(self._url) as connection:
            yield connection

    async def fill(self, events: Sequence[str]) -> None:
        """Publish through the default exchange."""
        async with self._open() as connection:
            channel = await connection.channel(publisher_confirms=False)
            await channel.declare_queue(self.name, durable=True)
            for event in events:
                message = aio_pika.Message(event.encode())
                await channel.default_exchange.publish(message, self.name)
            await channel.close()
        while await self._ready(self.name) < len(events):  # noqa: ASYNC110 - the broker's event
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def read(self, in_flight: int) -> AsyncIterator[RabbitEvents]:
        """Consume."""
        async with (
            self._open() as connection,
            RabbitEvents(connection, self.name, prefetch=in_flight + BATCH) as events,
        ):
            yield events

    def text(self, message: Any) -> str:
        """The whole of it."""
        return str(message.body.decode())

    async def _ready(self, name: str) -> int:
        async with self._open() as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(name, passive=True)
            return queue.declaration_result.message_count or 0

    async def left(self) -> int:
        """Ready; with no reader that is all of them."""
        return await self._ready(self.name)

    async def held(self) -> None:
        """Only its management plugin counts them."""

    async def dead(self) -> list[tuple[str, str]]:
        """The other queue."""
        async with self._open() as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(f"{self.name}.dead", durable=True)
            letters = []
            while message := await queue.get(fail=False, no_ack=True):
                letters.append((message.body.decode(), str(message.headers[RABBIT_REASON])))
            return letters


class KafkaQueue:
    """A topic with some partitions."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._address = address
        self._written = 0

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator[AIOKafkaProducer]:
        async with AIOKafkaProducer(bootstrap_servers=self._address) as producer:
            yield producer

    def _reader(self, *topics: str, group: str | None = _GROUP) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._address,
            group_id=group and f"{group}-{self.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=_SESSION,
            heartbeat_interval_ms=200,
            metadata_max_age_ms=500,
        )

    async def fill(self, events: Sequence[str]) -> None:
        """Produce, spread over the partitions by key."""
        async with self._writer() as producer:
            for event in events:
                await producer.send(self.name, event.encode(), key=event.encode())
            await producer.flush()
        self._written += len(events)

    @asynccontextmanager
    async def read(self, in_flight: int) -> AsyncIterator[KafkaEvents]:  # noqa: ARG002 - RabbitMQ's
        """Read in the group."""
        async with (
            self._writer() as producer,
            self._reader() as consumer,
            KafkaEvents(
                consumer,
                [self.name],
                producer=producer,
                dead=f"{self.name}.dead",
                batch=BATCH,
                poll_interval=1.0,
            ) as events,
        ):
            yield events

    def text(self, message: Any) -> str:
        """The whole of it."""
        return str(message.value.decode())

    async def left(self) -> int:
        """Those written that are not committed."""
        # By our own count: Tansu rounds the end of a partition up to the batch.
        async with self._reader() as consumer:
            await consumer.topics()
            numbers = consumer.partitions_for_topic(self.name) or ()
            partitions = [TopicPartition(self.name, number) for number in numbers]
            return self._written - sum(
                [await consumer.committed(partition) or 0 for partition in partitions]
            )

    async def held(self) -> None:
        """Kafka does not know what its readers are doing."""

    async def dead(self) -> list[tuple[str, str]]:
        """The other topic."""
        async with self._reader(f"{self.name}.dead", group=None) as consumer:
            letters = []
            while fetched := await consumer.getmany(timeout_ms=500):
                records = (record for records in fetched.values() for record in records)
                letters += [
                    (record.value.decode(), dict(record.headers)[KAFKA_REASON].decode())
                    for record in records
                ]
            return letters


@cache
def _aws() -> Any:
    """One session: each reads the descriptions of AWS anew, which takes half a second."""
    return get_session()


class SqsQueue:
    """A standard queue."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._endpoint = f"http://{address}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        """A client of SQS."""
        async with _aws().create_client(
            "sqs",
            region_name="us-east-1",
            endpoint_url=self._endpoint,
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106 - this server takes all
        ) as client:
            yield client

    def url(self, name: str) -> str:
        """Where it is."""
        return f"{self._endpoint}/123456789012/{name}"

    async def fill(self, events: Sequence[str]) -> None:
        """Make both queues, and send messages."""
        async with self.open() as client:
            for name in (self.name, f"{self.name}_dead"):
                await client.create_queue(QueueName=name)
            for start in range(0, len(events), 10):
                entries = enumerate(events[start : start + 10])
                await client.send_message_batch(
                    QueueUrl=self.url(self.name),
                    Entries=[{"Id": str(n), "MessageBody": event} for n, event in entries],
                )

    @asynccontextmanager
    async def read(self, in_flight: int) -> AsyncIterator[SqsEvents]:  # noqa: ARG002 - RabbitMQ's
        """Receive."""
        async with (
            self.open() as client,
            SqsEvents(
                client,
                self.url(self.name),
                dead=self.url(f"{self.name}_dead"),
                batch=BATCH,
                # Moto is slow, and its messages must not come again in the meantime.
                visibility_timeout=5,
                wait=1,
            ) as events,
        ):
            yield events

    def text(self, message: Any) -> str:
        """The whole of it."""
        return str(message.body)

    async def _count(self, name: str) -> int:
        async with self.open() as client:
            answer = await client.get_queue_attributes(
                QueueUrl=self.url(self.name), AttributeNames=["All"]
            )
            return int(answer["Attributes"][name])

    async def left(self) -> int:
        """Visible or not."""
        visible = await self._count("ApproximateNumberOfMessages")
        return visible + await self.held()

    async def held(self) -> int:
        """Not visible."""
        return await self._count("ApproximateNumberOfMessagesNotVisible")

    async def dead(self) -> list[tuple[str, str]]:
        """The other queue."""
        letters = []
        async with self.open() as client:
            while received := (
                await client.receive_message(
                    QueueUrl=self.url(f"{self.name}_dead"),
                    MaxNumberOfMessages=10,
                    MessageAttributeNames=["All"],
                )
            ).get("Messages"):
                letters += [
                    (each["Body"], each["MessageAttributes"][SQS_REASON]["StringValue"])
                    for each in received
                ]
        return letters


QUEUES: Final[dict[str, type[Queue]]] = {
    "redis": RedisQueue,
    "nats": NatsQueue,
    "rabbitmq": RabbitQueue,
    "kafka": KafkaQueue,
    "sqs": SqsQueue,
}
