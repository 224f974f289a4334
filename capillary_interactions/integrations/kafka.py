"""Events from Kafka topics, committed as far as all are done (aiokafka, extra `kafka`)."""

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from aiokafka import (  # type: ignore[import-untyped] # it has no py.typed
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    MessageSizeTooLargeError,
)
from attrs import define, field

from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions.integrations._consuming.contiguous_offsets import ContiguousOffsets
from capillary_interactions.integrations._consuming.prefetch import PrefetchingSource

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord  # type: ignore[import-untyped]

# Closing the source may take as long.
_POLL_TIMEOUT: Final = 0.25
# For one attempt at commits that the broker has refused before.
_COMMIT_TIMEOUT: Final = 5.0
_LOGGER: Final = logging.getLogger("capillary_interactions")
_SERIALIZERS: Final = (
    "key_deserializer",
    "value_deserializer",
    "key_serializer",
    "value_serializer",
)

REASON: Final = "capillary.reason"
"""The header of a dead letter that holds why it is one."""

ORIGIN: Final = "capillary.origin"
"""The header of a dead letter that holds its topic, partition and offset."""


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
        self._source.redeliver_later(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the topic of dead letters, with `REASON` in a header, and is done."""
        await self._source.dead_letter(self, reason)


class _RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc] # untyped, so Any
    def __init__(self, events: "KafkaEvents") -> None:
        self._events = events

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._events.release(set(revoked))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to do before the first record comes."""


class KafkaEvents(PrefetchingSource[KafkaEvent]):
    """An async source of records, to enter, iterate over and leave.

    Kafka knows only "everything up to here", so of each partition the contiguous finished prefix
    is committed and nothing else; one record that waits for its answer holds the commits of its
    partition back, and after `most_ahead` further ones its partition rests.

    Args:
        consumer: In a group, with `enable_auto_commit=False`, without topics and deserializers
            (what cannot be read would end it, where it makes a dead letter in `key`); started and
            stopped by you, stopped after this is left.
        topics: What to read.
        producer: Writes the dead letters as they came, so without serializers. One that is too
            large is written without its value; its origin is among its headers.
        dead: The topic of dead letters.
        batch: Records fetched at once, and held beyond those that are worked on.
        most_ahead: Records of a partition from the first unfinished one on, at most.
        revoke_grace: Seconds that a partition which goes to another reader waits for its records
            that are worked on.
        poll_interval: Seconds within which the consumer must be asked for records; a third of
            its `max_poll_interval_ms` or less.

    Raises:
        ConfigurationError: The consumer commits by itself, it or the producer changes what a
            record holds, or an argument cannot work.
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
                "else records are committed that have not been handled"
            )
        for name in _SERIALIZERS:
            if getattr(consumer, f"_{name}", None) or getattr(producer, f"_{name}", None):
                raise ConfigurationError(
                    f"{name} must not be given: dead letters are written as they came, and what "
                    "`key` cannot read of one makes it a dead letter"
                )
        self._consumer = consumer
        self._topics = [*topics]
        self._producer = producer
        self._dead = dead
        self._batch = check_count("batch", batch)
        self._most_ahead = check_count("most_ahead", most_ahead)
        self._grace = check_seconds("revoke_grace", revoke_grace, zero=True)
        self._offsets: dict[TopicPartition, ContiguousOffsets] = {}
        self._in_progress: dict[KafkaEvent, ContiguousOffsets] = {}
        self._awaiting_redelivery: set[KafkaEvent] = set()
        self._commits: dict[TopicPartition, int] = {}
        self._committing = asyncio.Lock()
        self._finished = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        super().__init__(heartbeat_interval=check_seconds("poll_interval", poll_interval))

    async def _open(self) -> None:
        self._consumer.subscribe(self._topics, listener=_RebalanceListener(self))

    async def _close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        await self._commit_rest()

    async def __anext__(self) -> KafkaEvent:
        while True:
            event = await super().__anext__()
            if event in self._in_progress:
                # It comes again, and its offset was started the first time.
                self._awaiting_redelivery.discard(event)
                return event
            offsets = self._offsets.setdefault(event.partition, ContiguousOffsets())
            offsets.start(event.record.offset)
            self._in_progress[event] = offsets
            return event

    async def _fetch(self) -> list[KafkaEvent]:
        """Fetch into the buffer; see `_poll`."""
        await self._commit_rest()
        assigned = self._consumer.assignment()
        active = [partition for partition in assigned if not self._is_paused(partition)]
        if assigned and not active:
            await asyncio.sleep(_POLL_TIMEOUT)
        else:
            await self._poll(active, self._batch, _POLL_TIMEOUT)
        return []

    def _is_paused(self, partition: TopicPartition) -> bool:
        offsets = self._offsets.get(partition)
        return offsets is not None and offsets.pending >= self._most_ahead

    async def _poll(self, partitions: list[TopicPartition], limit: int, timeout: float) -> None:  # noqa: ASYNC109
        fetched = await self._consumer.getmany(
            *partitions, timeout_ms=int(timeout * 1000), max_records=limit
        )
        # In the very step in which they were fetched: of two polls the earlier one's come first,
        # and there is no moment at which a partition could go without them.
        for records in fetched.values():
            for record in records:
                self._buffer.put(KafkaEvent(record, self))

    async def _return(self, message: KafkaEvent) -> None:
        """What was not committed comes again by itself."""

    async def _send_heartbeats(self) -> None:
        """Poll for aiokafka's own watchdog, which counts a reader that does not as dead."""
        await self._poll([], 1, 0.0)

    async def finish(self, event: KafkaEvent) -> None:
        """A record is done: commit, if that closes a gap.

        Raises:
            KafkaError: It could not be committed; the record will come again.
            ConnectionError: Its partition has gone to another reader, as has the record.
        """
        offsets, partition = self._in_progress.pop(event, None), event.partition
        if offsets is None or partition not in self._consumer.assignment():
            self._finished.set()
            raise ConnectionError("its partition has gone to another reader")
        resume_at = offsets.finish(event.record.offset)
        self._finished.set()
        if resume_at is not None and self._offsets.get(partition) is offsets:
            self._commits[partition] = resume_at
            await self._commit()

    async def _commit(self) -> None:
        # One commit serves all who wait for the lock.
        async with self._committing:
            assigned = self._consumer.assignment()
            commits, self._commits = self._commits, {}
            # A partition that has gone would have all the others refused.
            commits = {key: offset for key, offset in commits.items() if key in assigned}
            if commits:
                try:
                    await self._consumer.commit(commits)
                except BaseException:
                    # For the next commit, if the partition is still assigned by then.
                    self._commits = {**commits, **self._commits}
                    raise

    async def _commit_rest(self) -> None:
        if self._commits:
            try:
                async with asyncio.timeout(_COMMIT_TIMEOUT):
                    await self._commit()
            except (KafkaError, TimeoutError) as error:
                _LOGGER.warning("events are not committed yet: %s", type(error).__name__)

    def redeliver_later(self, event: KafkaEvent, delay: float) -> None:
        """Put a record back later, unless its partition has gone to another reader."""

        def put_back() -> None:
            self._timers.discard(timer)
            if event in self._in_progress:
                self._buffer.put(event)

        self._awaiting_redelivery.add(event)
        self._finished.set()
        timer = asyncio.get_running_loop().call_later(delay, put_back)
        self._timers.add(timer)

    async def dead_letter(self, event: KafkaEvent, reason: str) -> None:
        """Write a record to the dead letters, then it is done."""
        record = event.record
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        headers = [*record.headers, (REASON, reason.encode()), (ORIGIN, origin.encode())]
        # aiokafka reads records without key and value, and refuses to write them.
        empty = b"" if record.key is None else None
        try:
            await self._write(empty if record.value is None else record.value, record.key, headers)
        except MessageSizeTooLargeError:
            await self._write(b"", None, headers)
        await self.finish(event)

    async def _write(
        self, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        await self._producer.send_and_wait(self._dead, value, key=key, headers=headers)

    async def release(self, revoked: set[TopicPartition]) -> None:
        """Partitions go to another reader: wait for what is worked on, then forget them."""
        self._buffer.drop(lambda event: event.partition in revoked)
        self._forget(event for event in self._awaiting_redelivery if event.partition in revoked)
        try:
            async with asyncio.timeout(self._grace):
                while any(
                    event.partition in revoked
                    for event in self._in_progress.keys() - self._awaiting_redelivery
                ):
                    self._finished.clear()
                    await self._finished.wait()
        except TimeoutError:
            pass
        finally:
            async with self._committing:
                for partition in revoked:
                    self._offsets.pop(partition, None)
                    self._commits.pop(partition, None)
            self._forget(event for event in self._in_progress if event.partition in revoked)

    def _is_worked_on(self, partitions: set[TopicPartition]) -> bool:
        events = self._in_progress.keys() - self._awaiting_redelivery
        return any(event.partition in partitions for event in events)

    def _forget(self, events: Iterable[KafkaEvent]) -> None:
        for event in tuple(events):
            self._in_progress.pop(event, None)
            self._awaiting_redelivery.discard(event)
