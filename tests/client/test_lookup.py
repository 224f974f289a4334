"""One lookup from query to ending: attempts, retries, pages, and their figures."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from capillary_interactions import (
    Found,
    InteractionsClient,
    NotFound,
    Outcome,
    Query,
    Rejected,
    RetryPolicy,
    Timeouts,
    Unavailable,
    Unreadable,
)
from capillary_interactions._http.transport import ResponseTooLargeError, TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions, message
from tests.fakes import Reply, Server, asked, customer, in_turn, now, response, settings

UNKNOWN: Reply = {"errors": [{"status": False, "code": 1012, "message": "customer not found"}]}
NO_WAITS = RetryPolicy(wait_initial=0.0, throttled_initial=0.0)


async def ending(server: Server, query: Query | None = None, **changes: object) -> Outcome:
    """What one lookup ends in."""
    config = settings(**{"retry": NO_WAITS, **changes})
    async with InteractionsClient(config, transport=server) as client:
        return await client.lookup(query or Query(customer()))


@pytest.mark.parametrize(
    ("replies", "kind", "attempts"),
    [
        ([interactions()], Found, 1),
        ([500, 502, interactions()], Found, 3),
        ([TransportError("reset"), interactions()], Found, 2),
        ([Response(status=200, body=b"<html>"), interactions()], Found, 2),
        ([429, interactions()], Found, 2),
        ([UNKNOWN], NotFound, 1),
        ([400], Rejected, 1),
        ([{"interaction": 5}], Unreadable, 1),
        ([ResponseTooLargeError("the answer is too large")], Unreadable, 1),
        ([500] * 5, Unavailable, 5),
        ([500] * 4 + [503], Unavailable, 5),
        ([500, 404], Rejected, 2),
    ],
)
async def test_counts_its_attempts(
    replies: list[Reply], kind: type[Outcome], attempts: int
) -> None:
    """As many as were sent, and no more than need be."""
    server = Server(in_turn(*replies))
    outcome = await ending(server)
    assert isinstance(outcome, kind)
    assert outcome.attempts == len(server.requests) == attempts


async def test_tries_again_where_the_transport_cancels_itself() -> None:
    """A cancellation that comes from the transport is a failure of the transport."""
    once = await ending(Server(in_turn(asyncio.CancelledError(), interactions())))
    assert (type(once), once.attempts) == (Found, 2)

    always = await ending(Server(in_turn(then=asyncio.CancelledError())))
    assert isinstance(always, Unavailable)
    assert always.reason == "the transport gave the request up"


async def test_ends_with_the_last_reason_and_status() -> None:
    """Of five failures the fifth, with the server's own hint."""
    outcome = await ending(Server(in_turn(500, 502, 500, 500, response(503, retry_after="9"))))
    assert isinstance(outcome, Unavailable)
    assert (outcome.status, outcome.retry_after) == (503, 9.0)
    assert "503" in outcome.reason


async def test_waits_at_least_as_long_as_the_server_asked() -> None:
    """Retry-After of a fault is waited for, and not counted as waiting for quota."""
    server = Server(in_turn(response(503, retry_after="4")))
    outcome = await ending(server)
    assert server.arrivals == [0.0, 4.0]
    assert (outcome.elapsed, outcome.waited) == (4.0, 0.0)


@pytest.mark.parametrize(
    ("most", "asked_for", "pause"),
    [(5.0, 60, 60.0), (5.0, 86_400, 3600.0), (7200.0, 86_400, 7200.0), (7200.0, 60, 60.0)],
)
async def test_pauses_the_others_as_long_as_the_server_asks(
    most: float, asked_for: int, pause: float
) -> None:
    """However little one lookup would wait for: an hour is believed in any case."""
    server = Server(in_turn(response(429, retry_after=str(asked_for))))
    retry = RetryPolicy(wait_initial=0.0, throttled_initial=0.0, retry_after_max=most)
    async with InteractionsClient(settings(retry=retry), transport=server) as client:
        first = await client.lookup(customer(1))
        assert client.snapshot().cool_down == pause
        other = await client.lookup(customer(2), timeout=math.inf)
    assert isinstance(first, Unavailable) or asked_for <= most
    assert isinstance(other, Found)
    assert server.arrivals[-1] == pytest.approx(pause, abs=0.1)


async def test_counts_the_wait_for_a_cool_down() -> None:
    """After a 429 with Retry-After nothing is sent for as long; it counts as waited."""
    server = Server(in_turn(response(429, retry_after="4")))
    outcome = await ending(server)
    assert server.arrivals[1] >= 4
    assert outcome.waited == pytest.approx(4.0, abs=0.01)


async def test_counts_the_wait_for_the_quota() -> None:
    """At one request in ten seconds, the second lookup has waited for ten."""
    server = Server()
    async with InteractionsClient(settings(rate="1/10"), transport=server) as client:
        first, second = await asyncio.gather(*(client.lookup(customer(n)) for n in (1, 2)))
    assert first.waited == 0
    assert second.waited == second.elapsed == pytest.approx(10.2, abs=0.1)


async def test_holds_no_place_while_it_waits_for_a_retry() -> None:
    """With one place only, others go on while a failed lookup waits."""
    server = Server(in_turn(response(503, retry_after="50")))
    async with InteractionsClient(settings(in_flight=1), transport=server) as client:
        failed = asyncio.ensure_future(client.lookup(customer(1)))
        await asyncio.sleep(1)
        assert isinstance(await client.lookup(customer(2)), Found)
        assert now() == 1
        assert isinstance(await failed, Found)


async def test_keeps_the_servers_name_for_the_last_request() -> None:
    """X-Cap-Requestid is kept, or X-CAP-REQUEST-ID, of the request that ended the lookup."""
    server = Server(
        in_turn(
            response(500, x_cap_requestid="first"),
            response(interactions(), x_cap_requestid="second"),
        )
    )
    assert (await ending(server)).request_id == "second"
    newer = Server(in_turn(response(interactions(), x_cap_request_id="third")))
    assert (await ending(newer)).request_id == "third"
    assert (await ending(Server())).request_id is None


async def test_gives_a_request_no_more_time_than_it_may_take() -> None:
    """An attempt has its own limit, and ends as a failure that is tried again."""
    server = Server(takes=10.0)
    outcome = await ending(server, timeouts=Timeouts(total=7.0, attempt=3.0))
    assert isinstance(outcome, Unavailable)
    assert server.arrivals == [0.0, 3.0, 6.0]
    assert outcome.elapsed == 7


async def test_ends_before_the_deadline_where_a_retry_would_come_after_it() -> None:
    """There is no use in sleeping towards a deadline."""
    outcome = await ending(
        Server(in_turn(response(503, retry_after="90"))), timeouts=Timeouts(total=60.0)
    )
    assert isinstance(outcome, Unavailable)
    assert (outcome.elapsed, outcome.status, outcome.retry_after) == (0.0, 503, 90.0)
    assert "before the deadline" in outcome.reason


async def test_costs_a_dead_endpoint_a_bounded_number_of_retries() -> None:
    """Five hundred lookups: 35 retries and no more, and then each fails at its first try."""
    server = Server(lambda _: 500)
    async with InteractionsClient(settings(retry=NO_WAITS), transport=server) as client:
        outcomes = await client.lookup_all([Query(customer(n)) for n in range(500)])
        assert client.snapshot().retry_budget == 500 - 35 * 14
    assert len(server.requests) == 535
    assert sum(outcome.attempts for outcome in outcomes) == 535
    spent = [one for one in outcomes if isinstance(one, Unavailable)]
    assert len(spent) == 500
    assert {one.reason for one in spent if one.attempts == 1} == {
        "retry budget spent: HTTP 500 with an empty body"
    }
    assert {one.status for one in spent} == {500}


def history(
    count: int, page: int = 50, *, ignores_offset: bool = False, counts_page: bool = False
) -> Callable[[Request], Reply]:
    """A server's pages of `count` messages; its count is of all, or of the page."""

    def answer(request: Request) -> Reply:
        offset = 0 if ignores_offset else int(asked(request).get("offset", 0))
        size = int(asked(request).get("limit", page))
        listed = [message(number) for number in range(1, count + 1)][offset : offset + size]
        return interactions(email=listed, counts={"email": len(listed) if counts_page else count})

    return answer


def _ids(outcome: Outcome) -> list[int | None]:
    return [message.id for _, message in outcome.unwrap().messages()]


@pytest.mark.parametrize(
    ("answer", "changes", "offsets", "count", "truncated"),
    [
        (history(120), {}, [None, "50", "100"], 120, False),
        (history(25), {"page_size": 10}, [None, "10", "20"], 25, False),
        (history(120, counts_page=True), {}, [None, "50", "100"], 120, False),
        # A page that brings nothing new is the last.
        (history(120, ignores_offset=True), {}, [None, "50"], 50, True),
        (history(500), {"max_pages": 3}, [None, "50", "100"], 150, True),
    ],
)
async def test_gathers_every_page(
    answer: Callable[[Request], Reply],
    changes: dict[str, Any],
    offsets: list[str | None],
    count: int,
    truncated: bool,
) -> None:
    """All messages once, in as many requests as it takes; what is missing is marked."""
    server = Server(answer)
    outcome = await ending(server, **changes)
    sent = [asked(request) for request in server.requests]
    assert [parameters.get("offset") for parameters in sent] == offsets
    limit = "10" if "page_size" in changes else None
    assert {parameters.get("limit") for parameters in sent} == {limit}
    assert _ids(outcome) == list(range(1, count + 1))
    assert outcome.attempts == len(offsets)
    assert outcome.unwrap().truncated is truncated


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, Query(customer(), limit=10)),
        ({}, Query(customer(), offset=10)),
        ({"api": "v2"}, Query(customer())),
    ],
)
async def test_asks_for_one_page_only(changes: dict[str, object], query: Query) -> None:
    """Where the caller says which, and where the version knows no pages."""
    server = Server(history(120))
    await ending(server, query, **changes)
    assert len(server.requests) == 1


async def test_retries_each_page_by_itself() -> None:
    """A page that failed is asked for again; the pages before it are kept."""
    pages = history(120)
    turns = iter([0, 500, 500, 0, 500, 0])
    server = Server(lambda request: next(turns) or pages(request))
    outcome = await ending(server)
    assert outcome.attempts == 6
    assert _ids(outcome) == list(range(1, 121))


async def test_has_no_half_of_an_answer() -> None:
    """Where a further page never comes, the lookup as a whole is unavailable."""
    pages = history(120)
    server = Server(lambda request: 500 if "offset" in asked(request) else pages(request))
    assert isinstance(await ending(server), Unavailable)
