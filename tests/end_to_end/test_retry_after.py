"""Retry-After in every spelling: which lookups wait, for how long, and which do not wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final, NamedTuple

import pytest

from capillary_interactions import Found, InteractionsClient, Outcome, Unavailable
from tests.tables import table

from .byte_server import ByteServer, Received, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

pytestmark = pytest.mark.measures

LIMIT: Final = 1.4
"""Timeout of a lookup in seconds: less than any header here asks for, if it asks for a wait."""

SOON: Final = 1.2
"""What ends at once has ended by then, on a machine where others work, too; in seconds."""

DATE: Final = "a date"


class Spelling(NamedTuple):
    """One header.

    Attributes:
        name: Its name in the test's report.
        text: The header, or None for none; `DATE` for one that asks for `seconds` from now.
        seconds: The wait it asks for, within the policy's maximum, or None if it cannot be parsed.
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
all_spellings: Final = table("spelling", SPELLINGS, ids=lambda spelling: spelling.name)


def answer_with(status: int, spelling: Spelling) -> bytes:
    """Return an answer with the header."""
    text = spelling.text
    if text == DATE and spelling.seconds is not None:
        then = datetime.now(UTC) + timedelta(seconds=spelling.seconds)
        text = format_datetime(then, usegmt=True)
    return answer(status, b"{}", *([] if text is None else [f"Retry-After: {text}"]))


async def look_up(client: InteractionsClient) -> tuple[Outcome, float]:
    """Look up with a short timeout; return the outcome and the seconds it took."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    outcome = await client.lookup(CUSTOMER, timeout=LIMIT)
    return outcome, loop.time() - started_at


@all_spellings
@table("status", [500, 503])
async def test_bounds_a_failure(spelling: Spelling, status: int) -> None:
    """A lookup does not wait past its deadline; without a hint it retries at once."""
    async with ByteServer(always(answer_with(status, spelling))) as server, nothing_left():
        async with client_for(server.base_url) as client:
            outcome, took = await look_up(client)
            assert client.snapshot().cool_down == 0
        waits = bool(spelling.seconds)
        assert outcome.attempts == len(server.received) == (1 if waits else 3)
    assert isinstance(outcome, Unavailable)
    assert outcome.status == status
    assert outcome.retry_after == (
        spelling.seconds if spelling.seconds is None else pytest.approx(spelling.seconds, abs=10)
    )
    assert took < SOON


@all_spellings
async def test_pauses_the_credential(spelling: Spelling) -> None:
    """After any 429 there is a pause: as long as it asks for, up to the maximum, or the default."""
    async with ByteServer(always(answer_with(429, spelling))) as server, nothing_left():
        async with client_for(server.base_url) as client:
            outcome, took = await look_up(client)
            pause = client.snapshot().cool_down
            again = await client.lookup(mobiles(1)[0], timeout=LIMIT)
        assert outcome.attempts == len(server.received) == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.status in (429, None)
    assert took < SOON
    # The default pause is two seconds; none is longer than the policy allows.
    expected = min(spelling.seconds or 2.0, 3600.0)
    assert pause == pytest.approx(expected, abs=10 if spelling.name == "date" else 0.6)
    # Other lookups of the credential end at once.
    assert isinstance(again, Unavailable)
    assert again.attempts == 0
    assert again.retry_after == pytest.approx(pause, abs=0.5)
    assert again.elapsed < SOON


async def test_waits_at_least_as_long_as_a_failure_asks() -> None:
    """A lookup with enough time waits, and then succeeds."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        failing = len(server.received) == 1
        writer.write(answer(503, b"", "Retry-After: 0.2") if failing else answer())

    async with ByteServer(behave) as server, client_for(server.base_url) as client:
        outcome = await client.lookup(CUSTOMER)
        first, second = server.received
    assert isinstance(outcome, Found)
    assert second.at - first.at >= 0.2


async def test_sends_little_into_a_storm() -> None:
    """Where everything is throttled, a crowd sends only its running requests, and ends at once."""
    async with ByteServer(always(answer(429, b"", "Retry-After: 30"))) as server, nothing_left():
        async with client_for(server.base_url, in_flight=16) as client:
            lookups = (client.lookup(mobile, timeout=5.0) for mobile in mobiles(200))
            outcomes = await asyncio.gather(*lookups)
            snapshot = client.snapshot()
        assert snapshot.throttled == len(server.received) <= 16
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert sum(outcome.attempts for outcome in outcomes) == len(server.received)
    assert max(outcome.elapsed for outcome in outcomes) < 4.0
