"""Each adapter on its real broker: events are settled there."""

import asyncio
from collections import Counter
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any, Final

import pytest

from benchmarks._consumer_chain import interrupted
from benchmarks._consumer_process import IN_FLIGHT
from benchmarks.consumers import pressed
from benchmarks.servers.brokers import KINDS
from benchmarks.servers.queues import BATCH, QUEUES, Queue
from capillary_interactions import Identifier, InteractionsClient, Outcome, RetryPolicy
from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.sandbox import Sandbox
from tests.integrations.brokers.conftest import Address

_MIB = 1024 * 1024
_ONCE = RetryPolicy(attempts=1)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each broker in turn."""
    return str(request.param)


# With hundreds of messages Moto takes too long: `python -m benchmarks.consumers` shows these.
_MANY: Final = tuple(kind for kind in KINDS if kind != "sqs")


def _queue(kind: str, address: Address, name: str) -> Queue:
    return QUEUES[kind](address(kind), name)


async def _left(queue: Queue) -> int:
    """What is left once the broker has noted the settlements."""
    for _ in range(100):
        if not (left := await queue.left()):
            break
        await asyncio.sleep(0.02)
    return left


async def test_settles_events_at_the_broker(kind: str, address: Address) -> None:
    """Answers are acknowledged, failures come again, and what is hopeless is a dead letter."""
    queue = _queue(kind, address, "settled")
    events = ["1", "failing", "wrong", " ", "down", "2"]
    await queue.fill(events)
    handled = Counter[str]()
    everything = asyncio.Event()
    answers: dict[str, Any] = {"wrong": (400, {}, b"{}"), "down": (503, {"Retry-After": "1"}, b"")}

    answers_later: Any = {"wrong": answers["wrong"]}

    async with Sandbox(unknown=0, answers=answers) as sandbox:

        async def handle(outcome: Outcome) -> None:
            name = queue.text(outcome.item)
            handled[name] += 1
            if handled == {"1": 1, "2": 1, "failing": 2, "down": 1}:
                everything.set()
            if name == "failing" and handled[name] == 1:
                sandbox.answers = answers_later
                raise RuntimeError(name)

        async with (
            client_for(sandbox) as client,
            queue.read(4) as source,
        ):
            consumer = Consumer(
                client,
                source,
                key=lambda message: Identifier.external_id(queue.text(message)),
                handle=handle,
                in_flight=4,
                redelivery_delay=0.2,
            )
            running = asyncio.create_task(consumer.run())
            async with asyncio.timeout(20.0):
                await everything.wait()
            while consumer.held:
                await asyncio.sleep(0.01)
            consumer.stop()
            report = await running
    assert (report.acknowledged, report.rejected, report.failures) == (4, 2, 1)
    assert report.unsettled == 0
    reasons = dict(await queue.dead())
    assert reasons.keys() == {"wrong", " "}
    assert reasons["wrong"].startswith("rejected: ")
    assert reasons[" "] == "no query can be made of it"
    assert await _left(queue) == 0


def client_for(sandbox: Sandbox) -> InteractionsClient:
    """A client that tries once."""
    return InteractionsClient(sandbox.client_config(retry=_ONCE))


@pytest.mark.parametrize("kind", ["redis", "nats", "rabbitmq", "sqs"])
async def test_gives_back_what_it_has_not_handled(kind: str, address: Address) -> None:
    """Who reads next gets everything at once, that which had been fetched ahead included."""
    queue = _queue(kind, address, "back")
    events = [str(number) for number in range(20)]
    await queue.fill(events)
    async with queue.read(4) as source:
        first = [await anext(source) for _ in range(3)]
        await first[0].ack()
        for message in first[1:]:
            await message.nack(0.0)
    seen = {queue.text(first[0])}
    async with asyncio.timeout(10.0), queue.read(4) as source:
        while len(seen) < len(events):
            message = await anext(source)
            seen.add(queue.text(message))
            await message.ack()
    assert seen == set(events)
    assert await _left(queue) == 0


@pytest.mark.parametrize("kind", ["redis", "nats"])
async def test_keeps_what_is_worked_on(kind: str, address: Address) -> None:
    """An event that takes longer than its broker waits goes to no other reader meanwhile."""
    queue = _queue(kind, address, "kept")
    await queue.fill(["1"])
    async with queue.read(4) as one, queue.read(4) as other:
        message = await anext(one)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.4):
                await anext(other)
        await message.ack()
    assert await _left(queue) == 0


@pytest.mark.parametrize("kind", ["redis", "nats", "rabbitmq", "sqs"])
async def test_delivers_again_after_the_delay(kind: str, address: Address) -> None:
    """Not at once, and not only when a reader that has died would lose it."""
    queue = _queue(kind, address, "later")
    await queue.fill(["1"])
    loop = asyncio.get_running_loop()
    async with queue.read(4) as source:
        message = await anext(source)
        given_back = loop.time()
        await message.nack(0.5)
        async with asyncio.timeout(10.0):
            await (await anext(source)).ack()
        assert loop.time() - given_back >= 0.45
    assert await _left(queue) == 0


@pytest.mark.parametrize("kind", _MANY)
def test_loses_no_event_though_it_is_stopped_and_killed(
    kind: str, address: Address, tmp_path: Path
) -> None:
    """SIGTERM, then SIGKILL at random: all are handled, those before SIGTERM exactly once.

    None is left at the broker, so none was acknowledged unhandled.
    """
    seen = interrupted(kind, address(kind), tmp_path, (SIGTERM, SIGKILL), events=150)
    assert len(seen.handled) == 150
    assert seen.repeated == 0
    # What was in progress at SIGKILL.
    assert seen.handled.total() - 150 <= IN_FLIGHT + BATCH


@pytest.mark.measures
@pytest.mark.parametrize("kind", _MANY)
async def test_takes_no_more_than_it_may_hold(kind: str, address: Address) -> None:
    """With 300 events and a quota of 20 a second, the broker feels the quota."""
    pressure = await pressed(kind, address(kind), events=300, seconds=1.0)
    assert 5 <= pressure.handled <= 20 * 3 + 16
    assert 16 <= pressure.held <= pressure.bound
    assert pressure.late <= 1
    assert pressure.grown < 4 * _MIB
