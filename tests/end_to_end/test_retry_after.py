"""Retry-After in every spelling: who waits, for how long, and who does not wait at all."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final, NamedTuple

import pytest

from capillary_interactions import Found, InteractionsClient, Outcome, Unavailable

from .byte_server import Received, Wire, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

pytestmark = pytest.mark.measures

LIMIT: Final = 0.9
"""Seconds that a caller has: less than any header here asks for, if it asks for anything."""


DATE: Final = "a date"


class Spelling(NamedTuple):
    """One header.

    Attributes:
        name: What it is called in the test's report.
        text: The header, or None for none; `DATE` for one that asks for `seconds` from now.
        seconds: What it asks for, as far as that is believed, or None if it asks for nothing that
            can be understood.
    """

    name: str
    text: str | None
    seconds: float | None


SPELLINGS: Final = (
    Spelling("none", None, None),
    Spelling("zero", "0", 0.0),
    Spelling("seconds", "30", 30.0),
    Spelling("fraction", "1.5", 1.5),
    Spelling("date", DATE, 90.0),
    Spelling("past date", "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    Spelling("negative", "-5", None),
    Spelling("NaN", "NaN", None),
    Spelling("infinity", "inf", None),
    Spelling("far too long", "1000000000000", 3600.0),
    Spelling("a far-away date", "Thu, 01 Jan 2099 00:00:00 GMT", 3600.0),
    Spelling("a far-away moment", "4102444800", 3600.0),
    Spelling("merged lines", "30, 30", 30.0),
    Spelling("unit", "30s", 30.0),
    Spelling("unknown zone", "Thu, 01 Jan 2099 00:00:00 IST", None),
    Spelling("digits of another script", "\u00b2", None),
    Spelling("exponent", "1e3", None),
    Spelling("garbage", "soon, please", None),
    Spelling("broken date", "Wed, 99 Xyz 2015 99:99:99 GMT", None),
    Spelling("empty", "", None),
)
each_spelling: Final = pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda each: each.name)


def served(status: int, spelling: Spelling) -> bytes:
    """An answer with the header."""
    text = spelling.text
    if text == DATE and spelling.seconds is not None:
        then = datetime.now(UTC) + timedelta(seconds=spelling.seconds)
        text = format_datetime(then, usegmt=True)
    return answer(status, b"{}", *([] if text is None else [f"Retry-After: {text}"]))


async def ask(client: InteractionsClient) -> tuple[Outcome, float]:
    """How a lookup ends that has little time, and how much of it was used."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await client.lookup(CUSTOMER, timeout=LIMIT)
    return outcome, loop.time() - began


@each_spelling
@pytest.mark.parametrize("status", [500, 503])
async def test_bounds_a_failure(spelling: Spelling, status: int) -> None:
    """A wait that the caller has no time for is none; without a hint it is asked at once."""
    async with Wire(always(served(status, spelling))) as wire, nothing_left():
        async with client_for(wire.base_url) as client:
            outcome, took = await ask(client)
            assert client.snapshot().cool_down == 0
        waits = bool(spelling.seconds)
        assert outcome.attempts == len(wire.received) == (1 if waits else 3)
    assert isinstance(outcome, Unavailable)
    assert outcome.status == status
    assert outcome.retry_after == (
        spelling.seconds if spelling.seconds is None else pytest.approx(spelling.seconds, abs=10)
    )
    assert took < 0.5


@each_spelling
async def test_quiets_the_credential(spelling: Spelling) -> None:
    """Whatever a 429 says, there is a pause: as long as it asks for, within reason, or our own."""
    async with Wire(always(served(429, spelling))) as wire, nothing_left():
        async with client_for(wire.base_url) as client:
            outcome, took = await ask(client)
            pause = client.snapshot().cool_down
            again = await client.lookup(mobiles(1)[0], timeout=LIMIT)
        assert outcome.attempts == len(wire.received) == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.status in (429, None)
    assert took < 0.5
    # Our own pause is two seconds; none is longer than the policy allows.
    expected = min(spelling.seconds or 2.0, 3600.0)
    assert pause == pytest.approx(expected, abs=10 if spelling.name == "date" else 0.6)
    # The others feel it, and are told at once.
    assert isinstance(again, Unavailable)
    assert again.attempts == 0
    assert again.retry_after == pytest.approx(pause, abs=0.5)
    assert again.elapsed < 0.5


async def test_waits_at_least_as_long_as_a_failure_asks() -> None:
    """A lookup that has the time takes it, and then succeeds."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        failing = len(wire.received) == 1
        writer.write(answer(503, b"", "Retry-After: 0.2") if failing else answer())

    async with Wire(behave) as wire, client_for(wire.base_url) as client:
        outcome = await client.lookup(CUSTOMER)
        first, second = wire.received
    assert isinstance(outcome, Found)
    assert second.at - first.at >= 0.2


async def test_sends_little_into_a_storm() -> None:
    """Where everything is throttled, a crowd costs what was under way, and ends at once."""
    async with Wire(always(answer(429, b"", "Retry-After: 30"))) as wire, nothing_left():
        async with client_for(wire.base_url, in_flight=16) as client:
            lookups = (client.lookup(each, timeout=LIMIT) for each in mobiles(500))
            outcomes = await asyncio.gather(*lookups)
            snapshot = client.snapshot()
        assert snapshot.throttled == len(wire.received) <= 16
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert sum(outcome.attempts for outcome in outcomes) == len(wire.received)
    assert max(outcome.elapsed for outcome in outcomes) < LIMIT
