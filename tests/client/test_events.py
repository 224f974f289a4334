"""What observers see, what the log says, and what a snapshot shows."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any, get_args

import attrs
import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Found,
    InteractionsClient,
    RetryPolicy,
)
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request
from capillary_interactions.events import (
    AttemptBegan,
    AttemptEnded,
    BudgetSpent,
    CooledDown,
    CredentialRefused,
    Event,
    LookupBegan,
    LookupBroken,
    LookupEnded,
    RateChanged,
    RetryScheduled,
    Throttled,
    TokenRefreshed,
)
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, Watch, customer, customers, in_turn, now, response, settings

LOGGER = "capillary_interactions"
UNKNOWN: dict[str, Any] = {"errors": [{"status": False, "code": 8015, "message": "not found"}]}


async def seen(
    answer: Callable[[Request], Reply], *, takes: float = 0.0, lookups: int = 1, **changes: object
) -> Watch:
    """What an observer sees of lookups, one after the other."""
    watch = Watch()
    config = settings(**{"retry": RetryPolicy(wait_initial=0.0, throttled_initial=0.0), **changes})
    server = Server(answer, takes=takes)
    async with InteractionsClient(config, transport=server, observers=[watch]) as client:
        for number in range(lookups):
            await client.lookup(customer(number))
    return watch


async def test_shows_a_plain_lookup() -> None:
    """It begins, it ends, and there is an outcome."""
    watch = await seen(in_turn(response(interactions(), x_cap_requestid="r1")), takes=0.5)
    (began,) = watch.of(LookupBegan)
    number = began.lookup
    assert watch.events == [
        LookupBegan(lookup=number),
        AttemptBegan(lookup=number, credential=0, attempt=1, waited=0.0),
        AttemptEnded(
            lookup=number,
            credential=0,
            attempt=1,
            ending="found",
            status=200,
            duration=0.5,
            request_id="r1",
        ),
        LookupEnded(lookup=number, ending="found", attempts=1, elapsed=0.5, waited=0.0),
    ]


async def test_shows_a_retry_with_its_cause_and_delay() -> None:
    """Without a status where there was no answer."""
    watch = await seen(in_turn(TransportError("reset"), response(503, retry_after="3")))
    first, second = watch.of(RetryScheduled)
    assert first == RetryScheduled(
        lookup=first.lookup, credential=0, attempt=1, delay=0.0, reason="reset", status=None
    )
    assert (second.attempt, second.delay, second.status) == (2, 3.0, 503)
    assert [event.status for event in watch.of(AttemptEnded)] == [None, 503, 200]
    assert [event.attempt for event in watch.of(AttemptBegan)] == [1, 2, 3]


async def test_shows_a_cool_down_from_its_beginning_to_its_end() -> None:
    """The hint, the pause, and the first request after it, with what it waited."""
    watch = await seen(in_turn(response(429, retry_after="5")))
    assert watch.of(Throttled) == [Throttled(credential=0, retry_after=5.0, cool_down=5.0)]
    (cooled,) = watch.of(CooledDown)
    assert cooled.rate > 0
    assert watch.of(AttemptBegan)[1].waited == pytest.approx(5, abs=0.01)
    kinds = [type(event) for event in watch.events]
    assert kinds.index(Throttled) < kinds.index(CooledDown)


async def test_shows_each_change_of_the_rate() -> None:
    """Down after repeated refusals, up again with successes, never above what is configured."""
    watch = await seen(in_turn(429, 429), lookups=150, rate="100/1")
    changes = watch.of(RateChanged)
    assert changes[0].after == pytest.approx(0.7 * changes[0].before)
    assert all(later.before == earlier.after for earlier, later in pairwise(changes))
    assert all(change.after > change.before for change in changes[1:])
    assert len(changes) > 2


async def test_shows_a_rate_that_the_servers_headers_lower() -> None:
    """Ten left for a hundred seconds are a tenth of a request a second."""
    low = response(interactions(), x_ratelimit_remaining="10", x_ratelimit_reset="100")
    watch = await seen(in_turn(low), rate="100/1")
    assert [change.after for change in watch.of(RateChanged)] == [0.1]


async def test_shows_when_the_budget_is_spent() -> None:
    """Whose, and of what failure."""
    watch = await seen(lambda _: 500, retry=RetryPolicy(budget=13))
    assert watch.of(BudgetSpent) == [
        BudgetSpent(credential=0, reason="HTTP 500 with an empty body")
    ]
    assert watch.of(LookupEnded)[0].ending == "unavailable"


async def test_tells_once_that_the_budget_is_spent() -> None:
    """A dead endpoint is no reason for a line a customer."""
    watch = await seen(lambda _: 500, lookups=40, retry=RetryPolicy(budget=30))
    assert len(watch.of(LookupEnded)) == 40
    assert len(watch.of(BudgetSpent)) == 1


async def test_shows_an_ending_for_each_item_of_a_stream() -> None:
    """Also for what was never sent."""
    watch = Watch()
    config = settings(api="v2")
    async with InteractionsClient(config, transport=Server(), observers=[watch]) as client:
        await client.lookup_all([customer(1), customer(1).card_number("1234")])
    assert sorted(event.ending for event in watch.of(LookupEnded)) == ["found", "rejected"]


async def test_tells_lookups_apart() -> None:
    """Every event of a lookup has its number, and no other lookup has it, of any client."""
    watches = [await seen(in_turn(500), lookups=2) for _ in range(2)]
    seen_once = [event.lookup for watch in watches for event in watch.of(LookupBegan)]
    assert len(set(seen_once)) == 4
    assert 0 not in seen_once
    for watch in watches:
        first, second = (event.lookup for event in watch.of(LookupBegan))
        assert [event.lookup for event in watch.of(AttemptBegan)] == [first, first, second]
        assert [event.lookup for event in watch.of(AttemptEnded)] == [first, first, second]
        assert [event.lookup for event in watch.of(LookupEnded)] == [first, second]
        assert [event.lookup for event in watch.of(RetryScheduled)] == [first]


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (interactions(), "found"),
        (UNKNOWN, "not_found"),
        (400, "rejected"),
        ({"interaction": 5}, "unreadable"),
        (401, "denied"),
        (429, "throttled"),
        (500, "failed"),
        (TransportError("reset"), "failed"),
    ],
)
async def test_shows_what_an_attempt_came_to(answer: Reply, ending: str) -> None:
    """Each kind of answer has its own word."""
    watch = Watch()
    async with InteractionsClient(
        settings(retry=RetryPolicy(attempts=1)),
        transport=Server(in_turn(answer)),
        observers=[watch],
    ) as client:
        with suppress(AuthenticationError):
            await client.lookup(customer(1))
    assert watch.of(AttemptEnded)[0].ending == ending


async def test_shows_a_lookup_that_is_broken_off() -> None:
    """So that a counter of those that began sees every one of them end."""
    watch = Watch()
    async with InteractionsClient(
        settings(), transport=Server(takes=10), observers=[watch]
    ) as client:
        task = asyncio.create_task(client.lookup(customer(1)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
    (began,) = watch.of(LookupBegan)
    assert watch.of(AttemptEnded)[0].ending == "cancelled"
    assert watch.events[-1] == LookupBroken(lookup=began.lookup, error="CancelledError")
    assert not watch.of(LookupEnded)


async def test_shows_how_long_each_attempt_waited() -> None:
    """Its own wait, not that of the attempts before it."""
    watch = await seen(in_turn(response(429, retry_after="5"), response(429, retry_after="7")))
    waits = [event.waited for event in watch.of(AttemptBegan)]
    assert waits == [0.0, pytest.approx(5, abs=0.1), pytest.approx(7, abs=0.1)]
    assert watch.of(LookupEnded)[0].waited == pytest.approx(sum(waits))


async def test_is_not_harmed_by_an_observer_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Lookups go on, later observers see everything, and one line tells of it."""

    def broken(_: Event) -> None:
        raise RuntimeError("with a secret in it")

    watch = Watch()
    async with InteractionsClient(
        settings(), transport=Server(), observers=[broken, watch]
    ) as client:
        for number in range(3):
            assert isinstance(await client.lookup(customer(number)), Found)
    assert len(watch.of(LookupEnded)) == 3
    errors = [record.getMessage() for record in caplog.records]
    assert errors == ["an observer raised RuntimeError; further ones are not logged"]


async def test_is_quiet_about_what_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    """At INFO there is a line for each retry and nothing for a success."""
    with caplog.at_level(logging.INFO, LOGGER):
        await seen(in_turn(interactions(), 500), lookups=3)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "retry in 0.00 s after attempt 1: HTTP 500 with an empty body")
    ]


@pytest.mark.parametrize(
    ("replies", "lines"),
    [
        (
            [response(429, retry_after="5")],
            ["credential 0 is throttled: nothing is sent for 5.0 s"],
        ),
        ([500] * 5, ["retry budget of credential 0 is spent: HTTP 500 with an empty body"]),
    ],
)
async def test_warns_of_what_a_person_should_know(
    replies: list[Reply], lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A cool-down and a spent budget are warnings."""
    policy = RetryPolicy(wait_initial=0.0, throttled_initial=0.0, budget=13)
    with caplog.at_level(logging.WARNING, LOGGER):
        await seen(in_turn(*replies), retry=policy)
    assert [record.getMessage() for record in caplog.records] == lines


async def test_logs_no_identifier_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG and each kind of failure."""
    secret = BasicAuth("till-name", "pass-word"), BasicAuth("other-name", "other-word")
    number = customer(4711).value
    replies: list[Reply] = [
        500,
        429,
        TransportError("reset"),
        response(401),
        404,
        {"interaction": number},
    ]
    server = Server(in_turn(*replies))
    with caplog.at_level(logging.DEBUG, LOGGER):
        async with InteractionsClient(settings(auth=secret), transport=server) as client:
            for _ in range(4):
                await client.lookup(customer(4711))
    assert len(caplog.records) > 10
    for hidden in (number, "pass-word", "till-name", "other-word", secret[0].md5(), "?format"):
        assert hidden not in caplog.text


def test_shows_no_personal_field() -> None:
    """No event has a place for an identifier, a URL or a secret."""
    kinds = get_args(Event)
    fields = {field.name for kind in kinds for field in attrs.fields(kind)}
    assert {TokenRefreshed, CredentialRefused} < set(kinds)
    assert not fields & {"query", "url", "identifier", "headers", "token", "item"}


async def test_shows_the_client_as_it_is() -> None:
    """Rates, slots, queues and places, counts of requests and endings, at one moment."""
    server = Server(in_turn(500, 400), takes=2.0)
    config = settings(rate="100/1", in_flight=2, retry=RetryPolicy(wait_initial=0.0))
    async with InteractionsClient(config, transport=server) as client:
        lookups = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(5)]
        await asyncio.sleep(1)
        early = client.snapshot()
        assert (early.in_flight, early.waiting, early.requests) == (2, 3, 2)
        assert early.slots_left == 1
        assert early.rate == pytest.approx(97.8, abs=1)
        await asyncio.gather(*lookups)
        late = client.snapshot()
    assert (late.in_flight, late.waiting, late.requests, late.retries) == (0, 0, 6, 1)
    assert late.endings == {
        "found": 4,
        "not_found": 0,
        "rejected": 1,
        "unreadable": 0,
        "unavailable": 0,
    }
    assert late.retry_budget == 500
    assert late.credentials[0].refused is None


async def test_sums_the_credentials_up() -> None:
    """Two are twice as much; nothing is blocked while one of them may send."""
    tills = (BasicAuth("a", "password"), BasicAuth("b", "password"))
    server = Server(in_turn(response(429, retry_after="9"), response(429, retry_after="5")))
    config = settings(auth=tills, rate="10/1", retry=RetryPolicy(throttled_initial=0.0))
    async with InteractionsClient(config, transport=server) as client:
        one = client.snapshot().credentials[0]
        assert client.snapshot().rate == 2 * one.rate
        assert client.snapshot().slots_left == 2
        lookup = asyncio.ensure_future(client.lookup(customers(1)[0]))
        await asyncio.sleep(0.5)
        snapshot = client.snapshot()
        assert [each.cool_down for each in snapshot.credentials] == [8.5, 4.5]
        assert (snapshot.cool_down, snapshot.slots_left, snapshot.throttled) == (4.5, 0, 2)
        assert snapshot.retry_budget == 1000 - 2 * 5
        await lookup
        assert now() == pytest.approx(5 + 1 / one.rate, abs=1e-6)
