"""Fake events, a handler that records its calls, and a client whose answers go by the event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from attrs import define, field

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    Outcome,
    RateLimit,
    RetryPolicy,
)
from capillary_interactions._protocol.messages import Response
from capillary_interactions.integrations.consume import ConsumerReport, consume
from capillary_interactions.testing import FakeTransport, after, interactions
from capillary_interactions.testing._fake_transport import Answer, Asked


@define(eq=False, slots=False)
class Message:
    """A message that remembers how it was settled.

    Attributes:
        name: The customer, and what it is called.
        settlements: How it was settled with its broker.
        order: What it is ordered by.
        refuses: What the broker raises instead.
    """

    name: str
    settlements: list[Any] = field(factory=list)
    order: str = ""
    refuses: Exception | None = None

    async def _settle(self, settlement: Any) -> None:
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        self.settlements.append(settlement)

    async def ack(self) -> None:
        """Done."""
        await self._settle("ack")

    async def nack(self, delay: float) -> None:
        """Again."""
        await self._settle(("nack", delay))

    async def reject(self, reason: str) -> None:
        """Never again."""
        await self._settle(("reject", reason))


def messages(*names: str) -> list[Message]:
    """One for each name."""
    return [Message(name) for name in names]


async def finite(events: Iterable[Message]) -> AsyncIterator[Message]:
    """A source that ends."""
    for message in events:
        yield message


async def endless(events: Iterable[Message]) -> AsyncIterator[Message]:
    """A source that waits for more."""
    for message in events:
        yield message
    await asyncio.Event().wait()


def key(message: Message) -> Identifier:
    """The customer of a message.

    Raises:
        KeyError: It names no customer.
    """
    if message.name == "anonymous":
        raise KeyError(message.name)
    return Identifier.external_id(message.name)


_NOT_FOUND: Final = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}
_ANSWERS: Final[Mapping[str, Answer]] = {
    "slow": after(1.0, interactions()),
    "down": 500,
    "busy": Response(status=503, headers={"Retry-After": "7"}),
    "now": Response(status=503, headers={"Retry-After": "0"}),
    "wrong": 400,
    "odd": b'{"interaction": 5}',
    "unknown": _NOT_FOUND,
    "denied": 401,
}


def answers_by_prefix(**changed: Answer) -> FakeTransport:
    """Answers that go by the prefix of the identifier; all others are found, after 10 ms."""
    answers = {**_ANSWERS, **changed}

    def answer(asked: Asked) -> Answer:
        prefix = asked.params["external_id"].partition("-")[0]
        return answers.get(prefix, after(0.01, interactions()))

    return FakeTransport(default=answer)


def client_of(transport: FakeTransport, **settings: Any) -> InteractionsClient:
    """A client that tries once, with no quota to speak of."""
    config = ClientConfig(
        "https://example.com",
        BasicAuth("till", "secret"),
        rate=settings.pop("rate", RateLimit(100_000, 1.0)),
        retry=RetryPolicy(attempts=1),
        **settings,
    )
    return InteractionsClient(config, transport=transport)


def asked(transport: FakeTransport) -> list[str]:
    """The identifiers that were asked for, in order."""
    return [request.params["external_id"] for request in transport.requests]


@define
class Handler:
    """A handler that records its calls, and the most at once.

    Attributes:
        seconds: How long it takes.
        started: The customers it was called for, in order.
        ended: Those for which it returned, in order.
        max_at_once: The most calls at once.
        fails: Those for which it raises, and how often it still will.
    """

    seconds: float = 0.0
    started: list[str] = field(factory=list)
    ended: list[str] = field(factory=list)
    max_at_once: int = 0
    fails: dict[str, int] = field(factory=dict)
    _now: int = field(default=0, init=False)

    async def __call__(self, outcome: Outcome) -> None:
        """Take its time.

        Raises:
            RuntimeError: It is to fail.
        """
        message = outcome.item
        assert message.settlements == []
        self.started.append(message.name)
        self._now += 1
        self.max_at_once = max(self.max_at_once, self._now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self._now -= 1
        if self.fails.get(message.name, 0):
            self.fails[message.name] -= 1
            raise RuntimeError(f"no room for {message.name}")
        self.ended.append(message.name)


async def consumed(
    events: Iterable[Message],
    handle: Callable[[Outcome], Awaitable[None]] | None = None,
    *,
    transport: FakeTransport | None = None,
    **options: Any,
) -> ConsumerReport:
    """Consume a source that ends."""
    async with client_of(transport or answers_by_prefix()) as client:
        return await consume(client, finite(events), key=key, handle=handle or Handler(), **options)
