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
    """A message that remembers what became of it.

    Attributes:
        name: Whom it is about, and what it is called.
        fate: What its broker was told.
        lane: What it is ordered by.
        refuses: What the broker raises instead of taking the word.
    """

    name: str
    fate: list[Any] = field(factory=list)
    lane: str = ""
    refuses: Exception | None = None

    async def _told(self, word: Any) -> None:
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        self.fate.append(word)

    async def ack(self) -> None:
        """Done."""
        await self._told("ack")

    async def nack(self, delay: float) -> None:
        """Again."""
        await self._told(("nack", delay))

    async def reject(self, reason: str) -> None:
        """Never again."""
        await self._told(("reject", reason))


def messages(*names: str) -> list[Message]:
    """One for each name."""
    return [Message(name) for name in names]


async def delivered(given: Iterable[Message]) -> AsyncIterator[Message]:
    """A source that ends."""
    for message in given:
        yield message


async def endless(given: Iterable[Message]) -> AsyncIterator[Message]:
    """A source that waits for more."""
    for message in given:
        yield message
    await asyncio.Event().wait()


def key(message: Message) -> Identifier:
    """Whom a message is about.

    Raises:
        KeyError: It is about nobody.
    """
    if message.name == "nobody":
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


def scripted(**changed: Answer) -> FakeTransport:
    """Answers that go by the first word of the identifier; all others are found, after 10 ms."""
    answers = {**_ANSWERS, **changed}

    def answer(asked: Asked) -> Answer:
        word = asked.params["external_id"].partition("-")[0]
        return answers.get(word, after(0.01, interactions()))

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
    return [each.params["external_id"] for each in transport.requests]


@define
class Handler:
    """A handler that remembers whom it was called for, and the most at once.

    Attributes:
        seconds: How long it takes.
        began: Whom it was called for, in order.
        ended: For whom it returned, in order.
        most: The most calls at once.
        fails: For whom it raises, and how often it still will.
    """

    seconds: float = 0.0
    began: list[str] = field(factory=list)
    ended: list[str] = field(factory=list)
    most: int = 0
    fails: dict[str, int] = field(factory=dict)
    _now: int = field(default=0, init=False)

    async def __call__(self, outcome: Outcome) -> None:
        """Take its time.

        Raises:
            RuntimeError: It is to fail.
        """
        message = outcome.item
        assert message.fate == []
        self.began.append(message.name)
        self._now += 1
        self.most = max(self.most, self._now)
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
    async with client_of(transport or scripted()) as client:
        return await consume(
            client, delivered(events), key=key, handle=handle or Handler(), **options
        )
