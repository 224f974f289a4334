"""Scenes of a consumer that is disturbed: stopped, cancelled once and again, its client closed.

Each is made from its seed alone, on a clock that jumps. A broker in memory delivers again what it
is given back, and refuses some settlements, or keeps the consumer waiting for them.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from attrs import define, field

from benchmarks._scenes import expect
from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    Outcome,
    RateLimit,
    RetryPolicy,
)
from capillary_interactions._protocol.messages import Response
from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.testing import FakeTransport, after, interactions
from capillary_interactions.testing._fake_transport import Answer, Asked

_NOT_FOUND: Final = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}
_PAGE: Final = Response(status=403, headers={"Content-Type": "text/html"}, body=b"<html>no</html>")
_ANSWERS: Final[Mapping[str, Answer]] = {
    "found": after(0.05, interactions()),
    "quick": interactions(),
    "slow": after(7.0, interactions()),
    "hanging": after(1e6, interactions()),
    "down": 500,
    "busy": Response(status=503, headers={"Retry-After": "1764345600"}),
    "wrong": 400,
    "odd": {"hello": 1},
    "unknown": _NOT_FOUND,
    "page": _PAGE,
    "denied": 401,
}
_USUAL: Final = ("found", "quick", "quick", "slow", "unknown")
_RARE: Final = ("hanging", "down", "busy", "wrong", "odd", "page", "nameless", "denied")
# Those that may be held beyond `in_flight`: see `Consumer`.
_MAX_LENT: Final = 4
# Enough of those that come again at once.
_MAX_DELIVERED: Final = 200


@define(eq=False)
class Delivered:
    """One delivery of an event, and how it was settled."""

    broker: "Broker"
    number: int
    name: str
    settlements: list[str] = field(factory=list)
    began: int = 0
    ended: int = 0

    async def _settle(self, method: str) -> None:
        self.settlements.append(method)
        rng = self.broker.rng
        await asyncio.sleep(rng.choice((0.0, 0.0, 0.01, 1.0)) if self.broker.is_slow else 0.0)
        trouble = rng.random()
        if trouble < self.broker.refuses:
            raise ConnectionError("the broker is gone")
        if trouble < 1.5 * self.broker.refuses and self.broker.is_slow:
            await asyncio.sleep(50.0)

    async def ack(self) -> None:
        """Done."""
        await self._settle("ack")

    async def nack(self, delay: float) -> None:
        """Again."""
        self.broker.note(0 <= delay <= 3600.0, f"a delay within an hour, not {delay}")
        await self._settle("nack")
        self.broker.deliver_again(self, delay)

    async def reject(self, reason: str) -> None:
        """Never again."""
        self.broker.note(reason, "a dead letter says why")
        await self._settle("reject")


@define
class Broker:
    """Delivers events, some of them again, until there are none."""

    rng: random.Random
    names: deque[tuple[int, str]]
    refuses: float
    fails_after: int | None
    delivered: list[Delivered] = field(factory=list)
    closed: bool = False
    is_slow: bool = True
    broken: list[str] = field(factory=list)

    def note(self, kept: object, promise: str) -> None:
        """Note a promise that was not kept, where the consumer takes errors for the caller's."""
        if not kept:
            self.broken.append(promise)

    def deliver_again(self, event: Delivered, delay: float) -> None:
        """As another delivery, later."""
        if len(self.delivered) < _MAX_DELIVERED:
            entry = event.number, event.name
            asyncio.get_running_loop().call_later(delay, self.names.append, entry)

    async def read(self) -> AsyncIterator[Delivered]:
        """The source."""
        try:
            while True:
                await asyncio.sleep(self.rng.choice((0.0, 0.001, 0.3)) if self.names else 0.3)
                if len(self.delivered) == self.fails_after:
                    raise ConnectionError("the source is gone")
                if self.names:
                    event = Delivered(self, *self.names.popleft())
                    self.delivered.append(event)
                    yield event
                elif self.fails_after is None and self.rng.random() < 0.05:
                    return
        finally:
            self.closed = True


@define
class Scene:
    """A consumer with what happens to it; everything follows from its seed."""

    seed: int
    rng: random.Random = field(init=False)
    broker: Broker = field(init=False)
    in_flight: int = field(init=False)
    ordered: bool = field(init=False)
    timeout: float | None = field(init=False)
    failing: bool = field(init=False)
    handling: Counter[str] = field(factory=Counter)
    last: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Draw the events and the settings."""
        rng = self.rng = random.Random(self.seed)
        self.in_flight = rng.choice((1, 2, 5, 16))
        self.ordered = rng.random() < 0.4
        names = (*_USUAL * rng.choice((1, 4, 20)), *rng.sample(_RARE, rng.choice((0, 1, 2, 5))))
        self.timeout = rng.choice((None, 3.0))
        # A slow answer never comes within the timeout, and keeps those behind it waiting.
        self.failing = self.timeout is not None or not {*names} <= {*_USUAL}
        events = deque((number, rng.choice(names)) for number in range(rng.randint(1, 60)))
        fails_after = rng.choice((None, None, None, rng.randint(0, 40)))
        self.broker = Broker(rng, events, rng.choice((0.0, 0.0, 0.1, 0.5)), fails_after)

    def client(self) -> InteractionsClient:
        """A client with a small quota, or one that is never felt."""
        config = ClientConfig(
            "https://example.com",
            BasicAuth("till", "secret"),
            rate=self.rng.choice((RateLimit(100_000, 1.0), RateLimit(20, 1.0))),
            retry=RetryPolicy(attempts=self.rng.choice((1, 3))),
        )
        return InteractionsClient(config, transport=FakeTransport(default=_answer))

    def consumer(self, client: InteractionsClient) -> "Consumer[Delivered]":
        """The consumer."""
        return Consumer(
            client,
            self.broker.read(),
            key=_key,
            handle=self.handle,
            in_flight=self.in_flight,
            ordered_by=_order if self.ordered else None,
            redelivery_delay=self.rng.choice((0.1, 1.0, 30.0)),
            timeout=self.timeout,
            drain=self.rng.choice((0.0, 0.5, 20.0)),
            distrust_after=self.rng.choice((None, 3, 10)),
        )

    async def handle(self, outcome: Outcome) -> None:
        """Take some time, and fail now and then.

        Raises:
            LookupError: Now and then.
            CancelledError: Likewise, without having been cancelled.
        """
        event = outcome.item
        note = self.broker.note
        note(isinstance(outcome, Found | NotFound), "only answers are handled")
        note(not event.settlements, "handled before it is settled")
        self._enter(event)
        try:
            await asyncio.sleep(self.rng.choice((0.0, 0.0, 0.2, 3.0)))
            rng = self.rng.random()
            if rng < 0.05:
                raise LookupError("the handler's own")
            if rng < 0.07:
                raise asyncio.CancelledError
        finally:
            self.handling[_order(event)] -= 1
        event.ended += 1

    def _enter(self, event: Delivered) -> None:
        order = _order(event)
        self.handling[order] += 1
        event.began += 1
        if self.ordered:
            self.broker.note(self.handling[order] == 1, "one of an order is handled at a time")
            index = self.broker.delivered.index(event)
            self.broker.note(index >= self.last.get(order, 0), "in the order of their delivery")
            self.last[order] = index


def _answer(asked: Asked) -> Answer:
    return _ANSWERS[asked.params["external_id"].partition("-")[0]]


def _key(event: Delivered) -> Identifier:
    if event.name == "nameless":
        raise KeyError(event.name)
    return Identifier.external_id(f"{event.name}-{event.number}")


def _order(event: Delivered) -> str:
    return str(event.number % 3)


async def play(seed: int) -> str:
    """Play one scene; the disturbance there was.

    Raises:
        SceneError: A promise was not kept.
    """
    scene = Scene(seed)
    tasks = asyncio.all_tasks()
    kind = scene.rng.choice(tuple(_KINDS))
    async with scene.client() as client:
        consumer = scene.consumer(client)
        watch = asyncio.create_task(_watch(scene, consumer))
        error = await _KINDS[kind](scene, client, consumer)
        watch.cancel()
        await asyncio.wait({watch})
        expect(watch.cancelled(), f"{kind}: no more are held than may be: {watch}")
        _check(scene, consumer, kind)
        expect(asyncio.all_tasks() <= tasks, f"{kind}: no task is left")
        snapshot = client.snapshot()
        expect(snapshot.in_flight == snapshot.waiting == 0, f"{kind}: no slot is taken: {snapshot}")
        if kind != "client closed":
            await _check_lookup(client, error)
    return f"{kind}{f' ({error})' if error else ''}"


def _check(scene: Scene, consumer: "Consumer[Delivered]", kind: str) -> None:
    """Each delivery is settled, and the report counts it."""
    expect(not scene.broker.broken, f"{kind}: {scene.broker.broken[:1]}")
    expect(consumer.held == 0, f"{kind}: nothing is held: {consumer.held}")
    expect(scene.broker.closed or not scene.broker.delivered, f"{kind}: the source is closed")
    for event in scene.broker.delivered:
        expect(
            event.settlements in (["ack"], ["nack"], ["reject"], ["reject", "nack"]),
            f"{kind}: each is settled exactly once, not {event.settlements}",
        )
        expect(
            (event.settlements == ["ack"]) == (event.ended == 1),
            f"{kind}: acknowledged if its handler has returned, and only then",
        )
    report = consumer.report()
    kept = (report.acknowledged, report.redelivered, report.rejected, report.returned)
    counted = sum(kept) + report.unsettled
    expect(counted == len(scene.broker.delivered), f"{kind}: all are in the report: {report}")


async def _check_lookup(client: InteractionsClient, error: str) -> None:
    if error != AuthenticationError.__name__:
        async with asyncio.timeout(600.0):
            outcome = await client.lookup(Identifier.external_id("quick-later"))
        expect(isinstance(outcome, Found), f"later lookups work: {outcome}")


async def _watch(scene: Scene, consumer: "Consumer[Delivered]") -> None:
    while True:
        expect(consumer.held <= scene.in_flight + _MAX_LENT, f"{consumer.held} are held")
        await asyncio.sleep(0.2)


async def _end(task: "asyncio.Task[Any]") -> str:
    """Wait for the consumer; the name of its error, if it may have that one."""
    _, pending = await asyncio.wait({task}, timeout=1e5)
    expect(not pending, "a consumer ends")
    if task.cancelled() or (error := task.exception()) is None:
        return ""
    allowed = (AuthenticationError, ConfigurationError, ConnectionError, RuntimeError)
    expect(isinstance(error, allowed), f"{type(error).__name__}: {error}")
    return type(error).__name__


async def _moment(rng: random.Random) -> None:
    if rng.random() < 0.4:
        for _ in range(rng.randint(0, 60)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(rng.choice((0.1, 1.0, 40.0)) * rng.random())


async def _cancelled(scene: Scene, _: InteractionsClient, consumer: "Consumer[Delivered]") -> str:
    """Cancelled, and perhaps once more, and once more."""
    task = asyncio.create_task(consumer.run())
    await _moment(scene.rng)
    for _count in range(scene.rng.choice((1, 1, 2, 3))):
        task.cancel()
        await _moment(scene.rng)
    return await _end(task)


async def _scoped(scene: Scene, _: InteractionsClient, consumer: "Consumer[Delivered]") -> str:
    """Left by a scope of anyio, which cancels at every turn until it is left.

    The clock does not move meanwhile, so the broker takes no time.
    """
    scene.broker.is_slow = False

    async def within() -> None:
        with anyio.move_on_after(10.0 * scene.rng.random()):
            await consumer.run()

    return await _end(asyncio.create_task(within()))


async def _stopped(scene: Scene, _: InteractionsClient, consumer: "Consumer[Delivered]") -> str:
    """Asked to stop, perhaps twice, and perhaps cancelled then."""
    task = asyncio.create_task(consumer.run())
    for _count in range(scene.rng.choice((1, 2))):
        await _moment(scene.rng)
        consumer.stop()
    if scene.rng.random() < 0.3:
        await _moment(scene.rng)
        task.cancel()
    return await _end(task)


async def _client_closed(
    scene: Scene, client: InteractionsClient, consumer: "Consumer[Delivered]"
) -> str:
    """The client is closed under it, and the consumer stopped."""
    task = asyncio.create_task(consumer.run())
    await _moment(scene.rng)
    await client.aclose(scene.rng.choice((0.0, 0.5, 5.0)))
    await _moment(scene.rng)
    consumer.stop()
    return await _end(task)


async def _in_peace(scene: Scene, _: InteractionsClient, consumer: "Consumer[Delivered]") -> str:
    """Left alone for some minutes, then asked to stop: some events never end."""
    task = asyncio.create_task(consumer.run())
    await asyncio.wait({task}, timeout=300.0 if scene.failing else 3000.0)
    if scene.broker.fails_after is None and not scene.failing and not scene.broker.refuses:
        expect(not scene.broker.names or task.done(), "in peace: nothing is left unread")
    consumer.stop()
    return await _end(task)


_Disturb = Callable[[Scene, InteractionsClient, "Consumer[Delivered]"], Awaitable[str]]
_KINDS: Final[Mapping[str, _Disturb]] = {
    "cancelled": _cancelled,
    "scope": _scoped,
    "stopped": _stopped,
    "client closed": _client_closed,
    "in peace": _in_peace,
}
