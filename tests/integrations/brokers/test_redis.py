"""What only Redis Streams can get wrong, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from capillary_interactions.integrations.redis_streams import RedisEvent, RedisEvents
from capillary_interactions.testing import run_without_waiting
from tests.integrations.brokers.conftest import Address


@pytest.fixture
async def redis(address: Address) -> AsyncIterator[Redis]:
    """A client of a Redis that holds nothing."""
    async with Redis.from_url(f"redis://{address('redis')}", decode_responses=True) as client:
        await client.flushall()
        yield client


async def _fill(redis: Redis, count: int) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.xadd("events", {"n": number})
        await pipe.execute()


async def _idle(redis: Redis, event: RedisEvent) -> int:
    (entry,) = await redis.xpending_range("events", "g", event.id, event.id, 1)
    return int(entry["time_since_delivered"])


async def _next(events: RedisEvents) -> RedisEvent:
    async with asyncio.timeout(10.0):
        return await anext(events)


async def test_leaves_the_fields_of_a_dead_letter_as_they_were(redis: Redis) -> None:
    """What is added has names of its own."""
    fields = {"id": "crm-42", "reason": "loyalty", "mobile": "x"}
    id_ = await redis.xadd("events", fields)  # type: ignore[arg-type] # an invariant dict
    async with RedisEvents(redis, "events", group="g") as events:
        await (await _next(events)).reject("rejected: no")
    letters: Any = await redis.xrange("events.dead")
    ((_, dead),) = letters
    assert dead == {**fields, "capillary.reason": "rejected: no", "capillary.id": id_}


async def test_keeps_what_is_open_behind_many_that_wait(redis: Redis) -> None:
    """No other reader takes it over, however many entries before it are to come again later."""
    await _fill(redis, 160)
    async with RedisEvents(redis, "events", group="g", batch=1, claim_after=0.3) as events:
        for _ in range(159):
            await (await _next(events)).nack(0.3)
        last = await _next(events)
        for _ in range(6):
            await asyncio.sleep(0.08)
            assert await _idle(redis, last) < 300


async def test_takes_over_what_lies_behind_much_that_does_not(redis: Redis) -> None:
    """One look at the list of pending entries sees only its beginning."""
    await _fill(redis, 40)
    await redis.xgroup_create("events", "g", id="0")
    await redis.xreadgroup("g", "living", {"events": ">"}, count=35)
    await redis.xreadgroup("g", "dead", {"events": ">"}, count=5)
    living: Any = await redis.xpending_range("events", "g", "-", "+", 35, consumername="living")
    ids = [entry["message_id"] for entry in living]

    async def keep() -> None:
        while True:
            await redis.xclaim("events", "g", "living", 0, ids, idle=0, justid=True)
            await asyncio.sleep(0.05)

    keeping = asyncio.create_task(keep())
    try:
        async with RedisEvents(redis, "events", group="g", batch=1, claim_after=0.2) as events:
            assert (await _next(events)).fields == {"n": "35"}
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


async def test_reads_on_after_the_connection_was_lost(
    redis: Redis, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is logged, and no reason to end."""
    async with (
        Redis.from_url(f"redis://{address('redis')}", retry=None) as other,
        RedisEvents(other, "events", group="g") as events,
    ):
        waiting = asyncio.create_task(_next(events))
        await asyncio.sleep(0.02)
        await redis.client_kill_filter(_type="normal", skipme=True)
        await _fill(redis, 1)
        await (await waiting).ack()
    assert "read again" in caplog.text


class Broken:
    """A Redis that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        if name == "xgroup_create":
            return _nothing
        raise self.error


async def _nothing(*_: Any, **__: Any) -> None:
    """Whatever is asked."""


@pytest.mark.parametrize(
    ("error", "after"), [(RedisConnectionError("gone"), 60.0), (AuthenticationError("no"), 0.0)]
)
def test_gives_up_on_a_redis_that_does_not_come_back(error: Exception, after: float) -> None:
    """After a minute; at once where waiting cannot help."""

    async def main() -> float:
        redis: Any = Broken(error)
        async with RedisEvents(redis, "events", group="g") as events:
            with pytest.raises(type(error)):
                await anext(events)
        return asyncio.get_running_loop().time()

    assert after <= run_without_waiting(main()) <= after + 5.0


async def test_leaves_no_reader_behind_that_has_nothing_open(redis: Redis) -> None:
    """A group would grow by one with every start of a process."""
    await _fill(redis, 2)
    async with RedisEvents(redis, "events", group="g", consumer="one", batch=1) as events:
        await (await _next(events)).ack()
    assert await redis.xinfo_consumers("events", "g") == []
    async with RedisEvents(redis, "events", group="g", consumer="two", batch=1) as events:
        last = await _next(events)
    (reader,) = await redis.xinfo_consumers("events", "g")
    assert (reader["name"], reader["pending"]) == ("two", 1)
    await last.ack()


async def test_leaves_though_its_redis_has_gone() -> None:
    """It does not wait for an answer."""
    broken: Any = Broken(RedisConnectionError("gone"))
    async with RedisEvents(broken, "events", group="g"):
        pass
