"""A Redis that loses the group, becomes a replica or is a cluster: the consumer goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis, RedisCluster

from capillary_interactions import ConfigurationError, Identifier
from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.integrations.redis_streams import RedisEvent, RedisEvents
from tests.integrations.brokers.conftest import Address
from tests.integrations.consuming.fake_events import Handler, answers_by_prefix, client_of

Act = Callable[[Redis], Awaitable[Any]]


@pytest.fixture
async def redis(address: Address) -> AsyncIterator[Redis]:
    """A client of a Redis that holds nothing."""
    async with Redis.from_url(f"redis://{address('redis')}", decode_responses=True) as client:
        await client.flushall()
        yield client
        await client.replicaof("NO", "ONE")


def _customer(event: RedisEvent) -> Identifier:
    return Identifier.external_id(event.fields["id"])


@asynccontextmanager
async def _consuming(redis: Redis, handler: Handler) -> AsyncIterator["asyncio.Task[Any]"]:
    """A consumer of the stream "events" while the block lasts."""

    class Named:
        """The handler, by the names of its events."""

        async def __call__(self, outcome: Any) -> None:
            handler.ended.append(outcome.item.fields["id"])

    async with (
        client_of(answers_by_prefix()) as client,
        RedisEvents(redis, "events", group="g") as events,
    ):
        consumer = Consumer(client, events, key=_customer, handle=Named())
        task = asyncio.create_task(consumer.run())
        yield task
        consumer.stop()
        await task


async def _handled(handler: Handler, name: str, task: "asyncio.Task[Any]") -> None:
    async with asyncio.timeout(10.0):
        while name not in handler.ended and not task.done():
            await asyncio.sleep(0.01)
    assert name in handler.ended


_LOSSES: dict[str, Act] = {
    "FLUSHALL": lambda redis: redis.flushall(),
    "DEL": lambda redis: redis.delete("events"),
    "XGROUP DESTROY": lambda redis: redis.xgroup_destroy("events", "g"),
    "UNLINK and a new stream": lambda redis: redis.unlink("events"),
}


@pytest.mark.parametrize("loss", _LOSSES.values(), ids=_LOSSES.keys())
async def test_makes_a_lost_group_again(redis: Redis, loss: Act) -> None:
    """An event that comes after the loss is handled; README: "handled at least once"."""
    handler = Handler()
    await redis.xadd("events", {"id": "before"})
    async with _consuming(redis, handler) as task:
        await _handled(handler, "before", task)
        await loss(redis)
        await redis.xadd("events", {"id": "after"})
        await _handled(handler, "after", task)


@pytest.mark.parametrize("waiting", [False, True])
async def test_waits_for_a_primary_that_becomes_a_replica_for_a_while(
    redis: Redis, address: Address, waiting: bool
) -> None:
    """As for one without a connection, whether a read is under way or not."""
    handler = Handler()
    await redis.xadd("events", {"id": "before"})
    async with (
        Redis.from_url(f"redis://{address('redis')}", decode_responses=True) as other,
        _consuming(other, handler) as task,
    ):
        await _handled(handler, "before", task)
        if waiting:
            await asyncio.sleep(0.02)
        await redis.replicaof("127.0.0.1", "1")
        await asyncio.sleep(0.05)
        await redis.replicaof("NO", "ONE")
        await redis.xadd("events", {"id": "after"})
        await _handled(handler, "after", task)


@pytest.mark.parametrize("kind", [RedisCluster, Redis])
async def test_refuses_names_without_a_common_slot_at_the_start(
    cluster: Sequence[int], kind: Any
) -> None:
    """A dead letter could not be moved in one step, and would stay pending for ever."""
    async with kind.from_url(f"redis://127.0.0.1:{cluster[0]}", decode_responses=True) as client:
        with pytest.raises(ConfigurationError, match=r"\{customers\}"):
            async with RedisEvents(client, "events", group="g"):
                pass


async def test_moves_dead_letters_in_a_cluster(cluster: Sequence[int]) -> None:
    """With names that share a slot."""
    address = f"redis://127.0.0.1:{cluster[0]}"
    async with RedisCluster.from_url(address, decode_responses=True) as client:
        await client.xadd("{events}", {"id": "x"})
        async with RedisEvents(client, "{events}", group="g") as events, asyncio.timeout(10.0):
            await (await anext(events)).reject("no")
        assert await client.xlen("{events}.dead") == 1
        pending: Any = await client.xpending("{events}", "g")
        assert pending["pending"] == 0
