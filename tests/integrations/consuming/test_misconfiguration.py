"""A wrong setting stops the consumer; it does not make dead letters of a whole queue."""

import asyncio
from typing import Any

import pytest

from capillary_interactions import ConfigurationError, Identifier
from capillary_interactions._protocol.messages import Response
from capillary_interactions.integrations.consume import Consumer, ConsumerReport, consume
from capillary_interactions.testing import FakeTransport, after, interactions
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

_WRONG: dict[str, Any] = {
    "a path that is not there": 404,
    "a redirect": Response(status=302, headers={"Location": "https://login.example.com"}),
    "another method": 405,
    "another service": {"hello": 1},
}


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("answer", _WRONG.values(), ids=_WRONG.keys())
async def test_puts_nothing_aside_for_a_wrong_setting(answer: Any, in_order: bool) -> None:
    """It stops and gives everything back, for no event explains this."""
    events = messages(*(f"x-{number}" for number in range(200)))
    async with client_of(FakeTransport(default=answer)) as client:
        consumer = Consumer(
            client,
            endless(events),
            key=key,
            handle=Handler(),
            in_flight=16,
            ordered_by=(lambda _: 1) if in_order else None,
        )
        with pytest.raises(ConfigurationError, match="10 lookups in a row"):
            await consumer.run()
    assert consumer.report() == ConsumerReport(returned=16)


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_stops_though_it_holds_fewer_than_it_needs_to_be_sure(in_flight: int) -> None:
    """What is held longer than half a minute is put aside, so it does not stand still."""
    events = messages(*(f"odd-{number}" for number in range(50)))
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=in_flight)
        with pytest.raises(ConfigurationError, match="last: unreadable: "):
            await asyncio.wait_for(consumer.run(), 600.0)
    assert consumer.report().rejected < 10


_REFUSED: dict[str, Any] = {"errors": [{"status": False, "code": 8001, "message": "no source"}]}


@pytest.mark.parametrize("in_flight", [1, 3, 16])
async def test_stops_at_once_where_the_api_refuses_a_setting(in_flight: int) -> None:
    """Five different customers are enough: no dead letter, and the error names the setting."""
    events = messages(*(f"x-{number}" for number in range(200)))
    async with client_of(FakeTransport(default=after(0.01, _REFUSED))) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=in_flight)
        with pytest.raises(
            ConfigurationError, match=r"^source and account_id .* 5 lookups in a row .*\(8001\)"
        ):
            await asyncio.wait_for(consumer.run(), 5.0)
    report = consumer.report()
    assert report == ConsumerReport(returned=report.returned)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (4000, "the rights of the credentials"),
        (8001, "source and account_id"),
        (9999, "base_url and the other settings"),
    ],
)
async def test_names_what_may_be_wrong(code: int, named: str) -> None:
    """Also after answers, when ten in a row are needed."""
    refused = {"errors": [{"status": False, "code": code, "message": "no"}]}
    transport = answers_by_prefix(odd=after(0.02, refused))
    events = messages(*(f"{'odd' if number else 'x'}-{number}" for number in range(200)))
    async with client_of(transport) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=16)
        with pytest.raises(
            ConfigurationError, match=f"^{named}.* cannot be right: 10 lookups .*({code})"
        ):
            await consumer.run()
    assert consumer.report().rejected == 0


async def test_puts_aside_whom_a_setting_is_refused_for_once_others_are_answered() -> None:
    """Nine of ten are answered: that one is a dead letter, and the others are not held up."""
    names = [f"{'odd' if number % 10 == 3 else 'slow'}-{number}" for number in range(100)]
    transport = answers_by_prefix(odd=after(0.01, _REFUSED))
    report = await consumed(messages(*names), transport=transport, in_flight=8)
    assert report == ConsumerReport(acknowledged=90, rejected=10)


async def test_puts_aside_what_is_wrong_once_another_is_answered() -> None:
    """An answer proves the settings; the count begins anew."""
    names = [f"odd-{number}" for number in range(9)]
    events = messages(*names, "slow-1", *names, "slow-2", *names)
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(events), key=key, handle=Handler(), in_flight=10)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.5)
        assert consumer.report() == ConsumerReport()
        await asyncio.sleep(4.0)
        assert consumer.report() == ConsumerReport(acknowledged=2, rejected=18)
        consumer.stop()
        assert await running == ConsumerReport(acknowledged=2, rejected=18, returned=9)


async def test_puts_aside_a_lonely_one_after_a_while() -> None:
    """Nothing else comes, so nothing more is to be learnt."""
    message = Message("odd")
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless([message]), key=key, handle=Handler())
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(20.0)
        assert message.settlements == []
        await asyncio.sleep(20.0)
        assert [method for method, _ in message.settlements] == ["reject"]
        consumer.stop()
        await running


async def test_does_not_suspect_the_settings_of_what_an_event_explains() -> None:
    """Capillary says of the question itself that it is wrong, twenty times in a row."""
    events = messages(*(f"wrong-{number}" for number in range(20)))
    report = await consumed(events)
    assert report == ConsumerReport(rejected=20)


async def test_can_be_switched_off() -> None:
    """Then every ending is the event's own."""
    events = messages(*(f"odd-{number}" for number in range(50)))
    report = await consumed(
        events,
        transport=answers_by_prefix(odd=after(0.01, {"hello": 1}), n=interactions()),
        distrust_after=None,
    )
    assert report == ConsumerReport(rejected=50)


@pytest.mark.parametrize("function", ["key", "ordered_by"])
async def test_puts_nothing_aside_for_a_wrong_function(function: str) -> None:
    """Ten in a row whose `key` raises stop it; README: "none is a dead letter"."""

    def wrong(message: Message) -> Any:
        return {b"id": message.name}["id"]  # type: ignore[index] # what a client that gives bytes does

    events = messages(*(f"x-{number}" for number in range(200)))
    functions: dict[str, Any] = {"key": key, function: wrong}
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(events), handle=Handler(), in_flight=16, **functions)
        with pytest.raises(ConfigurationError, match=f"10 in a row .*{function} raised KeyError"):
            await consumer.run()
    assert consumer.report() == ConsumerReport(returned=16)


async def test_takes_a_message_for_wrong_whose_neighbours_have_a_key() -> None:
    """Half of the queue is no customer's: these are dead letters, and the consumer goes on."""
    names = [name for number in range(100) for name in ("anonymous", f"slow-{number}")]
    events = messages(*names)
    report = await consumed(events, in_flight=64)
    assert report == ConsumerReport(acknowledged=100, rejected=100)


async def test_puts_aside_a_lonely_message_without_a_key_after_a_while() -> None:
    """Nothing else comes, so nothing more is to be learnt."""
    message = Message("anonymous")
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless([message]), key=key, handle=Handler())
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(20.0)
        assert message.settlements == []
        await asyncio.sleep(20.0)
        assert message.settlements == [("reject", "no query can be made of it")]
        consumer.stop()
        await running


async def test_puts_aside_a_number_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """Among others it is a dead letter, whose log line says why and holds no digit of it."""

    def mobile(message: Message) -> Identifier:
        return Identifier.mobile(message.name)

    events = messages(*(f"+91 90000 0000{number}" for number in range(5)), "97385x22695")
    async with client_of(FakeTransport(default=interactions())) as client:
        report = await consume(client, finite(events), key=mobile, handle=Handler())
    assert report == ConsumerReport(acknowledged=5, rejected=1)
    assert events[-1].settlements == [("reject", "no query can be made of it")]
    assert "an event is rejected: a customer's mobile must be digits" in caplog.text
    assert "22695" not in caplog.text
