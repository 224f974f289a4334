"""What Kafka's source does with commits that are refused, on a stub consumer."""

import asyncio

import pytest
from aiokafka.errors import (  # type: ignore[import-untyped] # it has no py.typed
    CommitFailedError,
    KafkaError,
)

from tests.integrations.consuming.stub_kafka import Record, StubConsumer, events_of, partition


@pytest.mark.parametrize("read_on", [True, False])
async def test_commits_again_what_was_not_taken(read_on: bool) -> None:
    """With what is read next, and at the latest when it leaves."""
    reader = StubConsumer(refusals=[CommitFailedError()])
    reader.add(Record(0, 0))
    async with events_of(reader) as events:
        with pytest.raises(KafkaError):
            await (await anext(events)).ack()
        assert reader.committed == {}
        if read_on:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 1.0)
            assert reader.committed == {partition(0): 1}
    assert reader.committed == {partition(0): 1}


async def test_commits_the_others_of_a_partition_that_has_gone() -> None:
    """Unannounced, as when the group has thrown this reader out: else all would be refused."""
    reader = StubConsumer(refusals=[CommitFailedError()])
    reader.add(Record(0, 0), Record(1, 0))
    async with events_of(reader) as events:
        gone, here = [await anext(events) for _ in range(2)]
        with pytest.raises(KafkaError):
            await gone.ack()
        reader.assigned = {partition(1)}
        await here.ack()
    assert reader.committed == {partition(1): 1}


async def test_leaves_though_nothing_can_be_committed(caplog: pytest.LogCaptureFixture) -> None:
    """What is not committed comes again, to the next reader."""
    reader = StubConsumer(refusals=[CommitFailedError(), CommitFailedError()])
    reader.add(Record(0, 0))
    async with events_of(reader) as events:
        with pytest.raises(KafkaError):
            await (await anext(events)).ack()
    assert "CommitFailedError" in caplog.text
