"""One client: lookups, lists, priority, closing, and the loops and processes it lives in."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest

from capillary_interactions import (
    AuthenticationError,
    ConfigurationError,
    EndpointDownError,
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    Outcome,
    Query,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions.testing import interactions
from tests.fakes import Server, asked, customer, customers, each, in_turn, now, others, settings
from tests.tables import table

UNKNOWN = {"errors": [{"status": False, "code": 1012, "message": "customer not found"}]}


def client_of(server: Server, **changes: object) -> InteractionsClient:
    """A client of a server."""
    return InteractionsClient(settings(**changes), transport=server)


@pytest.mark.parametrize("query", [customer(7), Query(customer(7))])
async def test_looks_a_customer_up(query: Identifier | Query) -> None:
    """By an identifier or a whole query; the outcome keeps what was asked."""
    async with client_of(Server()) as client:
        outcome = await client.lookup(query)
    assert isinstance(outcome, Found)
    assert outcome.query == Query(customer(7))
    assert outcome.item is query
    assert outcome.unwrap().interactions == ()


@pytest.mark.parametrize(
    ("query", "timeout"),
    [
        ("919738522695", None),
        (None, None),
        (customer(), -1.0),
        (customer(), 0.0),
        (customer(), math.nan),
        (Identifier.mobile("1,2"), None),
    ],
)
async def test_refuses_what_cannot_be_asked(query: object, timeout: float | None) -> None:  # noqa: ASYNC109 - what is given
    """At once, as a ValueError, and nothing is sent."""
    server = Server()
    async with client_of(server) as client:
        with pytest.raises(ValueError, match=r".+"):
            await client.lookup(query, timeout)  # type: ignore[arg-type] # on purpose
    assert server.requests == []


async def test_gives_a_lookup_no_more_time_than_it_may_take() -> None:
    """With the setting's time, the caller's, or any."""
    server = Server(takes=100.0)
    async with client_of(server) as client:
        outcome = await client.lookup(customer())
        assert isinstance(outcome, Unavailable)
        assert outcome.elapsed == 60
        assert (await client.lookup(customer(), timeout=0.5)).elapsed == 0.5
        server.takes = 15.0
        assert isinstance(await client.lookup(customer(), timeout=math.inf), Found)
    assert others() == set()


async def test_returns_at_once_where_the_quota_is_used_up_beyond_the_deadline() -> None:
    """And says when there would have been a slot."""
    async with client_of(Server(), rate="1/10") as client:
        await client.lookup(customer(1))
        outcome = await client.lookup(customer(2), timeout=0.5)
    assert isinstance(outcome, Unavailable)
    assert (outcome.attempts, outcome.elapsed, now()) == (0, 0.0, 0.0)
    assert outcome.retry_after == pytest.approx(10.2, abs=0.1)


async def test_gives_a_list_back_in_its_order() -> None:
    """Whatever takes how long."""

    def slower(_: object) -> dict[str, object]:
        server.takes = max(0.0, server.takes - 0.1)
        return interactions()

    server = Server(slower, takes=3.0)
    async with client_of(server) as client:
        outcomes = await client.lookup_all(customers(20))
    assert [outcome.query for outcome in outcomes] == customers(20)


async def test_asks_once_for_equal_queries_in_the_air() -> None:
    """Ten people at one customer are one request, unless that is switched off."""
    server = Server(takes=1.0)
    async with client_of(server) as client:
        await asyncio.gather(*(client.lookup(customer(1)) for _ in range(10)))
        assert len(server.requests) == 1
    async with client_of(server, single_flight=False) as client:
        await asyncio.gather(*(client.lookup(customer(1)) for _ in range(10)))
    assert len(server.requests) == 11


@pytest.mark.parametrize(("reply", "kind"), [(interactions(), Found), (UNKNOWN, NotFound)])
async def test_gives_an_answer_again_while_it_is_fresh(
    reply: dict[str, object], kind: type[Found | NotFound]
) -> None:
    """With a cache, the second of two close ones is not sent."""
    server = Server(lambda _: reply)
    async with client_of(server, cache_ttl=10.0) as client:
        await client.lookup(customer())
        again = await client.lookup(customer())
        assert isinstance(again, kind)
        assert (again.attempts, again.waited) == (0, 0.0)
        await asyncio.sleep(10)
        assert (await client.lookup(customer())).attempts == 1
    assert len(server.requests) == 2


async def test_keeps_no_failure() -> None:
    """A fault is asked about anew."""
    server = Server(in_turn(400))
    async with client_of(server, cache_ttl=10.0) as client:
        await client.lookup(customer())
        assert isinstance(await client.lookup(customer()), Found)


async def test_lets_a_lookup_go_ahead_of_a_stream_and_starves_neither() -> None:
    """A person waits for one slot; among many people, the stream keeps a tenth."""
    server = Server()
    async with (
        client_of(server, rate="10/1") as client,
        client.stream(customers(60)) as outcomes,
    ):
        taking = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(0.5)
        began = now()
        await client.lookup(customer(1000))
        assert now() - began <= 0.2
        arrived = len(server.requests)
        await asyncio.gather(*(client.lookup(customer(2000 + n)) for n in range(40)))
        between = [asked(request)["mobile"] for request in server.requests[arrived:]]
        assert sum(value < customer(1000).value for value in between) in (4, 5)
        await taking


async def test_cancels_a_request_with_its_only_lookup() -> None:
    """And gives its place back."""
    server = Server(takes=5.0)
    async with client_of(server, in_flight=1) as client:
        lookup = asyncio.ensure_future(client.lookup(customer(1)))
        await asyncio.sleep(1)
        lookup.cancel()
        await asyncio.wait({lookup})
        assert (server.under_way, client.snapshot().in_flight) == (0, 0)
        assert isinstance(await client.lookup(customer(2)), Found)


async def test_lets_what_is_under_way_finish_while_it_closes() -> None:
    """For so long as it was given; nothing new is taken."""
    server = Server(takes=3.0)
    client = client_of(server)
    async with client:
        lookup = asyncio.ensure_future(client.lookup(customer()))
        await asyncio.sleep(1)
        closing = asyncio.ensure_future(client.aclose(drain=10))
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match="closed"):
            await client.lookup(customer())
        with pytest.raises(RuntimeError, match="closed"):
            client.stream([])
        await closing
        assert now() == 3
        assert isinstance(await lookup, Found)
    assert server.closed >= 1


@pytest.mark.parametrize("drain", [0.0, 2.0])
async def test_ends_what_does_not_finish_in_time_as_unavailable(drain: float) -> None:
    """A lookup that is cut off has an outcome too."""
    client = client_of(Server(takes=15.0))
    async with client:
        lookups = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(5)]
        await asyncio.sleep(1)
        await client.aclose(drain=drain)
        assert now() == 1 + drain
        for outcome in await asyncio.gather(*lookups):
            assert isinstance(outcome, Unavailable)
            assert "closed" in outcome.reason
    assert others() == set()


async def test_ends_a_stream_after_what_it_has_read_when_it_closes() -> None:
    """No item that was read is lost, and the reader gets an error."""
    read: list[Query] = []

    def endless() -> Iterator[Query]:
        for number in range(1_000_000):
            read.append(Query(customer(number)))
            yield read[-1]

    client = client_of(Server(takes=1.0))
    ended: list[Outcome] = []
    closing: list[asyncio.Task[None]] = []

    def see(outcome: Outcome) -> None:
        ended.append(outcome)
        if len(ended) == 10:
            closing.append(asyncio.ensure_future(client.aclose(drain=10)))

    async with client:
        with pytest.raises(RuntimeError, match="closed"):
            await each(client.stream(endless(), in_flight=4), see)
    await asyncio.wait(closing)
    assert sorted(outcome.item.identifier.value for outcome in ended) == [
        query.identifier.value for query in read
    ]
    assert all(isinstance(outcome, Found) for outcome in ended)


async def test_raises_for_everybody_where_the_credentials_are_refused() -> None:
    """Each lookup that is under way, and a list as a whole."""
    server = Server(lambda _: 401, takes=1.0)
    async with client_of(server) as client:
        raised = await asyncio.gather(
            *(client.lookup(customer(n)) for n in range(5)), return_exceptions=True
        )
        assert all(isinstance(error, AuthenticationError) for error in raised)
        with pytest.raises(AuthenticationError):
            await client.lookup_all(customers(5))
    assert others() == set()


@table(
    ("options", "message"),
    [
        ({"in_flight": 0}, "in_flight"),
        ({"timeout": -1.0}, "timeout"),
        ({"share": 2.0}, "share"),
        ({"give_up_after": 0}, "give_up_after"),
    ],
)
async def test_refuses_arguments_of_a_list_that_cannot_work(
    options: dict[str, Any], message: str
) -> None:
    """As a stream does."""
    async with client_of(Server()) as client:
        with pytest.raises(ConfigurationError, match=message):
            await client.lookup_all(customers(1), **options)
        with pytest.raises(TypeError, match="ordered"):
            await client.lookup_all(customers(1), ordered=False)  # type: ignore[call-overload]


async def test_looks_a_list_up_as_a_stream_would() -> None:
    """Items by a key, a few at once, each in its time, with a part of the rate, and in order."""
    server = Server(
        lambda request: 503 if asked(request)["mobile"].endswith("3") else interactions()
    )
    rows = [(number, customer(number).value) for number in range(20)]
    key = lambda row: Identifier.mobile(row[1])  # noqa: E731 - as it is written in a call
    async with client_of(server, rate="100/1", retry=RetryPolicy(attempts=1)) as client:
        server.takes = 0.15
        outcomes = await client.lookup_all(rows, key=key, in_flight=2, share=0.1)
        assert [outcome.item for outcome in outcomes] == rows
        assert server.most == 2
        assert now() == pytest.approx(2.0, abs=0.2)
        server.takes = 5.0
        late = await client.lookup_all(rows[:2], key=key, timeout=0.5)
        assert [outcome.elapsed for outcome in late] == [0.5, 0.5]
        server.takes = 0.0
        with pytest.raises(EndpointDownError) as raised:
            await client.lookup_all([rows[3]] * 9, key=key, in_flight=1, give_up_after=2)
    assert raised.value.consecutive == 2
