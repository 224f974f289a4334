"""Events from a Redis stream, read as one consumer of a group (extra `redis`)."""

import asyncio
import os
import socket
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import define, field
from redis.exceptions import ResponseError

from capillary_interactions._check import seconds, whole
from capillary_interactions.integrations._batches import Batches, Keeper

if TYPE_CHECKING:
    from redis.asyncio import Redis

# How long a read waits for events: the time that leaving may take.
_PATIENCE: Final = 0.25


@define(eq=False)
class RedisEvent:
    """An entry of the stream.

    Attributes:
        id: Its place in the stream.
        fields: What it holds, as the client decodes it.
    """

    id: str
    fields: dict[Any, Any] = field(repr=False)
    _source: "RedisEvents" = field(repr=False)

    async def ack(self) -> None:
        """It is done."""
        await self._source.acknowledge(self)

    async def nack(self, delay: float) -> None:
        """It comes again after `delay` seconds, at most `claim_after`, to whoever reads then."""
        await self._source.postpone(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the stream of dead letters, with the reason beside its fields."""
        await self._source.bury(self, reason)


class RedisEvents:
    """An async source of a stream's entries, to enter, iterate over and leave.

    Entries of consumers that have died are taken over once they have lain for `claim_after`
    seconds; those that are worked on here are kept from that, however long they take.

    Args:
        redis: Where the stream is; stays open.
        stream: Its name; it and the group are made if there are none.
        group: The consumer group.
        consumer: This reader's name in the group; by default of host and process.
        dead: The stream of dead letters, by default `stream` with ".dead".
        batch: Entries fetched at once: so many are held beyond those that are worked on.
        claim_after: Seconds after which another's entry is taken over.
    """

    def __init__(
        self,
        redis: "Redis",
        stream: str,
        *,
        group: str,
        consumer: str | None = None,
        dead: str | None = None,
        batch: int = 16,
        claim_after: float = 60.0,
    ) -> None:
        self._redis = redis
        self._stream = stream
        self._group = group
        self._consumer = consumer or f"{socket.gethostname()}-{os.getpid()}"
        self._dead = dead or f"{stream}.dead"
        self._batch = whole("batch", batch)
        self._claim_after = seconds("claim_after", claim_after)
        self._open: dict[str, RedisEvent] = {}
        self._claims_at = 0.0
        self._batches: Batches[RedisEvent] = Batches(self._fetch, lambda event: event.nack(0.0))
        self._keeper = Keeper(self._claim_after / 3, self._keep)

    async def __aenter__(self) -> Self:
        try:
            await self._redis.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as refused:
            if not str(refused).startswith("BUSYGROUP"):
                raise
        self._keeper.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._batches.aclose()
        finally:
            await self._keeper.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RedisEvent:
        return await self._batches.next()

    async def _fetch(self) -> list[RedisEvent]:
        now = asyncio.get_running_loop().time()
        if now >= self._claims_at:
            claimed = await self._claimed()
            if claimed:
                return claimed
            self._claims_at = now + _PATIENCE
        answer: Any = await self._redis.xreadgroup(
            self._group,
            self._consumer,
            {self._stream: ">"},
            count=self._batch,
            block=int(_PATIENCE * 1000),
        )
        streams = answer.values() if isinstance(answer, dict) else (each[1] for each in answer)
        return self._taken([entry for entries in streams for entry in _flat(entries)])

    async def _claimed(self) -> list[RedisEvent]:
        answer: Any = await self._redis.xautoclaim(
            self._stream,
            self._group,
            self._consumer,
            min_idle_time=int(self._claim_after * 1000),
            count=self._batch,
        )
        return self._taken(answer[1])

    def _taken(self, entries: list[Any]) -> list[RedisEvent]:
        events = [RedisEvent(_text(place), fields, self) for place, fields in entries]
        # After a long pause of this process it may have taken over what it works on itself.
        new = [event for event in events if event.id not in self._open]
        self._open.update((event.id, event) for event in new)
        return new

    async def _keep(self) -> None:
        """Begin the time anew after which others take over what is open here."""
        if not self._open:
            return
        pending: Any = await self._redis.xpending_range(
            self._stream,
            self._group,
            min="-",
            max="+",
            count=10 * len(self._open) + 100,
            consumername=self._consumer,
        )
        ours = [_text(each["message_id"]) for each in pending]
        kept: list[Any] = [place for place in ours if place in self._open]
        if kept:
            await self._redis.xclaim(
                self._stream, self._group, self._consumer, 0, kept, idle=0, justid=True
            )

    async def acknowledge(self, event: RedisEvent) -> None:
        """Take an entry from the group's list of those that are open."""
        self._open.pop(event.id, None)
        await self._redis.xack(self._stream, self._group, event.id)

    async def postpone(self, event: RedisEvent, delay: float) -> None:
        """Make an entry look as if it had lain for all but `delay` seconds of `claim_after`."""
        self._open.pop(event.id, None)
        lain = max(0.0, self._claim_after - delay)
        await self._redis.xclaim(
            self._stream,
            self._group,
            self._consumer,
            0,
            [event.id],
            idle=round(lain * 1000),
            justid=True,
        )

    async def bury(self, event: RedisEvent, reason: str) -> None:
        """Move an entry to the dead letters, in one step."""
        self._open.pop(event.id, None)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(self._dead, {**event.fields, "reason": reason, "id": event.id})
            pipe.xack(self._stream, self._group, event.id)
            await pipe.execute()


def _text(place: "str | bytes") -> str:
    return place.decode() if isinstance(place, bytes) else place


def _flat(entries: list[Any]) -> list[Any]:
    # In RESP3 the client nests each stream's entries once more.
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple):
        return list(entries[0])
    return entries
