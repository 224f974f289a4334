"""Outcomes as they end, tied to their items; when a stream stops, and what it leaves."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from capillary_interactions import (
    AuthenticationError,
    ConfigurationError,
    Found,
    Identifier,
    InteractionsClient,
    Outcome,
    Query,
    Rejected,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions._errors import EndpointDownError
from capillary_interactions._protocol.messages import Request
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, customer, customers, each, now, others, settings
from tests.tables import table


def client_of(server: Server, **changes: object) -> InteractionsClient:
    """A client of a server, without retries unless they are set."""
    config = settings(**{"retry": RetryPolicy(attempts=1), **changes})
    return InteractionsClient(config, transport=server)


async def test_ties_each_outcome_to_its_item() -> None:
    """With a key, the item is what the source gave; the query is what was asked."""
    events: list[dict[str, Any]] = [
        {"event": number, "mobile": customer(number).value} for number in range(20)
    ]
    async with (
        client_of(Server()) as client,
        client.stream(events, key=lambda e: Identifier.mobile(e["mobile"])) as outcomes,
    ):
        ended = [outcome async for outcome in outcomes]
    assert sorted(outcome.item["event"] for outcome in ended) == list(range(20))
    assert all(one.query.identifier.value == one.item["mobile"] for one in ended)


async def test_takes_an_endless_source_of_either_kind() -> None:
    """And reads no more of it than twice what is in flight."""
    read = 0

    async def endless() -> AsyncIterator[Identifier]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield customer(number)

    server = Server(takes=1.0)
    async with client_of(server) as client, client.stream(endless(), in_flight=5) as outcomes:
        taken = 0
        async for _ in outcomes:
            taken += 1
            assert read <= taken + 2 * 5
            if taken == 50:
                break
    assert server.most == 5
    assert others() == set()


async def test_has_no_deadline_unless_one_is_given() -> None:
    """What waits for quota in a stream may wait for hours; with a timeout it may not."""
    async with client_of(Server(), rate="1/600") as client:
        async with client.stream(customers(5), ordered=True) as outcomes:
            assert [outcome.ending async for outcome in outcomes] == ["found"] * 5
        assert now() > 2400
        async with client.stream(customers(3), timeout=5) as outcomes:
            assert [outcome.ending async for outcome in outcomes] == ["unavailable"] * 3


async def test_ends_a_query_that_this_version_cannot_ask_as_rejected() -> None:
    """One odd item stops nothing, and is counted."""
    odd = [Query(customer(1)), Query(Identifier.mobile("1,2")), Query(customer(3))]
    server = Server()
    async with client_of(server) as client:
        outcomes = await client.lookup_all(odd)
        assert client.snapshot().endings["rejected"] == 1
    assert [type(outcome) for outcome in outcomes] == [Found, Rejected, Found]
    assert outcomes[1].item is odd[1]
    assert len(server.requests) == 2


async def test_stops_at_once_where_the_credentials_are_refused() -> None:
    """The error comes out bare, and no task is left."""
    server = Server(lambda _: 401, takes=1.0)
    ended: list[Outcome] = []
    async with client_of(server) as client:
        stream = client.stream(map(customer, itertools.count()), in_flight=4)
        with pytest.raises(AuthenticationError):
            await each(stream, ended.append)
    assert ended == []
    assert len(server.requests) <= 8
    assert others() == set()


async def test_gives_up_after_so_many_unavailable_endings_in_a_row() -> None:
    """What was read still ends; then the error tells how all of it has ended."""
    server = Server(lambda _: 500, takes=1.0)
    ended: list[Outcome] = []
    async with client_of(server) as client:
        stream = client.stream(map(customer, itertools.count()), in_flight=2, give_up_after=6)
        with pytest.raises(EndpointDownError) as down:
            await each(stream, ended.append)
    assert all(isinstance(outcome, Unavailable) for outcome in ended)
    assert 6 <= len(ended) <= 6 + 4
    assert down.value.consecutive == 6
    assert down.value.counts["unavailable"] == len(ended) > 6
    assert others() == set()


async def test_does_not_give_up_while_an_answer_comes_now_and_then() -> None:
    """Only endings in a row count."""
    turns = itertools.cycle([500, 500, 0])

    def answer(_: Request) -> Reply:
        return next(turns) or interactions()

    async with (
        client_of(Server(answer)) as client,
        client.stream(customers(90), in_flight=1, give_up_after=3) as outcomes,
    ):
        assert len([outcome async for outcome in outcomes]) == 90


@table("wrong", [{"in_flight": 0}, {"give_up_after": 0}, {"timeout": -1.0}])
def test_refuses_settings_that_cannot_work(wrong: dict[str, float]) -> None:
    """When the stream is made, with the name of the setting."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        client_of(Server()).stream([], **wrong)  # type: ignore[call-overload] # on purpose


async def test_raises_where_an_item_is_no_query() -> None:
    """After the outcomes of those before it."""
    ended: list[Outcome] = []
    async with client_of(Server()) as client:
        with pytest.raises(ValueError, match="not a int"):
            await each(client.stream([customer(), 5]), ended.append)  # type: ignore[list-item] # on purpose
    assert len(ended) == 1


async def test_cancels_what_is_under_way_when_it_is_left() -> None:
    """Requests too, and their places are free again."""
    server = Server(takes=5.0)
    async with client_of(server) as client:
        async with client.stream(map(customer, itertools.count()), in_flight=8) as outcomes:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await anext(outcomes)
        assert (server.under_way, client.snapshot().in_flight) == (0, 0)
        assert others() == set()


async def test_is_read_within_its_block_only() -> None:
    """Neither before it is entered nor after it was left, when its lookups are not cancelled."""
    async with client_of(Server()) as client:
        stream = client.stream(customers(3))
        with pytest.raises(RuntimeError, match="async with"):
            await anext(stream)
        async with stream:
            assert isinstance(await anext(stream), Found)
        with pytest.raises(RuntimeError, match="async with"):
            await anext(stream)
    assert not others()


async def test_closes_a_generator_that_it_was_reading() -> None:
    """What the source holds open is let go of when the stream is left, not some day."""
    closed = False

    async def source() -> AsyncIterator[Identifier]:
        nonlocal closed
        try:
            for number in itertools.count():
                yield customer(number)
        finally:
            closed = True

    async with client_of(Server(takes=1.0)) as client, client.stream(source()) as outcomes:
        await anext(outcomes)
    assert closed
