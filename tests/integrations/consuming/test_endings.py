"""What becomes of a message, by how its lookup and its handler end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from capillary_interactions import ConfigurationError, Identifier, RateLimit
from capillary_interactions._protocol.messages import Response
from capillary_interactions.integrations.consume import Consumer, ConsumerReport, consume
from capillary_interactions.testing import FakeTransport, after, interactions
from capillary_interactions.testing._fake_transport import Answer, Asked
from tests.integrations.consuming.fake_events import (
    Handler,
    Message,
    answers_by_prefix,
    asked,
    client_of,
    consumed,
    endless,
    finite,
    key,
    messages,
)


@pytest.mark.parametrize(
    ("name", "settlement"),
    [
        ("known", "ack"),
        ("unknown", "ack"),
        ("down", ("nack", 30.0)),
        ("busy", ("nack", 7.0)),
        ("now", ("nack", 30.0)),
        ("wrong", ("reject", "rejected: ")),
        ("odd", ("reject", "unreadable: ")),
        ("anonymous", ("reject", "no query can be made of it")),
    ],
)
async def test_ends_as_the_table_says(name: str, settlement: Any) -> None:
    """Acknowledged, delivered again or put aside, once."""
    message, handler = Message(name), Handler()
    report = await consumed([message], handler)
    (settled,) = message.settlements
    if isinstance(settlement, tuple) and settlement[0] == "reject":
        assert settled[0] == "reject"
        assert settled[1].startswith(settlement[1])
    else:
        assert settled == settlement
    assert handler.ended == ([name] if settlement == "ack" else [])
    method = settled if isinstance(settled, str) else settled[0]
    counted = {"ack": "acknowledged", "nack": "redelivered", "reject": "rejected"}[method]
    assert report == ConsumerReport(**{counted: 1})


async def test_acknowledges_after_the_handler_only() -> None:
    """While the handler works, nothing is settled (the handler asserts it)."""
    events, handler = messages("a", "b", "c"), Handler(seconds=5.0)
    await consumed(events, handler)
    assert [message.settlements for message in events] == [["ack"]] * 3
    assert handler.max_at_once == 3


async def test_delivers_again_what_the_handler_failed_at(caplog: pytest.LogCaptureFixture) -> None:
    """The others go on; the log names the error's type and nothing of its text."""
    events, handler = messages("a", "b"), Handler(fails={"a": 1})
    report = await consumed(events, handler, redelivery_delay=3.0)
    assert [message.settlements for message in events] == [[("nack", 3.0)], ["ack"]]
    assert report == ConsumerReport(acknowledged=1, redelivered=1, failures=1)
    assert "RuntimeError" in caplog.text
    assert "no room" not in caplog.text


async def test_calls_on_error_with_what_the_handler_raised() -> None:
    """With its message; then it is not logged."""
    events, failures = messages("a"), list[tuple[str, str]]()
    await consumed(
        events,
        Handler(fails={"a": 1}),
        on_error=lambda message, error: failures.append((message.name, str(error))),
    )
    assert failures == [("a", "no room for a")]


async def test_stops_with_what_on_error_raises() -> None:
    """Which makes a handler's error fatal: its message and all unfinished ones are given back."""
    events = messages("slow-1", "a", "slow-2")

    def fatal(_: Message, error: Exception) -> None:
        raise error

    async with client_of(answers_by_prefix()) as client:
        with pytest.raises(RuntimeError, match="no room for a"):
            await consume(
                client,
                endless(events),
                key=key,
                handle=Handler(fails={"a": 1}),
                on_error=fatal,
            )
    assert [message.settlements for message in events] == [[("nack", 0.0)]] * 3


async def test_goes_on_when_a_broker_refuses_a_settlement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It will deliver again by itself, so this is counted and logged and no more."""
    events = [Message("a", refuses=OSError("secret")), Message("b")]
    report = await consumed(events)
    assert events[1].settlements == ["ack"]
    assert report == ConsumerReport(acknowledged=1, unsettled=1)
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text


async def test_holds_no_more_than_in_flight() -> None:
    """Of an endless source, only as many are read as may be held, and more as these end."""
    read, held = 0, list[int]()
    handler = Handler(seconds=0.5)

    async def source() -> Any:
        nonlocal read
        for number in range(200):
            read += 1
            held.append(read - len(handler.ended))
            yield Message(f"n-{number}")

    async with client_of(answers_by_prefix()) as client:
        report = await consume(client, source(), key=key, handle=handler, in_flight=8)
    assert report.acknowledged == 200
    assert max(held) == handler.max_at_once == 8


async def test_pauses_while_nothing_answers() -> None:
    """When all that may be held had no answer, it reads on when the endpoint may be back."""
    transport = answers_by_prefix()
    events = messages(*(f"busy-{number}" for number in range(40)))
    report = await consumed(events, transport=transport, in_flight=10)
    assert report.redelivered == len(asked(transport)) == 40
    assert asyncio.get_running_loop().time() >= 21.0


@pytest.mark.parametrize("hint", ["1764345600", "3600", "Thu, 01 Jan 2099 00:00:00 GMT"])
async def test_looks_up_a_probe_while_a_server_asks_for_ages(hint: str) -> None:
    """A server that is wrong about its return for six seconds does not stop a consumer for good."""
    loop = asyncio.get_running_loop()

    def answer(_: Asked) -> Answer:
        wrong = 10.0 < loop.time() < 16.0
        return Response(status=503, headers={"Retry-After": hint}) if wrong else interactions()

    async def source() -> AsyncIterator[Message]:
        for number in range(200):
            await asyncio.sleep(0.3)
            yield Message(f"n-{number}")

    async with client_of(FakeTransport(default=answer)) as client:
        report = await consume(client, source(), key=key, handle=Handler(), in_flight=8)
    assert report.acknowledged == 200 - report.redelivered
    assert report.redelivered <= 20
    assert loop.time() < 16.0 + 2 * 60.0 + 60.0


async def test_reads_on_at_once_when_something_answers() -> None:
    """One answer among failures is enough to go on."""
    names = [f"{'down' if number % 4 else 'n'}-{number}" for number in range(80)]
    events = messages(*names)
    await consumed(events, in_flight=8)
    assert asyncio.get_running_loop().time() < 1.0


async def test_keeps_the_lookups_within_their_time() -> None:
    """A lookup that takes longer is one without an answer."""
    message = Message("slow-1")
    await consumed([message], timeout=0.5)
    assert message.settlements == [("nack", 30.0)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("in_flight", 0),
        ("redelivery_delay", -1.0),
        ("drain", float("inf")),
        ("timeout", 0.0),
    ],
)
def test_refuses_settings_that_cannot_work(setting: str, value: Any) -> None:
    """Before anything is read, and by their names."""
    client = client_of(answers_by_prefix())
    with pytest.raises(ConfigurationError, match=setting):
        Consumer(client, finite([]), key=key, handle=Handler(), **{setting: value})


async def test_raises_what_a_key_that_is_no_query_comes_to() -> None:
    """That is the program's mistake, not the event's: no event is put aside for it."""
    message = Message("a")
    async with client_of(answers_by_prefix()) as client:
        with pytest.raises(ValueError, match="Query or an Identifier"):
            await consume(
                client,
                endless([message]),
                key=lambda _: "919738522695",  # type: ignore[arg-type,return-value]
                handle=Handler(),
            )
    assert message.settlements == [("nack", 0.0)]


async def test_lets_a_lookup_wait_that_no_person_waits_for() -> None:
    """A web request's lookup overtakes those of events that wait for the quota."""
    transport = answers_by_prefix(n=after(0.0, interactions()))
    rate = RateLimit(10, 10.0, burst=1)
    async with client_of(transport, rate=rate) as client:
        consumer = Consumer(
            client,
            finite(messages(*(f"n-{number}" for number in range(10)))),
            key=key,
            handle=Handler(),
        )
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.5)
        await client.lookup(Identifier.external_id("person-1"))
        await running
    assert asked(transport).index("person-1") <= 2
