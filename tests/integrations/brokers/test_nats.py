"""What NATS does that the others do not: a consumer that others have made, changed or ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.errors import NotJSMessageError
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import NotFoundError

from benchmarks.servers.brokers import NEW_NATS
from capillary_interactions import ConfigurationError
from capillary_interactions.integrations import nats as adapter
from capillary_interactions.integrations.nats import REASON, NatsEvents
from tests.integrations.brokers.conftest import Address


@pytest.fixture(params=["nats", NEW_NATS])
async def client(
    address: Address, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """A connection, to Debian's server or to a newer one, and sources that close soon."""
    monkeypatch.setattr(adapter, "_POLL_TIMEOUT", 0.02)
    opened = await nats.connect(f"nats://{address(request.param)}")
    yield opened
    await opened.close()


def _events(client: Client, name: str, **settings: Any) -> NatsEvents:
    return NatsEvents(client, name, durable="d", dead=f"{name}.dead", **settings)


async def _stream(client: Client, name: str, *events: bytes) -> None:
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name=name, subjects=[name, f"{name}.dead"]))
    for event in events:
        await stream.publish(name, event)


async def test_keeps_to_the_consumer_as_it_is(client: Client) -> None:
    """One that waits for less than is asked for now: no other reader gets what is worked on."""
    await asyncio.gather(
        _kept(client, "older-1", ack_wait=0.5),
        _kept(client, "older-2", ack_wait=30.0, backoff=[0.5, 1.0], max_deliver=3),
    )


async def _kept(client: Client, name: str, **settings: Any) -> None:
    await _stream(client, name, b"1")
    older = ConsumerConfig(durable_name="d", ack_policy=AckPolicy.EXPLICIT, **settings)
    await client.jetstream().add_consumer(name, older)
    async with _events(client, name) as one, _events(client, name) as other:
        event = await anext(one)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8):
                await anext(other)
        await event.ack()


async def test_refuses_a_consumer_that_acknowledges_by_itself(client: Client) -> None:
    """Its events would be done before anybody has looked them up."""
    await _stream(client, "none")
    careless = ConsumerConfig(durable_name="d", ack_policy=AckPolicy.ALL)
    await client.jetstream().add_consumer("none", careless)
    with pytest.raises(ConfigurationError, match="ack_policy"):
        await _events(client, "none").__aenter__()


async def _without_consumer(client: Client) -> None:
    await client.jetstream().delete_consumer("ended", "d")


async def _without_stream(client: Client) -> None:
    await client.jetstream().delete_stream("ended")


@pytest.mark.parametrize("ending", [_without_consumer, _without_stream])
async def test_says_that_there_is_nothing_to_pull_from(
    client: Client, ending: Callable[[Client], Awaitable[None]]
) -> None:
    """Instead of pulling for ever."""
    await _stream(client, "ended")
    async with asyncio.timeout(10.0), _events(client, "ended") as events:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.15)
        assert not waiting.done()
        await ending(client)
        with pytest.raises(NotFoundError):
            await waiting
    if ending is _without_consumer:
        await _without_stream(client)


async def test_moves_to_dead_letters_what_was_published_for_one_stream(client: Client) -> None:
    """What NATS was to check then is of no use for dead letters; the event's own headers stay."""
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="sure", subjects=["sure"]))
    await stream.add_stream(StreamConfig(name="sure-dead", subjects=["sure.dead"]))
    await stream.publish("sure", b"1", stream="sure", headers={"Reason": "its own"})
    async with _events(client, "sure") as events:
        await (await anext(events)).reject("no use")
    dead = await stream.get_msg("sure-dead", 1)
    headers = dead.headers or {}
    assert (headers["Reason"], headers[REASON]) == ("its own", "no use")
    assert {name for name in headers if name.startswith("Nats-")} == {"Nats-Msg-Id"}
    assert (await stream.consumer_info("sure", "d")).num_ack_pending == 0


async def test_sends_the_other_heartbeats_though_one_fails(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by itself; what has ended since gets no heartbeat."""
    await _stream(client, "several", b"1", b"2", b"3")
    sent: list[bytes] = []
    async with _events(client, "several") as events:
        events_read = [await anext(events) for _ in range(3)]

        async def in_progress(message: Any) -> None:
            sent.append(message.data)
            if len(sent) == 1:
                last = next(event for event in events_read if event.data not in sent)
                events.forget(last)
                raise NotJSMessageError

        monkeypatch.setattr("nats.aio.msg.Msg.in_progress", in_progress)
        with pytest.raises(NotJSMessageError):
            await events._send_heartbeats()
        assert len(sent) == 2
        for event in events_read:
            await event.ack()


async def test_does_not_deliver_at_once_what_is_to_wait_for_ages(client: Client) -> None:
    """A delay that the server cannot count is not taken for none."""
    await asyncio.gather(*(_waits(client, delay) for delay in (1e9, 1.8e9, 9.3e9, 1e12, 1.7e300)))


async def _waits(client: Client, delay: float) -> None:
    name = f"ages-{int(min(delay, 1e13))}"
    await _stream(client, name, b"1")
    async with _events(client, name) as events:
        await (await anext(events)).nack(delay)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.1)
