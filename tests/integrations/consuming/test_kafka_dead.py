"""Kafka's dead letters: whatever a record is, it goes out of the way of those behind it."""

import asyncio
from typing import Any

from aiokafka.errors import (  # type: ignore[import-untyped] # it has no py.typed
    KafkaError,
    MessageSizeTooLargeError,
)

from capillary_interactions import Identifier
from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.integrations.kafka import KafkaEvent
from tests.integrations.consuming.fake_events import answers_by_prefix, client_of
from tests.integrations.consuming.stub_kafka import (
    Record,
    StubConsumer,
    StubProducer,
    events_of,
    partition,
)


async def _put_aside(producer: StubProducer, *records: Record) -> StubConsumer:
    reader = StubConsumer()
    reader.add(*records)
    async with events_of(reader, producer) as events:
        for _ in records:
            await (await anext(events)).reject("rejected: no")
    return reader


async def test_writes_dead_letters_as_they_came() -> None:
    """With the reason and the place among the headers, which keep what they had."""
    producer = StubProducer()
    record = Record(1, 7, b"\xff", b"k", (("reason", b"loyalty"),))
    reader = await _put_aside(producer, record)
    ((value, key, headers),) = producer.written
    assert (value, key) == (b"\xff", b"k")
    assert headers == {
        "reason": b"loyalty",
        "capillary.reason": b"rejected: no",
        "capillary.origin": b"events/1/7",
    }
    assert reader.committed == {partition(1): 8}


async def test_writes_a_dead_letter_of_nothing() -> None:
    """A record without key and value can be read, but not written so."""
    producer = StubProducer()
    reader = await _put_aside(producer, Record(0, 0, None, None), Record(0, 1, None, b"k"))
    assert [written[:2] for written in producer.written] == [(b"", None), (None, b"k")]
    assert reader.committed == {partition(0): 2}


async def test_writes_only_where_it_was_of_what_is_too_large() -> None:
    """Else it would hold the commits of its partition back for ever."""
    producer = StubProducer(refusals=[MessageSizeTooLargeError()])
    reader = await _put_aside(producer, Record(0, 5, b"x" * 100, b"k"))
    ((value, key, headers),) = producer.written
    assert (value, key) == (b"", None)
    assert headers["capillary.origin"] == b"events/0/5"
    assert reader.committed == {partition(0): 6}


async def test_goes_on_behind_a_dead_letter_that_is_not_taken_at_first() -> None:
    """It comes again, and is then written; the commits of its partition do not stop for ever."""
    reader, producer = StubConsumer(), StubProducer(refusals=[KafkaError("no")])
    names = ["a-0", "wrong-1", "a-2", "a-3"]
    reader.add(*(Record(0, number, name.encode()) for number, name in enumerate(names)))

    async def handle(_: Any) -> None:
        """Nothing."""

    def key(event: KafkaEvent) -> Identifier:
        return Identifier.external_id(event.value.decode())

    async with client_of(answers_by_prefix()) as client, events_of(reader, producer) as events:
        consumer = Consumer(
            client, events, key=key, handle=handle, ordered_by=lambda event: event.partition
        )
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(20.0)
        assert reader.committed == {partition(0): 1}
        await asyncio.sleep(20.0)
        assert reader.committed == {partition(0): 4}
        consumer.stop()
        await running
    assert [value for value, _, _ in producer.written] == [b"wrong-1"]
