"""Faults that are no event's: of a handler, of the settlement, of the order, of the source."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Hashable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from capillary_interactions import Outcome
from capillary_interactions.integrations.consume import Consumer, ConsumerReport, consume
from tests.integrations.consuming.fake_events import (
    Handler,
    Message,
    answers_by_prefix,
    client_of,
    consumed,
    endless,
    key,
    messages,
)


async def _wait_for_what_was_cancelled() -> None:
    never = asyncio.get_running_loop().create_future()
    never.cancel()
    await never


async def test_takes_a_cancellation_within_the_handler_for_its_failure() -> None:
    """The handler was not cancelled, so its message comes again, and not at once."""
    message, causes = Message("a"), list[BaseException | None]()

    async def handle(_: Outcome) -> None:
        await _wait_for_what_was_cancelled()

    report = await consumed(
        [message],
        handle,
        redelivery_delay=3.0,
        on_error=lambda _, error: causes.append(error.__cause__),
    )
    assert message.settlements == [("nack", 3.0)]
    assert report == ConsumerReport(redelivered=1, failures=1)
    assert [type(cause) for cause in causes] == [asyncio.CancelledError]


async def test_keeps_the_order_though_something_in_the_handler_is_cancelled() -> None:
    """The next one is not handled before it."""
    order = list[str]()
    cancelled = iter([True])

    async def handle(outcome: Outcome) -> None:
        if outcome.item.name == "a" and next(cancelled, False):
            await _wait_for_what_was_cancelled()
        order.append(outcome.item.name)

    await consumed(messages("a", "b", "c"), handle, ordered_by=lambda _: 1)
    assert order == ["a", "b", "c"]


async def test_counts_a_cancelled_settlement_as_unsettled(caplog: pytest.LogCaptureFixture) -> None:
    """Every message that was read is in the report."""
    cancelled = cast("Exception", asyncio.CancelledError())
    events = [Message("a", refuses=cancelled), Message("b")]
    report = await consumed(events)
    assert report == ConsumerReport(acknowledged=1, unsettled=1)
    assert "CancelledError" in caplog.text


class WithoutDeadLetters(Message):
    """Its broker has no room for dead letters."""

    async def reject(self, reason: str) -> None:
        """Not taken."""
        raise OSError(reason)


@pytest.mark.parametrize("ordered_by", [None, lambda _: 1])
async def test_gives_back_what_it_cannot_put_aside(ordered_by: Any) -> None:
    """Not every source delivers again by itself what was not settled."""
    events = [WithoutDeadLetters("wrong"), Message("a")]
    report = await consumed(events, ordered_by=ordered_by)
    assert [message.settlements for message in events] == [[("nack", 30.0)], ["ack"]]
    assert report == ConsumerReport(acknowledged=1, redelivered=1)


def _raises(message: Message) -> Hashable:
    if message.name == "b":
        raise KeyError(message.name)
    return 1


def _unhashable(message: Message) -> Hashable:
    return [] if message.name == "b" else 1  # type: ignore[return-value]


@pytest.mark.parametrize("ordered_by", [_raises, _unhashable])
async def test_puts_aside_what_has_no_order(
    ordered_by: Callable[[Message], Hashable], caplog: pytest.LogCaptureFixture
) -> None:
    """As it does what has no query; the others keep theirs."""
    events, handler = messages("a", "b", "c"), Handler()
    report = await consumed(events, handler, ordered_by=ordered_by)
    assert events[1].settlements == [("reject", "no order can be made of it")]
    assert handler.ended == ["a", "c"]
    assert report == ConsumerReport(acknowledged=2, rejected=1)
    assert "ordered_by raised" in caplog.text


@pytest.mark.parametrize("how", ["stopped", "failing"])
async def test_closes_a_source_that_is_a_generator(how: str) -> None:
    """However it ends, what the generator holds is let go of before `run` returns."""
    closed = False

    async def source() -> AsyncIterator[Message]:
        nonlocal closed
        try:
            for number in range(10):
                yield Message(f"a-{number}")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.0)
            closed = True

    def fatal(_: Message, error: Exception) -> None:
        raise error

    handler = Handler(seconds=1.0, fails={"a-0": how == "failing"})
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, source(), key=key, handle=handler, in_flight=1, on_error=fatal)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.5)
        if how == "stopped":
            consumer.stop()
        await asyncio.wait([running])
    assert closed
    assert (running.exception() is None) == (how == "stopped")


async def test_raises_where_a_lookup_was_cancelled_from_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its message is given back, and the consumer does not wait for ever."""
    message = Message("a")

    def cancelled(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    async with client_of(answers_by_prefix()) as client:
        monkeypatch.setattr(
            client, "_calls", SimpleNamespace(config=client.config, look_up_in_background=cancelled)
        )
        with pytest.raises(RuntimeError, match="lookup was cancelled"):
            await asyncio.wait_for(
                consume(client, endless([message]), key=key, handle=Handler()), 60.0
            )
    assert message.settlements == [("nack", 0.0)]


async def test_stops_though_its_source_swallows_the_cancellation() -> None:
    """As one that reads by `asyncio.wait_for` may before Python 3.12; what it yields is handled."""
    handler = Handler()

    async def source() -> AsyncIterator[Message]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10.0)
        while True:
            yield Message("a")
            await asyncio.sleep(10.0)

    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, source(), key=key, handle=handler)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(1.0)
        consumer.stop()
        await asyncio.wait({running}, timeout=5.0)
        assert running.done()
    assert (running.result(), handler.ended) == (ConsumerReport(acknowledged=1), ["a"])
