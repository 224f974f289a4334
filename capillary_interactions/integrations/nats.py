"""Events from a NATS JetStream stream, pulled by a durable consumer (extra `nats`)."""

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from attrs import define, field
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from capillary_interactions._check import seconds, whole
from capillary_interactions.integrations._batches import Batches, Keeper

if TYPE_CHECKING:
    from nats.js import JetStreamContext

# How long a pull waits for events: the time that leaving may take.
_PATIENCE: Final = 0.5


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
        await self.message.nak(delay=delay or None)

    async def reject(self, reason: str) -> None:
        """It is published to the subject of dead letters, and never comes again."""
        await self._source.bury(self, reason)


class NatsEvents:
    """An async source of a stream's messages, to enter, iterate over and leave.

    The server is told of each message that work on it goes on, so that none comes again while a
    lookup waits for its quota.

    Args:
        client: Connected; stays so.
        subject: What to read.
        durable: The consumer's name; all readers of that name share its messages.
        dead: The subject of dead letters; a stream must keep it, or a dead letter is not
            acknowledged and comes again.
        batch: Messages pulled at once: so many are held beyond those that are worked on.
        ack_wait: Seconds after which a message of a reader that has died comes again.
        max_ack_pending: Messages that all readers together may hold.
        stream: The stream, by default the one that keeps the subject.
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
        self._batch = whole("batch", batch)
        self._config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=seconds("ack_wait", ack_wait),
            max_ack_pending=whole("max_ack_pending", max_ack_pending),
        )
        self._stream = stream
        self._open: set[NatsEvent] = set()
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._batches: Batches[NatsEvent] = Batches(self._fetch, lambda event: event.nack(0.0))
        self._keeper = Keeper(ack_wait / 3, self._keep)

    async def __aenter__(self) -> Self:
        self._subscription = await self._jetstream.pull_subscribe(
            self._subject,
            durable=self._config.durable_name,
            stream=self._stream,
            config=self._config,
        )
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
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            # What was given back has only been written so far.
            await self._client.flush()
        finally:
            await self._keeper.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> NatsEvent:
        return await self._batches.next()

    async def _fetch(self) -> list[NatsEvent]:
        if self._subscription is None:
            raise RuntimeError("enter the source first: `async with NatsEvents(...) as events`")
        try:
            messages = await self._subscription.fetch(self._batch, timeout=_PATIENCE)
        except TimeoutError:
            return []
        events = [NatsEvent(message, self) for message in messages]
        self._open.update(events)
        return events

    async def _keep(self) -> None:
        for event in tuple(self._open):
            await event.message.in_progress()

    def forget(self, event: NatsEvent) -> None:
        """The server is told no more that work on it goes on."""
        self._open.discard(event)

    async def bury(self, event: NatsEvent, reason: str) -> None:
        """Publish a message to the dead letters, then let go of it."""
        self.forget(event)
        message = event.message
        place = message.metadata
        await self._jetstream.publish(
            self._dead,
            message.data,
            headers={
                **(message.headers or {}),
                "Reason": reason,
                # Buried twice, because the server never heard of the first time, it is kept once.
                "Nats-Msg-Id": f"dead-{place.stream}-{place.sequence.stream}",
            },
        )
        await message.term()
