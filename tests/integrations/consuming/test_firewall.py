"""A firewall's page for one event says nothing of the credentials: the consumer goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from capillary_interactions import AuthenticationError, ConfigurationError, InteractionsClient
from capillary_interactions._protocol.messages import Response
from capillary_interactions.integrations.consume import Consumer, ConsumerReport, consume
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.testing import after, interactions
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

PAGE = after(0.01, Response(status=403, body=b"<html>Access Denied. Reference 18.abc</html>"))


def _names(blocked: int, others: int) -> list[str]:
    return [*(f"page-{n}" for n in range(blocked)), *(f"ok-{n}" for n in range(others))]


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("in_flight", [1, 2, 16])
@pytest.mark.parametrize("blocked", [1, 2, 4])
async def test_puts_blocked_events_aside_and_goes_on(
    blocked: int, in_flight: int, in_order: bool
) -> None:
    """However many stand first: they are dead letters at the first start, and no other is."""
    events = messages(*_names(blocked, 20))
    report = await consumed(
        events,
        transport=answers_by_prefix(page=PAGE),
        in_flight=in_flight,
        ordered_by=(lambda _: 1) if in_order else None,
    )
    assert report == ConsumerReport(acknowledged=20, rejected=blocked)
    ((method, reason),) = events[0].settlements
    assert method == "reject"
    assert "by a proxy or firewall, not by the API" in reason


@pytest.mark.parametrize("in_flight", [1, 2, 16])
async def test_gives_everything_back_where_all_are_blocked(in_flight: int) -> None:
    """It is the credentials, whatever refuses them: no event is lost, and few are asked for."""
    events = messages(*_names(40, 0))
    transport = answers_by_prefix(page=PAGE)
    async with client_of(transport) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=in_flight)
        with pytest.raises(AuthenticationError, match="HTTP 403 with a body that is not JSON"):
            await consumer.run()
    assert consumer.report().rejected == 0
    assert consumer.report().acknowledged == 0
    assert len(transport.requests) <= 5 + in_flight


@pytest.mark.parametrize("in_flight", [1, 2, 16])
@pytest.mark.parametrize(
    ("status", "error"), [(403, AuthenticationError), (406, ConfigurationError)]
)
async def test_gives_everything_back_where_this_machine_is_blocked_midway(
    status: int, error: type[Exception], in_flight: int
) -> None:
    """A firewall that blocks everything from then on makes no dead letters."""
    events = messages(*_names(0, 20), *_names(40, 0))
    page = after(0.01, Response(status=status, body=b"<html>Request blocked</html>"))
    async with client_of(answers_by_prefix(page=page)) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=in_flight)
        with pytest.raises(error, match=f"HTTP {status} with a body that is not JSON"):
            await consumer.run()
    report = consumer.report()
    assert (report.acknowledged, report.rejected) == (20, 0)


async def test_puts_a_lonely_blocked_event_aside_after_a_while() -> None:
    """No other event shows what the page means; it does not stay at the head of its queue."""
    message = Message("page")
    async with client_of(answers_by_prefix(page=PAGE)) as client:
        consumer = Consumer(client, endless([message]), key=key, handle=Handler(), in_flight=1)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(40.0)
        assert [method for method, _ in message.settlements] == ["reject"]
        consumer.stop()
        await running


async def test_holds_a_bounded_number_for_one_customer() -> None:
    """A thousand events of the same blocked customer do not fill the memory."""
    events = [Message("page") for _ in range(1000)]
    async with client_of(answers_by_prefix(page=PAGE)) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=2)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(20.0)
        assert consumer.held == 6
        consumer.stop()
        await running


async def test_gets_over_one_401_among_many_events() -> None:
    """A proxy's hiccup ends no consumer, and a revocation does."""
    transport = answers_by_prefix()
    transport.then(*[interactions()] * 50, 401)
    async with client_of(transport) as client:
        events = messages(*_names(0, 80))
        report = await consume(client, finite(events), key=key, handle=Handler())
        assert report == ConsumerReport(acknowledged=80)
        before = len(transport.requests)
        events = messages("denied-1", "denied-2", "denied-3")
        with pytest.raises(AuthenticationError):
            await consume(client, finite(events), key=key, handle=Handler(), in_flight=1)
    assert len(transport.requests) - before <= 3


@pytest.mark.parametrize("in_flight", [1, 16])
async def test_makes_progress_at_a_real_server(in_flight: int) -> None:
    """The blocked event leaves the queue at the first start, and the rest is handled."""
    page: Any = (403, {"Content-Type": "text/html"}, b"<html>Access Denied</html>")
    events = messages(*_names(1, 20))

    async def source() -> AsyncIterator[Message]:
        for message in events:
            yield message

    async with Sandbox(unknown=0, answers={"page-0": page}) as sandbox:
        async with InteractionsClient(sandbox.client_config()) as client:
            report = await consume(client, source(), key=key, handle=Handler(), in_flight=in_flight)
        assert sandbox.received_for("page-0") == 1
    assert report == ConsumerReport(acknowledged=20, rejected=1)


async def test_asks_again_in_order_within_a_minute_whatever_the_server_asks_for() -> None:
    """A wrong date, for once, does not hold up an order and all of `in_flight` for an hour."""
    late = Response(status=503, headers={"Retry-After": "Fri, 01 Jan 2099 00:00:00 GMT"})
    transport = answers_by_prefix()
    transport.then(late, late)
    async with client_of(transport) as client:
        events = messages(*_names(0, 6))
        report = await consume(
            client, finite(events), key=key, handle=Handler(), in_flight=2, ordered_by=id
        )
    assert report == ConsumerReport(acknowledged=6)
    assert asyncio.get_running_loop().time() < 70.0
