"""Events from Kafka topics, committed as far as all are done (aiokafka, extra `kafka`)."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import (  # type: ignore[import-untyped] # it has no py.typed
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from attrs import define, field

from capillary_interactions._check import seconds, whole
from capillary_interactions._errors import ConfigurationError
from capillary_interactions.integrations._batches import Batches, Keeper
from capillary_interactions.integrations._prefix import Prefix

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord  # type: ignore[import-untyped]

# How long a poll waits for events: the time that leaving may take.
_PATIENCE: Final = 0.25


@define(eq=False)
class KafkaEvent:
    """A record of a topic.

    Attributes:
        record: As aiokafka gave it.
    """

    record: "ConsumerRecord[Any, Any]" = field(repr=False)
    _source: "KafkaEvents" = field(repr=False)

    @property
    def value(self) -> Any:
        """What it holds."""
        return self.record.value

    @property
    def partition(self) -> TopicPartition:
        """Where it comes from: what `ordered_by` takes to keep Kafka's order."""
        return TopicPartition(self.record.topic, self.record.partition)

    async def ack(self) -> None:
        """It is done; its offset is committed once all before it are done too."""
        await self._source.finish(self)

    async def nack(self, delay: float) -> None:
        """It comes again from here after `delay` seconds; until then nothing behind it counts."""
        self._source.postpone(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the topic of dead letters, with the reason in a header, and is done."""
        await self._source.bury(self, reason)


class _Moves(ConsumerRebalanceListener):  # type: ignore[misc] # untyped, so Any
    def __init__(self, events: "KafkaEvents") -> None:
        self._events = events

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._events.release(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Everything begins with the first record that comes."""


class KafkaEvents:
    """An async source of records, to enter, iterate over and leave.

    Kafka knows only "everything up to here", so of each partition the contiguous finished prefix
    is committed and nothing else; one record that waits for its answer holds the commits of its
    partition back, and after `most_ahead` further ones its partition rests.

    Args:
        consumer: In a group, with `enable_auto_commit=False` and without topics; started and
            stopped by you.
        topics: What to read.
        producer: Writes the dead letters.
        dead: The topic of dead letters.
        batch: Records fetched at once: so many are held beyond those that are worked on.
        most_ahead: Records of a partition from the first unfinished one on, at most.
        revoke_grace: Seconds that a partition which goes to another reader waits for its records.
        poll_interval: Seconds within which the consumer must be asked for records; a third of
            its `max_poll_interval_ms` or less.

    Raises:
        ConfigurationError: The consumer commits by itself, or an argument cannot work.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topics: Iterable[str],
        *,
        producer: AIOKafkaProducer,
        dead: str,
        batch: int = 16,
        most_ahead: int = 1000,
        revoke_grace: float = 5.0,
        poll_interval: float = 60.0,
    ) -> None:
        if getattr(consumer, "_enable_auto_commit", False):
            raise ConfigurationError(
                "consumer must be made with enable_auto_commit=False: "
                "else records are committed that nobody has handled"
            )
        self._consumer = consumer
        self._topics = [*topics]
        self._producer = producer
        self._dead = dead
        self._batch = whole("batch", batch)
        self._most_ahead = whole("most_ahead", most_ahead)
        self._grace = seconds("revoke_grace", revoke_grace, zero=True)
        self._prefixes: dict[TopicPartition, Prefix] = {}
        self._begun: dict[KafkaEvent, Prefix] = {}
        self._commits: dict[TopicPartition, int] = {}
        self._committing = asyncio.Lock()
        self._finished = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._batches: Batches[KafkaEvent] = Batches(self._fetch, _left)
        self._keeper = Keeper(seconds("poll_interval", poll_interval), self._keep)

    async def __aenter__(self) -> Self:
        self._consumer.subscribe(self._topics, listener=_Moves(self))
        self._keeper.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        try:
            await self._batches.aclose()
        finally:
            await self._keeper.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> KafkaEvent:
        while True:
            event = await self._batches.next()
            if event in self._begun:
                # It comes again: begun it was the first time.
                return event
            prefix = self._prefixes.setdefault(event.partition, Prefix())
            prefix.begin(event.record.offset)
            self._begun[event] = prefix
            return event

    async def _fetch(self) -> list[KafkaEvent]:
        assigned = self._consumer.assignment()
        wanted = [place for place in assigned if not self._rests(place)]
        if assigned and not wanted:
            await asyncio.sleep(_PATIENCE)
            return []
        return await self._polled(wanted, self._batch, _PATIENCE)

    def _rests(self, place: TopicPartition) -> bool:
        prefix = self._prefixes.get(place)
        return prefix is not None and prefix.ahead >= self._most_ahead

    async def _polled(
        self, places: list[TopicPartition], most: int, patience: float
    ) -> list[KafkaEvent]:
        found = await self._consumer.getmany(
            *places, timeout_ms=int(patience * 1000), max_records=most
        )
        return [KafkaEvent(record, self) for records in found.values() for record in records]

    async def _keep(self) -> None:
        """Show the consumer's own watchdog that somebody reads, even while nobody can."""
        for event in await self._polled([], 1, 0.0):
            self._batches.put_back(event)

    async def finish(self, event: KafkaEvent) -> None:
        """A record is done: commit, if that closes a gap.

        Raises:
            KafkaError: It could not be committed; the record will come again.
        ConnectionError: Its partition has gone to another reader, as has the record.
        """
        prefix = self._begun.pop(event, None)
        if prefix is None:
            raise ConnectionError("its partition has gone to another reader")
        place = event.partition
        done = prefix.finish(event.record.offset)
        self._finished.set()
        if done is not None and self._prefixes.get(place) is prefix:
            self._commits[place] = done
            await self._commit()

    async def _commit(self) -> None:
        # Whoever waits here finds its offset committed by the one before, or commits for all.
        async with self._committing:
            if self._commits:
                offsets, self._commits = self._commits, {}
                try:
                    await self._consumer.commit(offsets)
                except BaseException:
                    # For the next one to commit, if the partition is still here by then.
                    self._commits = {**offsets, **self._commits}
                    raise

    def postpone(self, event: KafkaEvent, delay: float) -> None:
        """Give a record out again later, unless its partition has gone to another reader."""

        def again() -> None:
            self._timers.discard(timer)
            if event in self._begun:
                self._batches.put_back(event)

        timer = asyncio.get_running_loop().call_later(delay, again)
        self._timers.add(timer)

    async def bury(self, event: KafkaEvent, reason: str) -> None:
        """Write a record to the dead letters, then it is done."""
        record = event.record
        headers = [*record.headers, ("reason", reason.encode())]
        await self._producer.send_and_wait(
            self._dead, record.value, key=record.key, headers=headers
        )
        await self.finish(event)

    async def release(self, revoked: Iterable[TopicPartition]) -> None:
        """Partitions go to another reader: wait for what is under way, then forget them."""
        going = set(revoked)
        self._batches.drop(lambda event: event.partition in going)
        try:
            async with asyncio.timeout(self._grace):
                while any(event.partition in going for event in self._begun):
                    self._finished.clear()
                    await self._finished.wait()
        except TimeoutError:
            pass
        finally:
            async with self._committing:
                for place in going:
                    self._prefixes.pop(place, None)
                    self._commits.pop(place, None)
            for event in [each for each in self._begun if each.partition in going]:
                del self._begun[event]


async def _left(_: KafkaEvent) -> None:
    """What was not committed comes again by itself."""
