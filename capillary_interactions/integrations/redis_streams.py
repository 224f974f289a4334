"""Events from a Redis stream, read as one consumer of a group (extra `redis`)."""

import asyncio
import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field
from redis.asyncio import RedisCluster
from redis.crc import key_slot
from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions.integrations._consuming.prefetch import PrefetchingSource

if TYPE_CHECKING:
    from redis.asyncio import Redis

# Closing the source may take as long.
_POLL_TIMEOUT: Final = 0.25
_LOGGER: Final = logging.getLogger("capillary_interactions")
# Without Redis it reads on for so long, a little later each time.
_MAX_OUTAGE: Final = 60.0
_MAX_RETRY_DELAY: Final = 2.0
_START: Final = "0-0"
# In one step, for a deleted consumer loses what is pending.
_DELETE_IDLE: Final = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
"""

# Errors of a Redis that cannot be reached for now, has become a replica, is loading, or is moving
# to another node.
_TRANSIENT_ERRORS: Final = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    TryAgainError,
    ClusterError,
    RedisClusterException,
)
# The same by the beginning of the text, where redis-py has no class for it.
_TRANSIENT_REFUSALS: Final = ("UNBLOCKED", "NOREPLICAS", "MASTERDOWN", "BUSY ")
# The group is gone, with its stream or without it: after a restart without persistence, FLUSHALL,
# DEL, or XGROUP DESTROY. Redis 7 and newer say so to a reader that waits.
_GROUP_LOST: Final = ("NOGROUP", "UNBLOCKED the stream key no longer exists")

REASON: Final = "capillary.reason"
"""The field of a dead letter that holds why it is one."""

ID: Final = "capillary.id"
"""The field of a dead letter that holds its id in the stream."""


@define(eq=False)
class RedisEvent:
    """An entry of the stream.

    Attributes:
        id: Its id in the stream.
        fields: What it holds, as the client decodes it.
    """

    id: str
    fields: dict[Any, Any] = field(repr=False)
    _source: "RedisEvents" = field(repr=False)

    async def ack(self) -> None:
        """It is done."""
        await self._source.acknowledge(self)

    async def nack(self, delay: float) -> None:
        """It comes again to the group after `delay` seconds, at most `claim_after`."""
        await self._source.redeliver_later(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the stream of dead letters, "capillary.reason" beside its fields."""
        await self._source.dead_letter(self, reason)


class RedisEvents(PrefetchingSource[RedisEvent]):
    """An async source of a stream's entries, to enter, iterate over and leave.

    Entries of consumers that have died are taken over once they have lain for `claim_after`
    seconds; those that are worked on here are kept from that, however long they take. Without a
    connection, or while Redis refuses commands for now (it has become a replica, or is loading),
    it tries again for a minute. A group that is lost is made again, at the beginning of the stream.
    A reader that leaves nothing pending leaves the group.

    Args:
        redis: Where the stream is; stays open.
        stream: Its name; it and the group are made if there are none.
        group: The consumer group.
        consumer: This reader's name in the group; by default of host and process.
        dead: The stream of dead letters, by default `stream` with ".dead". Both are written in one
            step, so in a cluster they must share a slot: "{customers}" and "{customers}.dead".
        batch: Entries fetched at once, and held beyond those that are worked on.
        claim_after: Seconds after which another's entry is taken over.

    Raises:
        ConfigurationError: An argument cannot work, or (from entering) `stream` and `dead` have
            different slots of a cluster.
    """

    def __init__(
        self,
        redis: "Redis | RedisCluster",
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
        self._batch = check_count("batch", batch)
        self._claim_after = check_seconds("claim_after", claim_after)
        self._pending: dict[str, RedisEvent] = {}
        self._next_claim = 0.0
        self._claim_cursor = _START
        self._failing_since: float | None = None
        super().__init__(heartbeat_interval=self._claim_after / 3)

    async def _open(self) -> None:
        await self._check_slots()
        await self._make_group()

    async def _check_slots(self) -> None:
        if key_slot(self._stream.encode()) == key_slot(self._dead.encode()):
            return
        if await self._is_cluster():
            raise ConfigurationError(
                "in a cluster stream and dead must share a slot, for a dead letter is moved in one "
                "step: put the same part of both names in braces, such as {customers} and "
                "{customers}.dead"
            )

    async def _is_cluster(self) -> bool:
        if isinstance(self._redis, RedisCluster):
            return True
        try:
            facts: Any = await self._redis.info("cluster")
        except RedisError:
            return False  # INFO may be forbidden; what else is wrong shows in the next command
        return bool(facts.get("cluster_enabled"))

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _close(self) -> None:
        # Its list of pending entries holds those that were given back, until others take them.
        with contextlib.suppress(RedisError):
            deleted: Any = self._redis.eval(
                _DELETE_IDLE, 1, self._stream, self._group, self._consumer
            )
            await deleted

    async def _fetch(self) -> list[RedisEvent]:
        try:
            events = await self._read()
        except AuthenticationError:
            raise
        except _TRANSIENT_ERRORS as error:
            await self._wait_after(error)
            return []
        except ResponseError as error:
            await self._recover(error)
            return []
        self._failing_since = None
        return events

    async def _recover(self, error: ResponseError) -> None:
        """Wait for a Redis that refuses for now, and make a lost group again."""
        refusal = str(error)
        is_lost = refusal.startswith(_GROUP_LOST)
        if not is_lost and not refusal.startswith(_TRANSIENT_REFUSALS):
            raise error
        await self._wait_after(error)
        if is_lost:
            # Redis may be gone by now: the next read shows it.
            with contextlib.suppress(RedisError):
                await self._make_group()
                _LOGGER.warning("a consumer group was lost and is made again, from the beginning")

    async def _wait_after(self, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        failing = now - self._failing_since
        if failing >= _MAX_OUTAGE:
            raise error
        _LOGGER.warning("a stream is read again soon: Redis raised %s", type(error).__name__)
        await asyncio.sleep(min(max(failing, _POLL_TIMEOUT), _MAX_RETRY_DELAY))
        if isinstance(error, ResponseError) and not isinstance(self._redis, RedisCluster):
            # Its name may lead to a new primary, and Redis closes the connections that it unblocks.
            await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def _read(self) -> list[RedisEvent]:
        now = asyncio.get_running_loop().time()
        if now >= self._next_claim:
            claimed = await self._claim()
            if self._claim_cursor == _START:
                self._next_claim = now + _POLL_TIMEOUT
            if claimed:
                return claimed
        answer: Any = await self._redis.xreadgroup(
            self._group,
            self._consumer,
            {self._stream: ">"},
            count=self._batch,
            block=int(_POLL_TIMEOUT * 1000),
        )
        streams = answer.values() if isinstance(answer, dict) else (stream[1] for stream in answer)
        return self._new_events([entry for entries in streams for entry in _flat(entries)])

    async def _return(self, message: RedisEvent) -> None:
        await message.nack(0.0)

    async def _claim(self) -> list[RedisEvent]:
        answer: Any = await self._redis.xautoclaim(
            self._stream,
            self._group,
            self._consumer,
            min_idle_time=int(self._claim_after * 1000),
            start_id=self._claim_cursor,
            count=self._batch,
        )
        # XAUTOCLAIM looks at a part of the list only, and returns where to go on.
        self._claim_cursor = _text(answer[0])
        return self._new_events(answer[1])

    def _new_events(self, entries: list[Any]) -> list[RedisEvent]:
        events = [RedisEvent(_text(id_), fields, self) for id_, fields in entries]
        # After a long pause of this process it may have claimed what it works on itself.
        new = [event for event in events if event.id not in self._pending]
        self._pending.update((event.id, event) for event in new)
        return new

    async def _send_heartbeats(self) -> None:
        """Reset the idle time after which others claim what is pending here."""
        # Each by itself: there may be far more that are to be redelivered later.
        async with self._redis.pipeline(transaction=False) as pipe:
            for id_ in self._pending:
                pipe.xpending_range(
                    self._stream, self._group, id_, id_, 1, consumername=self._consumer
                )
            answers: Any = await pipe.execute()
        ids = [_text(entry["message_id"]) for entries in answers for entry in entries]
        await self._set_idle([id_ for id_ in ids if id_ in self._pending], 0.0)

    async def _set_idle(self, ids: list[Any], seconds: float) -> None:
        idle = round(seconds * 1000)
        if ids:
            await self._redis.xclaim(
                self._stream, self._group, self._consumer, 0, ids, idle=idle, justid=True
            )

    async def acknowledge(self, event: RedisEvent) -> None:
        """Remove an entry from the group's list of pending ones."""
        self._pending.pop(event.id, None)
        await self._redis.xack(self._stream, self._group, event.id)

    async def redeliver_later(self, event: RedisEvent, delay: float) -> None:
        """Set an entry's idle time so that XAUTOCLAIM returns it after `delay`."""
        self._pending.pop(event.id, None)
        await self._set_idle([event.id], max(0.0, self._claim_after - delay))

    async def dead_letter(self, event: RedisEvent, reason: str) -> None:
        """Move an entry to the dead letters, in one step."""
        self._pending.pop(event.id, None)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(self._dead, {**event.fields, REASON: reason, ID: event.id})
            pipe.xack(self._stream, self._group, event.id)
            await pipe.execute()


def _text(id_: "str | bytes") -> str:
    return id_.decode() if isinstance(id_, bytes) else id_


def _flat(entries: list[Any]) -> list[Any]:
    # In RESP3 the client nests each stream's entries once more.
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple):
        return list(entries[0])
    return entries
