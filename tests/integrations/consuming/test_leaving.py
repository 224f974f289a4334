"""However a consumer ends, every message is either handled and acknowledged, or given back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from capillary_interactions import AuthenticationError, Outcome
from capillary_interactions.integrations.consume import Consumer, ConsumerReport, consume
from tests.integrations.consuming.fake_events import (
    Handler,
    Message,
    answers_by_prefix,
    client_of,
    consumed,
    endless,
    finite,
    key,
    messages,
)

_BACK = [("nack", 0.0)]


async def test_drains_when_stopped() -> None:
    """What has been read is handled and acknowledged; nothing more is read."""
    events = messages(*(f"slow-{number}" for number in range(20)))
    handler = Handler(seconds=1.0)
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(events), key=key, handle=handler, in_flight=8)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.5)
        assert consumer.held == 8
        consumer.stop()
        report = await running
    assert [message.settlements for message in events] == [["ack"]] * 8 + [[]] * 12
    assert report == ConsumerReport(acknowledged=8) == consumer.report()
    assert consumer.held == 0


async def test_gives_back_what_does_not_end_in_time() -> None:
    """After `drain` seconds lookups and handlers are called off, and what they had goes back."""
    events, handler = messages("a", "slow-b"), Handler(seconds=100.0)
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(events), key=key, handle=handler, drain=0.9)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.05)
        consumer.stop()
        assert await running == ConsumerReport(returned=2)
    assert [message.settlements for message in events] == [_BACK] * 2
    assert handler.started == ["a"]


async def test_gives_back_at_once_what_is_not_handled_when_cancelled() -> None:
    """Handlers that run may return, and their messages are acknowledged; lookups are called off."""
    events, handler = messages("a", "slow-b"), Handler(seconds=2.0)
    async with client_of(answers_by_prefix()) as client:
        running = asyncio.create_task(consume(client, endless(events), key=key, handle=handler))
        await asyncio.sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [message.settlements for message in events] == [["ack"], _BACK]


async def test_does_not_wait_for_handlers_when_cancelled_twice() -> None:
    """Their messages go back too."""
    events, handler = messages("a", "slow-b"), Handler(seconds=1000.0)
    async with client_of(answers_by_prefix()) as client:
        running = asyncio.create_task(consume(client, endless(events), key=key, handle=handler))
        await asyncio.sleep(0.5)
        running.cancel()
        await asyncio.sleep(1.0)
        assert events[1].settlements == _BACK
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [message.settlements for message in events] == [_BACK, _BACK]
    assert len(asyncio.all_tasks()) == 1
    assert asyncio.get_running_loop().time() < 2.0


async def test_ends_with_refused_credentials() -> None:
    """Everything unfinished is given back, and the error comes out bare."""
    events, handler = messages("slow-a", "denied", "slow-b"), Handler()
    async with client_of(answers_by_prefix()) as client:
        with pytest.raises(AuthenticationError):
            await consume(client, endless(events), key=key, handle=handler)
    assert [message.settlements for message in events] == [_BACK] * 3
    assert handler.started == []
    assert len(asyncio.all_tasks()) == 1


async def test_ends_with_an_error_of_the_source() -> None:
    """After what was read before it has been handled."""
    events, handler = messages("slow-a", "b"), Handler()

    async def source() -> AsyncIterator[Message]:
        for message in events:
            yield message
        raise ConnectionError("gone")

    async with client_of(answers_by_prefix()) as client:
        with pytest.raises(ConnectionError, match="gone"):
            await consume(client, source(), key=key, handle=handler)
    assert [message.settlements for message in events] == [["ack"]] * 2


async def test_does_not_take_a_cancelled_source_for_one_that_ends() -> None:
    """It was not asked to stop, so it must not end in silence."""

    async def source() -> AsyncIterator[Message]:
        yield Message("a")
        raise asyncio.CancelledError

    async with client_of(answers_by_prefix()) as client:
        with pytest.raises(RuntimeError, match="source was cancelled"):
            await consume(client, source(), key=key, handle=Handler())


async def test_acknowledges_what_was_handled_as_it_was_called_off() -> None:
    """Once the handler has returned, nothing comes between it and the acknowledgement."""
    message = Message("a")
    acknowledge, called = message.ack, asyncio.Event()

    async def slow_ack() -> None:
        called.set()
        await asyncio.sleep(5.0)
        await acknowledge()

    message.ack = slow_ack  # type: ignore[method-assign]
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless([message]), key=key, handle=Handler(), drain=0.0)
        running = asyncio.create_task(consumer.run())
        await asyncio.wait_for(called.wait(), 60.0)
        consumer.stop()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert message.settlements == ["ack"]


@pytest.mark.parametrize("turns", range(30))
async def test_loses_nothing_whenever_it_is_stopped(turns: int) -> None:
    """At whichever turn of the loop: each message is acknowledged, given back or never read."""
    events, handler, read = messages(*(f"n-{n}" for n in range(30))), Handler(), list[Message]()

    async def source() -> AsyncIterator[Message]:
        for message in events:
            await asyncio.sleep(0)
            read.append(message)
            yield message

    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, source(), key=key, handle=handler, in_flight=5, drain=0.0)
        running = asyncio.create_task(consumer.run())
        for _ in range(3 * turns):
            await asyncio.sleep(0)
        consumer.stop()
        await running
    for message in events:
        if message not in read:
            assert message.settlements == []
        elif message.name in handler.ended:
            assert message.settlements == ["ack"]
        else:
            assert message.settlements == _BACK


@pytest.mark.parametrize("turns", range(40))
async def test_loses_nothing_whenever_it_is_cancelled(turns: int) -> None:
    """At whichever turn of the loop, and at once: no lookup is started or waited for any more."""
    read = list[Message]()

    async def source() -> AsyncIterator[Message]:
        for number in range(30):
            await asyncio.sleep(0)
            read.append(Message(f"slow-{number}"))
            yield read[-1]

    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, source(), key=key, handle=Handler(), in_flight=20)
        running = asyncio.create_task(consumer.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert all(message.settlements == _BACK for message in read)
    assert asyncio.get_running_loop().time() < 0.5


async def test_does_nothing_when_stopped_before_it_began() -> None:
    """A signal may come early."""
    message = Message("a")
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, finite([message]), key=key, handle=Handler())
        consumer.stop()
        assert await consumer.run() == ConsumerReport()
    assert message.settlements == []


async def test_runs_once() -> None:
    """What it has counted and stopped belongs to one run."""
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, finite(messages("a")), key=key, handle=Handler())
        await consumer.run()
        with pytest.raises(RuntimeError, match="once"):
            await consumer.run()


async def test_stops_on_a_signal() -> None:
    """SIGTERM drains; afterwards the signal has its old handler."""
    message = Message("a")

    async def handle(_: Outcome) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)

    async with client_of(answers_by_prefix()) as client:
        report: Any = await consume(
            client, endless([message]), key=key, handle=handle, stop_on=[signal.SIGTERM]
        )
    assert report.acknowledged == 1
    assert message.settlements == ["ack"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


async def test_leaves_a_signal_to_its_handler() -> None:
    """Such as `asyncio.run`, whose Ctrl-C cancels what it runs."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    mine = signal.getsignal(signal.SIGUSR1)
    try:
        await consumed([], stop_on=[signal.SIGUSR1])
        assert signal.getsignal(signal.SIGUSR1) is mine
    finally:
        signal.signal(signal.SIGUSR1, before)
