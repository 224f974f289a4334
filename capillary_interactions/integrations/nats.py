"""Events from a NATS JetStream stream, pulled by a durable consumer (extra `nats`)."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import define, field
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError, ServiceUnavailableError

from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions.integrations._consuming.prefetch import Heartbeat, PrefetchingSource

if TYPE_CHECKING:
    from nats.js import JetStreamContext

# Closing the source may take as long.
_POLL_TIMEOUT: Final = 0.5
# The server adds a delay to the time in nanoseconds since 1970, in 64 bits; what does not fit is
# delivered again at once. This is 31 years.
_MAX_DELAY: Final = 1e9
# After this number of pulls without an event it checks that there is still something to pull from.
_MAX_EMPTY_PULLS: Final = 10
_LOGGER: Final = logging.getLogger("capillary_interactions")

REASON: Final = "Capillary-Reason"
"""The header of a dead letter that holds why it is one."""


@define(eq=False)
class NatsEvent:
    """A message of the stream.

    Attributes:
        message: As the NATS client gave it.
    """

    message: Msg = field(repr=False)
    _source: "NatsEvents" = field(repr=False)

    @property
    def data(self) -> bytes:
        """What it holds."""
        return self.message.data

    async def ack(self) -> None:
        """It is done; returns when the server has noted that."""
        self._source.forget(self)
        await self.message.ack_sync(timeout=5.0)

    async def nack(self, delay: float) -> None:
        """It comes again after `delay` seconds."""
        self._source.forget(self)
        await self.message.nak(delay=min(delay, _MAX_DELAY) or None)

    async def reject(self, reason: str) -> None:
        """It goes to the subject of dead letters, with the reason in the header `REASON`."""
        await self._source.dead_letter(self, reason)


class NatsEvents(PrefetchingSource[NatsEvent]):
    """An async source of a stream's messages, to enter, iterate over and leave.

    While messages are worked on the server is sent heartbeats, so that none comes again while a
    lookup waits for its quota.

    Args:
        client: Connected; stays so.
        subject: What to read.
        durable: The consumer's name; all readers of that name share its messages.
        dead: The subject of dead letters; a stream must keep it, or a dead letter is not
            acknowledged and comes again.
        batch: Messages pulled at once, and held beyond those that are worked on.
        ack_wait: Seconds after which a message of a reader that has died comes again; a consumer
            that is there already keeps its own.
        max_ack_pending: Messages that all readers together may hold.
        stream: The stream, by default the one that keeps the subject.

    Raises:
        ConfigurationError: An argument cannot work, or (from entering) the consumer is there and
            does not want each message acknowledged.
        NotFoundError: From reading: the consumer or its stream has been deleted.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        *,
        durable: str,
        dead: str,
        batch: int = 16,
        ack_wait: float = 30.0,
        max_ack_pending: int = 1000,
        stream: str | None = None,
    ) -> None:
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream()
        self._subject = subject
        self._dead = dead
        self._batch = check_count("batch", batch)
        self._ack_wait = check_seconds("ack_wait", ack_wait)
        self._config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_ack_pending=check_count("max_ack_pending", max_ack_pending),
        )
        self._stream = stream
        self._pending: set[NatsEvent] = set()
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._empty_pulls = 0
        super().__init__(heartbeat_interval=ack_wait / 3)

    async def _open(self) -> None:
        self._subscription = await self._jetstream.pull_subscribe(
            self._subject,
            durable=self._config.durable_name,
            stream=self._stream,
            config=self._config,
        )
        # As it is, not as it was asked for: the consumer may have existed before.
        config = (await self._subscription.consumer_info()).config
        if config.ack_policy != AckPolicy.EXPLICIT:
            await self._subscription.unsubscribe()
            raise ConfigurationError("durable is a consumer whose ack_policy is not explicit")
        ack_waits = config.backoff or [config.ack_wait or self._ack_wait]
        self._heartbeat = Heartbeat(min(ack_waits) / 3, self._send_heartbeats)

    async def _close(self) -> None:
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        # What was given back has only been written so far.
        await self._client.flush()

    async def _fetch(self) -> list[NatsEvent]:
        if self._subscription is None:
            raise RuntimeError("enter the source first: `async with NatsEvents(...) as events`")
        try:
            messages = await self._subscription.fetch(self._batch, timeout=_POLL_TIMEOUT)
        except TimeoutError:
            await self._check_consumer(self._subscription)
            return []
        except ServiceUnavailableError:
            # A newer server (2.15, not 2.9) answers at once where the consumer is gone, or on its
            # way to another server.
            await asyncio.sleep(_POLL_TIMEOUT)
            await self._check_consumer(self._subscription)
            return []
        self._empty_pulls = 0
        events = [NatsEvent(message, self) for message in messages]
        self._pending.update(events)
        return events

    async def _check_consumer(self, subscription: "JetStreamContext.PullSubscription") -> None:
        """Raise if the consumer is gone: to pull from nothing is only to wait."""
        self._empty_pulls += 1
        if self._empty_pulls < _MAX_EMPTY_PULLS:
            return
        self._empty_pulls = 0
        try:
            await subscription.consumer_info()
        except NotFoundError:
            raise
        except (Error, TimeoutError) as error:
            _LOGGER.warning("a broker does not describe its consumer: %s", type(error).__name__)

    async def _return(self, message: NatsEvent) -> None:
        await message.nack(0.0)

    async def _send_heartbeats(self) -> None:
        failed: Error | None = None
        for event in tuple(self._pending):
            if event in self._pending:
                try:
                    await event.message.in_progress()
                except Error as error:
                    failed = error  # the others get theirs all the same
        if failed is not None:
            raise failed

    def forget(self, event: NatsEvent) -> None:
        """Send no more heartbeats for it."""
        self._pending.discard(event)

    async def dead_letter(self, event: NatsEvent, reason: str) -> None:
        """Publish a message to the dead letters, then let go of it."""
        self.forget(event)
        message = event.message
        metadata = message.metadata
        await self._jetstream.publish(
            self._dead,
            message.data,
            headers={
                **_without_nats_headers(message.headers or {}),
                REASON: reason,
                # Published twice, as after a lost answer to the first time, it is kept once.
                "Nats-Msg-Id": f"dead-{metadata.stream}-{metadata.sequence.stream}",
            },
        )
        await message.term()


def _without_nats_headers(headers: Mapping[str, str]) -> dict[str, str]:
    # Those of NATS name the stream and the sequence number that this very message was for.
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")}
