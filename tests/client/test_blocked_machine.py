"""A firewall begins to block this machine in the middle of a list: no customer is to blame."""

import asyncio
from collections import Counter
from collections.abc import Callable

import orjson
import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    EndpointDownError,
    InteractionsClient,
    Outcome,
    Rejected,
)
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, asked, customer, customers, each, in_turn, settings

_HTML = b"<html>Request blocked. Reference 18.abc</html>"
_GATEWAY = orjson.dumps({"message": "Forbidden"})


def _after(good: int, *pages: Response) -> Callable[[Request], Reply]:
    left = [interactions()] * good
    count = iter(range(10**9))
    return lambda _: left.pop() if left else pages[next(count) % len(pages)]


@pytest.mark.parametrize("in_flight", [1, 8, 64])
@pytest.mark.parametrize(
    ("pages", "error"),
    [
        ([Response(status=403, body=_HTML)], AuthenticationError),
        ([Response(status=403)], AuthenticationError),
        ([Response(status=403, body=_GATEWAY)], AuthenticationError),
        ([Response(status=401, body=_HTML)], AuthenticationError),
        ([Response(status=406, body=_HTML)], EndpointDownError),
        ([Response(status=451, body=_HTML)], EndpointDownError),
        ([Response(status=302, body=_HTML)], EndpointDownError),
        (
            [Response(status=403, body=_HTML), Response(status=406, body=_HTML)],
            (AuthenticationError, EndpointDownError),
        ),
    ],
)
async def test_ends_a_stream_with_few_rejections(
    pages: list[Response], error: type[Exception], in_flight: int
) -> None:
    """Five different customers in a row, and it raises; every earlier outcome has come."""
    server = Server(_after(100, *pages), takes=0.01)
    ended: list[Outcome] = []
    async with InteractionsClient(settings(rate="1000/1"), transport=server) as client:
        with pytest.raises(error, match=f"HTTP {pages[-1].status}|HTTP {pages[0].status}"):
            await each(client.stream(customers(2000), in_flight=in_flight), ended.append)
        assert client.snapshot().in_flight == 0
    endings = Counter(outcome.ending for outcome in ended)
    assert endings["found"] == 100
    assert endings["rejected"] <= 4
    assert len(server.requests) <= 100 + 2 * in_flight + 12


async def test_says_that_others_were_answered_before() -> None:
    """The error names what may block the machine, and not the password."""
    server = Server(_after(3, Response(status=403, body=_HTML)))
    async with InteractionsClient(settings(), transport=server) as client:
        with pytest.raises(AuthenticationError, match="a proxy or firewall may block this machine"):
            await client.lookup_all(customers(20))


async def test_goes_on_where_answers_come_in_between() -> None:
    """However many a firewall dislikes, as long as the API answers others."""
    page = Response(status=403, body=_HTML)
    odd = {customer(number).value for number in range(200) if number % 5}
    server = Server(lambda request: page if asked(request)["mobile"] in odd else interactions())
    async with (
        InteractionsClient(settings(), transport=server) as client,
        client.stream(customers(200), in_flight=1) as outcomes,
    ):
        endings = Counter([outcome.ending async for outcome in outcomes])
    assert endings == {"found": 40, "rejected": 160}


async def test_counts_different_customers_of_all_lookups() -> None:
    """One customer again and again is one, and an answer to another lookup is an answer."""
    page = Response(status=403, body=_HTML)
    server = Server(in_turn(interactions(), *[page] * 50, interactions(), *[page] * 4))
    async with InteractionsClient(settings(), transport=server) as client:
        await client.lookup(customer(0))
        outcomes = await client.lookup_all([customer(1)] * 50)
        assert {type(outcome) for outcome in outcomes} == {Rejected}
        await client.lookup(customer(2))
        outcomes = await client.lookup_all(customers(4))
        assert {type(outcome) for outcome in outcomes} == {Rejected}


async def test_counts_over_several_credentials() -> None:
    """It is the machine that is blocked, whichever credential is used."""
    tills = tuple(BasicAuth(f"till{number}", "password") for number in range(3))
    server = Server(_after(100, Response(status=403, body=_HTML)), takes=0.01)
    ended: list[Outcome] = []
    async with InteractionsClient(settings(auth=tills, rate="100/1"), transport=server) as client:
        with pytest.raises(AuthenticationError):
            await each(client.stream(customers(900), in_flight=8), ended.append)
    assert sum(isinstance(outcome, Rejected) for outcome in ended) <= 4


@pytest.mark.parametrize("status", [403, 406])
async def test_leaves_single_lookups_their_outcomes(status: int) -> None:
    """A single lookup has an ending, however many others were refused before."""
    server = Server(_after(1, Response(status=status, body=_HTML)))
    async with InteractionsClient(settings(), transport=server) as client:
        await client.lookup(customer(0))
        for number in range(1, 30):
            assert isinstance(await client.lookup(customer(number)), Rejected)


async def test_takes_no_page_for_an_answer() -> None:
    """A page that is no refusal proves no credentials: the refusals after it are believed."""
    server = Server(in_turn(Response(status=406, body=_HTML), then=Response(status=403)))
    async with InteractionsClient(settings(), transport=server) as client:
        await client.lookup(customer(0))
        with pytest.raises(AuthenticationError):
            await asyncio.gather(*(client.lookup(customer(number)) for number in (1, 2)))
