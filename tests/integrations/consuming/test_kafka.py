"""What Kafka's source does as partitions are revoked, paused and polled, on a stub consumer."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]

from capillary_interactions import ConfigurationError
from capillary_interactions.integrations.kafka import KafkaEvents
from tests.integrations.consuming.stub_kafka import Record, StubConsumer, events_of, partition


async def _offsets(events: KafkaEvents, count: int) -> list[tuple[int, int]]:
    return [
        (event.record.partition, event.record.offset)
        for event in [await anext(events) for _ in range(count)]
    ]


async def test_forgets_what_was_fetched_as_its_partition_went() -> None:
    """In the same step even: it is another's now, and no later commit fails for it."""
    reader = StubConsumer()
    async with events_of(reader) as events:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.1)
        reader.add(Record(0, 0), Record(1, 0))
        while reader.waiting:
            await asyncio.sleep(0)
        reader.assigned = {partition(1)}
        await reader.listener.on_partitions_revoked([partition(0), partition(1)])
        reader.add(Record(1, 0), Record(1, 1))
        for event in [await waiting, await anext(events)]:
            assert event.partition == partition(1)
            await event.ack()
    assert reader.committed == {partition(1): 2}


async def test_forgets_what_was_not_read() -> None:
    """The next reader of the partition reads it again."""
    reader = StubConsumer()
    reader.add(*(Record(0, offset) for offset in range(5)), Record(1, 0))
    async with events_of(reader) as events:
        await (await anext(events)).ack()
        reader.assigned = {partition(1)}
        await reader.listener.on_partitions_revoked([partition(0)])
        assert await _offsets(events, 1) == [(1, 0)]
    assert reader.committed == {partition(0): 1}


async def test_lets_go_of_a_partition_when_its_records_are_done() -> None:
    """What is under way is committed before the partition goes."""
    reader = StubConsumer()
    reader.add(Record(0, 0), Record(1, 0))
    async with events_of(reader, revoke_grace=5.0) as events:
        event, _ = [await anext(events) for _ in range(2)]
        releasing = asyncio.create_task(reader.listener.on_partitions_revoked([partition(0)]))
        await asyncio.sleep(1.0)
        assert not releasing.done()
        await event.ack()
        await releasing
    assert asyncio.get_running_loop().time() < 2.0
    assert reader.committed == {partition(0): 1}


async def test_lets_go_of_a_partition_though_a_record_is_not_done() -> None:
    """After a while; how it ends makes no difference here any more."""
    loop, reader = asyncio.get_running_loop(), StubConsumer()
    reader.add(Record(0, 0))
    async with events_of(reader, revoke_grace=5.0) as events:
        event, started_at = await anext(events), loop.time()
        await reader.listener.on_partitions_revoked([partition(0)])
        assert loop.time() - started_at == pytest.approx(5.0)
        with pytest.raises(ConnectionError, match="another reader"):
            await event.ack()
        # Assigned anew it begins where it was committed.
        reader.add(Record(0, 0))
        await (await anext(events)).ack()
    assert reader.committed == {partition(0): 1}


@pytest.mark.parametrize("waited", [0.0, 15.0])
async def test_lets_go_at_once_of_what_is_to_come_again_later(waited: float) -> None:
    """It is not worked on, so no other reader has to wait for it; here it comes no more."""
    loop, reader = asyncio.get_running_loop(), StubConsumer()
    reader.add(Record(0, 0))
    async with events_of(reader, revoke_grace=5.0) as events:
        event = await anext(events)
        await event.nack(10.0)
        await asyncio.sleep(waited)
        started_at = loop.time()
        await reader.listener.on_partitions_revoked([partition(0)])
        assert loop.time() == started_at
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 60.0)
    assert reader.committed == {}


async def test_waits_no_longer_for_what_is_given_back_meanwhile() -> None:
    """From then on it is not worked on."""
    loop, reader = asyncio.get_running_loop(), StubConsumer()
    reader.add(Record(0, 0))
    async with events_of(reader, revoke_grace=5.0) as events:
        event, started_at = await anext(events), loop.time()
        releasing = asyncio.create_task(reader.listener.on_partitions_revoked([partition(0)]))
        await asyncio.sleep(1.0)
        await event.nack(30.0)
        await releasing
        assert loop.time() - started_at == pytest.approx(1.0)


async def test_gives_out_no_more_of_a_partition_that_goes() -> None:
    """What was to come again does not, while another record is waited for."""
    reader = StubConsumer()
    reader.add(Record(0, 0), Record(0, 1))
    async with events_of(reader, revoke_grace=5.0) as events:
        later, _ = [await anext(events) for _ in range(2)]
        await later.nack(1.0)
        releasing = asyncio.create_task(reader.listener.on_partitions_revoked([partition(0)]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 4.0)
        await releasing


async def test_waits_for_what_has_come_again() -> None:
    """It is worked on once more."""
    loop, reader = asyncio.get_running_loop(), StubConsumer()
    reader.add(Record(0, 0))
    async with events_of(reader, revoke_grace=5.0) as events:
        await (await anext(events)).nack(1.0)
        again = await anext(events)
        started_at = loop.time()
        await reader.listener.on_partitions_revoked([partition(0)])
        assert loop.time() - started_at == pytest.approx(5.0)
        assert again.record.offset == 0


async def test_lets_a_partition_rest_that_is_far_ahead() -> None:
    """Behind a record that is not done only `most_ahead` are read; other partitions go on."""
    reader = StubConsumer()
    async with events_of(reader, most_ahead=3, batch=1) as events:
        reader.add(*(Record(0, offset) for offset in range(10)))
        first, *others = [await anext(events) for _ in range(3)]
        for event in others:
            await event.ack()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 10.0)
        reader.add(Record(1, 0))
        assert await _offsets(events, 1) == [(1, 0)]
        assert reader.committed == {}
        await first.ack()
        assert reader.committed == {partition(0): 3}
        assert await _offsets(events, 2) == [(0, 3), (0, 4)]


async def test_rests_where_every_partition_is_far_ahead() -> None:
    """Asked for no partition by name, Kafka would give of all."""
    reader = StubConsumer(assigned={partition(0)})
    reader.add(*(Record(0, offset) for offset in range(5)))
    async with events_of(reader, most_ahead=2, batch=1) as events:
        await _offsets(events, 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 10.0)
    assert frozenset() not in [asked for _, asked in reader.asked]


async def test_polls_for_the_watchdog_while_nothing_is_read() -> None:
    """The consumer's watchdog would take it for dead; what is read so comes in its order."""
    reader = StubConsumer()
    reader.add(*(Record(0, offset) for offset in range(6)))
    async with events_of(reader, batch=2, poll_interval=60.0) as events:
        seen = await _offsets(events, 1)
        await asyncio.sleep(200.0)
        times = [when for when, _ in reader.asked]
        assert max(b - a for a, b in zip(times, [*times[1:], 200.0], strict=True)) <= 61.0
        seen += await _offsets(events, 5)
    assert seen == [(0, offset) for offset in range(6)]


async def test_keeps_the_order_though_it_polls_for_the_watchdog_while_it_fetches() -> None:
    """What a heartbeat polls is not taken for earlier than what was fetched before."""
    reader = StubConsumer()
    async with events_of(reader, batch=2, poll_interval=1.0) as events:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.9)
        # Cancelled, it leaves what is being fetched for the next.
        waiting.cancel()
        await asyncio.wait([waiting])
        reader.add(*(Record(0, offset) for offset in range(6)))
        await asyncio.sleep(1.0)
        assert await _offsets(events, 6) == [(0, offset) for offset in range(6)]


@pytest.mark.parametrize(
    ("reads", "writes", "wrong"),
    [
        ({"enable_auto_commit": True}, {}, "enable_auto_commit"),
        ({"value_deserializer": bytes.decode}, {}, "deserializer"),
        ({"key_deserializer": bytes.decode}, {}, "deserializer"),
        ({}, {"value_serializer": str.encode}, "serializer"),
        ({}, {"key_serializer": str.encode}, "serializer"),
    ],
)
async def test_refuses_what_would_change_or_lose_records(
    reads: dict[str, Any], writes: dict[str, Any], wrong: str
) -> None:
    """Before anything is read."""
    reader = AIOKafkaConsumer(group_id="g", **{"enable_auto_commit": False, **reads})
    producer = AIOKafkaProducer(**writes)
    try:
        with pytest.raises(ConfigurationError, match=wrong):
            KafkaEvents(reader, ["events"], producer=producer, dead="dead")
    finally:
        await reader.stop()
        await producer.stop()
