"""A moment in place of seconds, a date of another century: what a wrong hint may cost."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest

from capillary_interactions import (
    Found,
    InteractionsClient,
    OAuth,
    RateLimit,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import RateChanged, RetryScheduled, Throttled
from capillary_interactions.integrations.consume import consume
from capillary_interactions.integrations.web import answer_to
from capillary_interactions.testing import interactions
from tests.fakes import Server, Watch, customer, in_turn, now, response, settings
from tests.integrations.consuming.fake_events import Handler, Message, key

HOUR = 3600.0
FAR_AWAY = (
    "4102444800",
    "4102444800000",
    "9999999999",
    "1000000000000",
    "999999999",
    "Thu, 01 Jan 2099 00:00:00 GMT",
    "2099-01-01T00:00:00Z",
    "100000h",
)


@pytest.mark.parametrize("hint", FAR_AWAY)
@pytest.mark.parametrize("status", [429, 503])
async def test_believes_no_hint_for_more_than_an_hour(status: int, hint: str) -> None:
    """Neither the outcome nor an application's users, an event or the cool-down has more."""
    watch = Watch()
    server = Server(in_turn(response(status, retry_after=hint)))
    async with InteractionsClient(settings(), transport=server, observers=[watch]) as client:
        outcome = await client.lookup(customer(), timeout=math.inf)
        assert client.snapshot().cool_down == (HOUR if status == 429 else 0)
        assert isinstance(outcome, Unavailable)
        assert (outcome.retry_after, outcome.attempts) == (HOUR, 1)
        assert outcome.reason.startswith("the server asks to wait more than 3600 s")
        assert answer_to(outcome).headers["Retry-After"] == "3600"
        assert isinstance(await client.lookup(customer(), timeout=math.inf), Found)
    assert now() <= HOUR + 1
    assert [event.retry_after for event in watch.of(Throttled)] == [HOUR] * (status == 429)
    assert not watch.of(RetryScheduled)


@pytest.mark.parametrize("reset", FAR_AWAY[3:])
async def test_pauses_for_no_reset_longer_than_an_hour(reset: str) -> None:
    """A quota that is said to be used up for decades is asked about again."""
    exhausted = response(interactions(), x_ratelimit_remaining="0", x_ratelimit_reset=reset)
    async with InteractionsClient(settings(), transport=Server(in_turn(exhausted))) as client:
        await client.lookup(customer(1))
        assert client.snapshot().cool_down <= HOUR
        assert isinstance(await client.lookup(customer(2), timeout=math.inf), Found)
    assert now() <= HOUR + 1


@pytest.mark.parametrize("asked", [7200.0, 7201.0])
async def test_believes_as_much_as_a_lookup_would_wait(asked: float) -> None:
    """With a longer `retry_after_max` the bound is that, and no hint is cut that keeps to it."""
    retry = RetryPolicy(retry_after_max=7200.0, wait_initial=0.0)
    server = Server(in_turn(response(503, retry_after=f"{asked:g}")))
    async with InteractionsClient(settings(retry=retry), transport=server) as client:
        outcome = await client.lookup(customer(), timeout=math.inf)
    assert isinstance(outcome, Found if asked == 7200 else Unavailable)
    if isinstance(outcome, Unavailable):
        assert outcome.retry_after == 7200


@pytest.mark.parametrize("hint", FAR_AWAY)
async def test_waits_no_longer_than_an_hour_for_a_token(hint: str) -> None:
    """A wrong hint of the token endpoint's is one too."""

    def answer(request: Request) -> Any:
        if request.body is None:
            return interactions()
        asked.append(now())
        token = {"data": {"accessToken": "t", "ttlSeconds": 300}}
        return response(503, retry_after=hint) if len(asked) == 1 else token

    asked: list[float] = []
    config = settings(auth=OAuth("key", "secret"))
    async with InteractionsClient(config, transport=Server(answer)) as client:
        first = await client.lookup(customer(1), timeout=math.inf)
        assert isinstance(first, Unavailable)
        assert (first.retry_after, answer_to(first).headers["Retry-After"]) == (HOUR, "3600")
        assert isinstance(await client.lookup(customer(2), timeout=math.inf), Found)
    assert asked == [0.0, pytest.approx(HOUR)]


class _Blocked(LocalPace):
    def try_admit(self, deadline: object) -> bool:
        """Never without waiting."""
        return False

    async def admit(self, deadline: object) -> None:
        """Let no request through.

        Raises:
            SlotAfterDeadlineError: Always.
        """
        raise SlotAfterDeadlineError(math.inf)


async def test_tells_no_more_than_an_hour_of_a_pace_of_the_callers() -> None:
    """A pace of the caller's own may return anything."""
    pace = _Blocked(RateLimit(), 1)
    async with InteractionsClient(settings(), transport=Server(), pace=pace) as client:
        outcome = await client.lookup(customer())
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after == HOUR


@pytest.mark.parametrize("hint", ["4102444800", "Thu, 01 Jan 2099 00:00:00 GMT", "1764345600"])
@pytest.mark.parametrize("ordered", [False, True])
async def test_consumes_again_after_a_hint_that_was_wrong_for_two_seconds(
    hint: str, ordered: bool
) -> None:
    """A consumer asks an hour later, for the server may be well: it is not stopped for decades."""

    def answer(_: Request) -> Any:
        failing = 10 < now() < 12
        return Response(status=503, headers={"Retry-After": hint}) if failing else interactions()

    async def source() -> Any:
        for number in range(60):
            made.append(Message(f"c{number}"))
            yield made[-1]
            await asyncio.sleep(0.3 if now() < HOUR else 1)

    made: list[Message] = []
    options: dict[str, Any] = {"ordered_by": lambda message: message.name[-1]} if ordered else {}
    async with InteractionsClient(settings(), transport=Server(answer)) as client:
        await consume(client, source(), key=key, handle=Handler(), **options)
    delays = [
        word[1] for message in made for word in message.settlements if isinstance(word, tuple)
    ]
    assert len(made) == 60
    assert all(message.settlements for message in made)
    assert all(0 <= delay <= HOUR for delay in delays)
    assert now() < 2 * HOUR


def _slowed() -> Iterator[Response]:
    for remaining in range(30, 5, -1):
        reset = str(remaining + 70)
        yield response(
            interactions(), x_ratelimit_remaining=str(remaining), x_ratelimit_reset=reset
        )


async def test_shows_once_that_headers_slow_it_down_and_once_that_they_no_longer_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One event and one line when it begins, one of each when it ends, none for each answer."""
    watch, replies = Watch(), in_turn(*_slowed())
    config = settings(rate="30/1")
    async with InteractionsClient(config, transport=Server(replies), observers=[watch]) as client:
        for number in range(25):
            await client.lookup(customer(number), timeout=math.inf)
            assert client.snapshot().slowed == "the server's headers leave 30 requests for 100 s"
        await asyncio.sleep(120)
        await client.lookup(customer(99))
        assert client.snapshot().slowed is None
    began, ended = watch.of(RateChanged)
    assert (began.after, began.reason) == (0.3, "the server's headers leave 30 requests for 100 s")
    assert (ended.before, ended.after) == (began.after, began.before)
    assert ended.reason is not None
    lines = [record for record in caplog.records if "rate from" in record.getMessage()]
    assert [record.levelname for record in lines] == ["WARNING", "INFO"][: len(lines)]
    assert lines[0].getMessage().endswith(str(began.reason))


async def test_emits_no_change_of_the_rate_that_is_imperceptible() -> None:
    """Less than a hundredth is none."""
    watch = Watch()
    replies = [response(interactions(), x_ratelimit_remaining="9", x_ratelimit_reset="1")] * 200
    server = Server(in_turn(*replies))
    async with InteractionsClient(
        settings(rate="10/1"), transport=server, observers=[watch]
    ) as client:
        for number in range(50):
            await client.lookup(customer(number))
    assert watch.of(RateChanged) == []


async def test_takes_a_server_at_its_last_word() -> None:
    """Headers that were wrong for one answer do not hold for as long as they said."""
    low = response(interactions(), x_ratelimit_remaining="20", x_ratelimit_reset="3600")
    well = response(interactions(), x_ratelimit_remaining="9000", x_ratelimit_reset="50")
    server = Server(in_turn(low, then=well))
    async with InteractionsClient(settings(rate="100/1"), transport=server) as client:
        await client.lookup(customer(1), timeout=math.inf)
        assert client.snapshot().rate == pytest.approx(20 / 3600)
        await asyncio.sleep(1)
        await client.lookup(customer(2), timeout=math.inf)
        assert client.snapshot().rate > 90
