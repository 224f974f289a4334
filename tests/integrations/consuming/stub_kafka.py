"""A consumer and a producer in the shape of aiokafka's, for what a broker does not do on demand."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped] # it has no py.typed
from aiokafka.errors import IllegalStateError  # type: ignore[import-untyped]
from attrs import define, field

from capillary_interactions.integrations.kafka import KafkaEvents


def partition(number: int) -> TopicPartition:
    """A partition of the only topic."""
    return TopicPartition("events", number)


@define
class Record:
    """As aiokafka gives it."""

    partition: int
    offset: int
    value: bytes | None = b"a"
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = "events"


@define(eq=False, slots=False)
class StubConsumer:
    """One member of a group, whose partitions the test sets.

    Attributes:
        assigned: Its partitions.
        waiting: Records to be fetched.
        committed: What was committed.
        asked: For which partitions records were asked for, and when.
        refusals: What the next commits raise.
    """

    assigned: set[TopicPartition] = field(factory=lambda: {partition(0), partition(1)})
    waiting: list[Record] = field(factory=list)
    committed: dict[TopicPartition, int] = field(factory=dict)
    asked: list[tuple[float, frozenset[TopicPartition]]] = field(factory=list)
    refusals: list[Exception] = field(factory=list)
    listener: Any = None
    _arrived: asyncio.Event = field(factory=asyncio.Event)

    def add(self, *records: Record) -> None:
        """Records arrive."""
        self.waiting += records
        self._arrived.set()

    def subscribe(self, _: Iterable[str], listener: Any) -> None:
        """Keep the listener for the test to call."""
        self.listener = listener

    def assignment(self) -> set[TopicPartition]:
        """Its partitions."""
        return set(self.assigned)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, list[Record]]:
        """Some records, as soon as there are any."""
        self.asked.append((asyncio.get_running_loop().time(), frozenset(partitions)))
        if not (records := self._taken(partitions, max_records)) and timeout_ms:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._arrived.wait()
            except TimeoutError:
                return {}
            records = self._taken(partitions, max_records)
        return records

    def _taken(
        self, partitions: tuple[TopicPartition, ...], limit: int
    ) -> dict[TopicPartition, list[Record]]:
        wanted = set(partitions) or self.assigned
        taken = [record for record in self.waiting if partition(record.partition) in wanted][:limit]
        records: dict[TopicPartition, list[Record]] = {}
        for record in taken:
            self.waiting.remove(record)
            records.setdefault(partition(record.partition), []).append(record)
        return records

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note how far all is done.

        Raises:
            IllegalStateError: Of a partition that is another's.
        """
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        if not offsets.keys() <= self.assigned:
            raise IllegalStateError("not assigned")
        self.committed.update(offsets)


@define
class StubProducer:
    """Remembers what was written.

    Attributes:
        written: Value, key and headers.
        refusals: What the next attempts raise.
        most: Bytes of a value that it takes.
    """

    written: list[tuple[bytes | None, bytes | None, dict[str, bytes]]] = field(factory=list)
    refusals: list[Exception] = field(factory=list)

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None,
        headers: list[tuple[str, bytes]],
    ) -> None:
        """Write, or refuse to."""
        assert topic == "dead"
        assert not (value is None and key is None)
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.written.append((value, key, dict(headers)))


def events_of(
    consumer: StubConsumer, producer: StubProducer | None = None, **settings: Any
) -> KafkaEvents:
    """A source of its records."""
    return KafkaEvents(
        consumer, ["events"], producer=producer or StubProducer(), dead="dead", **settings
    )
