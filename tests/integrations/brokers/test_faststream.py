"""What must not spin in FastStream: events that no handler can take, and refused credentials."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aio_pika
import nats
import pytest
from attrs import define
from faststream import FastStream
from faststream.exceptions import NackMessage
from faststream.nats import NatsBroker
from faststream.rabbit import RabbitBroker

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    Query,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions.integrations.faststream import InteractionsMiddleware, answered
from capillary_interactions.testing import (
    Answer,
    FakeTransport,
    Response,
    interactions,
    run_without_waiting,
)
from tests.docs import readme
from tests.integrations.brokers.conftest import Address

_CUSTOMER = Identifier.mobile("919738522695")
_GOOD = b'{"mobile": "919738522695"}'
_UNKNOWN = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


@define
class _Bus:
    """A broker with the recipe's subscriber, and its queue seen from outside.

    Attributes:
        broker: FastStream's.
        subscribe: The name of the recipe's function.
        publish: Puts a JSON event into the queue.
        left: How many are not done.
    """

    broker: Any
    subscribe: str
    publish: Callable[[bytes], Awaitable[Any]]
    left: Callable[[], Awaitable[int]]


@asynccontextmanager
async def _nats(address: str) -> AsyncIterator[_Bus]:
    client = await nats.connect(f"nats://{address}")
    stream = client.jetstream()
    name = (await stream.add_stream(name="customers", subjects=["customers"])).config.name

    async def publish(event: bytes) -> None:
        await stream.publish("customers", event, headers={"content-type": "application/json"})

    async def left() -> int:
        info = await stream.consumer_info("customers", "interactions")
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    yield _Bus(NatsBroker(f"nats://{address}", logger=None), "on_nats", publish, left)
    await stream.delete_stream(str(name))
    await client.close()


@asynccontextmanager
async def _rabbit(address: str) -> AsyncIterator[_Bus]:
    url = f"amqp://guest:guest@{address}"
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.queue_delete("customers")

        async def publish(event: bytes) -> None:
            message = aio_pika.Message(event, content_type="application/json")
            await channel.default_exchange.publish(message, "customers", mandatory=True)

        async def left() -> int:
            queue = await channel.declare_queue("customers", passive=True)
            return queue.declaration_result.message_count or 0

        yield _Bus(RabbitBroker(url, logger=None), "on_rabbit", publish, left)
        await channel.queue_delete("customers")


@pytest.fixture(params=["nats", "rabbitmq"])
async def bus(request: pytest.FixtureRequest, address: Address) -> AsyncIterator[_Bus]:
    """Each broker in turn."""
    make = {"nats": _nats, "rabbitmq": _rabbit}[request.param]
    async with make(address(request.param)) as made:
        yield made


def run(name: str, **instead: Any) -> dict[str, Any]:
    """What a block of the README defines, with some names replaced."""
    defined = readme.run(name)
    assert defined.keys() >= instead.keys()
    defined.update(instead)
    return defined


def _client(*script: Answer) -> InteractionsClient:
    config = ClientConfig(
        "https://example.com", BasicAuth("till", "secret"), retry=RetryPolicy(attempts=1)
    )
    return InteractionsClient(config, transport=FakeTransport(script))


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not true():
            await asyncio.sleep(0.01)


async def _all_done(bus: _Bus) -> bool:
    for _ in range(200):
        if not await bus.left():
            return True
        await asyncio.sleep(0.02)
    return False


class _Counted(InteractionsMiddleware):
    """Remembers what came, and holds nothing for long."""

    hold = 0.01
    came: ClassVar[list[Any]] = []

    async def on_receive(self) -> None:
        """One more."""
        self.came.append(self.msg)


@pytest.fixture
def came() -> list[Any]:
    """What has come so far."""
    _Counted.came = []
    return _Counted.came


@asynccontextmanager
async def _started(bus: _Bus, *script: Answer) -> AsyncIterator[list[Any]]:
    """The recipe at work, and what it has stored so far."""
    run("faststream", InteractionsMiddleware=_Counted)[bus.subscribe](bus.broker)
    stored: list[Any] = []

    async def store(outcome: Any) -> None:
        stored.append(outcome)

    async with _client(*script) as client:
        bus.broker.context.set_global("client", client)
        bus.broker.context.set_global("store", store)
        await bus.broker.start()
        yield stored
        await bus.broker.stop()


@pytest.mark.parametrize(
    "bad", [b'{"mobile": ', b"[1]", b'{"mobile": null}', b'{"mobile": "a\\n"}', b"{}"]
)
async def test_rejects_an_event_that_no_handler_can_take(
    bus: _Bus, came: list[Any], bad: bytes
) -> None:
    """One that is no JSON, has another shape or names no customer comes once; the next is read."""
    async with _started(bus) as stored:
        await bus.publish(bad)
        await bus.publish(_GOOD)
        await _until(lambda: len(stored) == 1)
        assert await _all_done(bus)
    assert len(came) == 2


async def test_stops_when_the_credentials_are_refused(bus: _Bus, came: list[Any]) -> None:
    """The application ends by itself, after few attempts, and the events are still there."""
    run("faststream", InteractionsMiddleware=_Counted)[bus.subscribe](bus.broker)
    async with _client(*[401] * 50) as client:
        bus.broker.context.set_global("client", client)
        bus.broker.context.set_global("store", None)
        app = FastStream(bus.broker, logger=None)

        @app.after_startup
        async def fill() -> None:
            for _ in range(3):
                await bus.publish(_GOOD)

        async with asyncio.timeout(10.0):
            await app.run(sleep_time=0.01)
    assert await bus.left() >= 3  # NATS counts one twice that is on its way back
    assert len(came) <= 20


async def test_stops_though_there_is_no_application(bus: _Bus, came: list[Any]) -> None:
    """The subscriber alone, then."""
    async with _started(bus, *[401] * 50):
        await bus.publish(_GOOD)
        await _until(lambda: bool(came) and not bus.broker.subscribers[0].running)
        seen = len(came)
        await asyncio.sleep(0.1)
        assert len(came) == seen <= 20


async def test_has_an_event_again_that_the_application_is_to_blame_for(
    bus: _Bus, came: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something is missing from its context, events wait for it, and not in a hurry."""
    monkeypatch.setattr(_Counted, "hold", 0.2)
    async with _started(bus) as stored:
        client = bus.broker.context.get("client")
        bus.broker.context.reset_global("client")
        await bus.publish(_GOOD)
        await _until(lambda: bool(came))
        await asyncio.sleep(0.1)
        assert len(came) == 1
        bus.broker.context.set_global("client", client)
        await _until(lambda: len(stored) == 1)


_LATE = Response(status=503, headers={"Retry-After": "0"})


@pytest.mark.parametrize(
    ("script", "handled"),
    [([interactions()], 1), ([_UNKNOWN], 1), ([400], 1), ([_LATE, interactions()], 2)],
)
async def test_ends_what_unwrap_raises(bus: _Bus, script: list[Answer], handled: int) -> None:
    """As the table has it: only what had no answer comes again."""
    calls: list[str] = []

    async def on_customer(event: dict[str, str]) -> None:
        calls.append(event["mobile"])
        (await client.lookup(Identifier.mobile(event["mobile"]))).unwrap()

    run("faststream", on_customer=on_customer)[bus.subscribe](bus.broker)
    async with _client(*script) as client:
        await bus.broker.start()
        await bus.publish(_GOOD)
        await _until(lambda: len(calls) == handled)
        assert await _all_done(bus)
        await bus.broker.stop()
    assert len(calls) == handled


async def test_gives_nats_time_for_all_that_may_take_it(address: Address) -> None:
    """An event that waits for a worker, is looked up and held is not taken for lost meanwhile."""
    async with _nats(address("nats")) as bus, _started(bus):
        client = await nats.connect(f"nats://{address('nats')}")
        info = await client.jetstream().consumer_info("customers", "interactions")
        await client.close()
    assert (info.config.ack_wait or 0.0) >= 2 * (10.0 + InteractionsMiddleware.hold)


@pytest.mark.parametrize(
    ("asked", "held"), [(None, 10.0), (0.0, 1.0), (-5.0, 1.0), (0.001, 1.0), (4.0, 4.0), (99, 10)]
)
def test_holds_a_message_though_the_server_says_at_once(asked: float | None, held: float) -> None:
    """A message is not given back at once, to come again at once, over and over."""
    outcome = Unavailable(query=Query(_CUSTOMER), item=None, reason="busy", retry_after=asked)

    async def main() -> float:
        with pytest.raises(NackMessage):
            await answered(outcome)
        return asyncio.get_running_loop().time()

    assert run_without_waiting(main()) == pytest.approx(held)
