"""Views of a client: what is their own, and what they share."""

import asyncio
from collections import Counter

import pytest
from attrs import evolve

from capillary_interactions import (
    ConfigurationError,
    Found,
    InteractionsClient,
    OAuth,
    Request,
    Response,
    RetryPolicy,
    Timeouts,
    Unavailable,
)
from capillary_interactions.testing import interactions
from tests.fakes import Server, Watch, asked, customer, customers, in_turn, now, settings
from tests.tables import table

TOKEN = {"data": {"accessToken": "t", "ttlSeconds": 3600}}


def client_of(server: Server, **changes: object) -> InteractionsClient:
    """A client of a server."""
    return InteractionsClient(settings(**changes), transport=server)


async def test_has_timeouts_and_retries_of_its_own() -> None:
    """The client itself, a view, and a view of the view; each keeps what it was not given."""
    server = Server(lambda _: 503, takes=1.0)
    retry = RetryPolicy(attempts=2, wait_initial=0.0)
    async with client_of(server, retry=retry) as client:
        hasty = client.with_options(timeouts=Timeouts(total=0.5))
        once = hasty.with_options(retry=RetryPolicy(attempts=1))
        outcomes = [await each.lookup(customer()) for each in (client, hasty, once)]
        patient = once.with_options(timeouts=Timeouts(attempt=0.25))
        outcomes += [await patient.lookup(customer())]
    assert [(outcome.attempts, outcome.elapsed) for outcome in outcomes] == [
        (2, 2.0), (1, 0.5), (1, 0.5), (1, 0.25)
    ]  # fmt: skip
    assert isinstance(outcomes[3], Unavailable)
    assert outcomes[3].reason == "no whole answer within 0.25 s"


async def test_sends_its_headers_with_each_request() -> None:
    """Beside the client's own and in their place, in any spelling; in streams, too."""
    server = Server()
    async with client_of(server, headers={"X-Shop": "1", "X-Brand": "a"}) as client:
        view = client.with_options(headers={"x-shop": "2"})
        inner = view.with_options(headers={"X-Trace": "t", "X-SHOP": "3"})
        for each in (client, view, inner):
            await each.lookup(customer())
        await inner.lookup_all(customers(1))
    sent = [
        {name: text for name, text in request.headers.items() if name.lower().startswith("x-")}
        for request in server.requests
    ]
    last = {"X-SHOP": "3", "X-Brand": "a", "X-Trace": "t"}
    assert sent == [{"X-Shop": "1", "X-Brand": "a"}, {"x-shop": "2", "X-Brand": "a"}, last, last]
    assert all("Authorization" in request.headers for request in server.requests)
    assert inner.config.headers == last
    assert client.config.headers == {"X-Shop": "1", "X-Brand": "a"}


async def test_sends_its_headers_beside_a_token_and_not_for_one() -> None:
    """The token is the client's, and is got once."""
    server = Server(in_turn(TOKEN))
    async with client_of(server, auth=OAuth("key", "secret")) as client:
        for number in range(3):
            view = client.with_options(headers={"X-Trace": str(number)})
            assert isinstance(await view.lookup(customer(number)), Found)
    token, *lookups = server.requests
    assert (token.body is None, "X-Trace" in token.headers) == (False, False)
    assert [request.headers["X-Trace"] for request in lookups] == ["0", "1", "2"]
    assert {request.headers["X-CAP-API-OAUTH-TOKEN"] for request in lookups} == {"t"}


class Late(Server):
    """It knows when a request is written, as a transport with connections of its own does."""

    calls_before_send = True

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Ask for the newest token first."""
        if request.before_send is not None:  # a request for a token may leave at once
            renewed = await request.before_send() or {}
            request = evolve(request, headers={**request.headers, **renewed})
        return await super().send(request, timeout=timeout)


async def test_keeps_its_headers_where_a_token_is_renewed_before_sending() -> None:
    """Those of the new token do not replace them."""
    transport = Late(in_turn(TOKEN, then=interactions()))
    own = {"Accept": "text/plain", "X-Trace": "t"}
    config = settings(auth=OAuth("key", "secret"))
    async with InteractionsClient(config, transport=transport) as client:
        assert isinstance(await client.with_options(headers=own).lookup(customer()), Found)
    sent = transport.requests[-1].headers
    assert {name: sent[name] for name in own} == own
    assert sent["X-CAP-API-OAUTH-TOKEN"] == "t"


OPTIONS = {
    "nothing": {},
    "its total timeout": {"timeouts": Timeouts(total=9.0)},
    "an age of cached answers": {"cache_ttl": 9.0},
    "the same retries": {"retry": RetryPolicy()},
    "other retries": {"retry": RetryPolicy(attempts=1)},
    "another timeout of an attempt": {"timeouts": Timeouts(attempt=9.0)},
    "headers": {"headers": {"X-Shop": "1"}},
    "other headers": {"headers": {"X-Shop": "2"}},
}


@table(("first", "second"), [(first, second) for first in OPTIONS for second in OPTIONS])
async def test_shares_requests_with_equal_lookups_alone(first: str, second: str) -> None:
    """Equal in what is sent, and in how an answer is tried for."""
    server = Server(takes=1.0)
    shared = set(list(OPTIONS)[:4])
    async with client_of(server) as client:
        views = [client.with_options(**OPTIONS[name]) for name in (first, second)]  # type: ignore[arg-type]
        await asyncio.gather(*(view.lookup(customer()) for view in views))
    equal = first == second or {first, second} <= shared
    assert len(server.requests) == (1 if equal else 2)


async def test_finds_answers_that_are_young_enough_for_it() -> None:
    """One cache for all, in which each accepts what its own time allows, with its own headers."""
    server = Server()
    async with client_of(server) as client:
        brief, long = (client.with_options(cache_ttl=ttl) for ttl in (10.0, 100.0))
        other = long.with_options(headers={"Accept-Language": "hi"})
        assert (await brief.lookup(customer())).attempts == 1
        await asyncio.sleep(50.0)
        attempts = [(await each.lookup(customer())).attempts for each in (long, client, other)]
        assert attempts == [0, 1, 1]
        # A new view for each request finds what the one before it has stored.
        again = client.with_options(cache_ttl=10.0)
        assert (await again.lookup(customer())).attempts == 1
        assert (await client.with_options(cache_ttl=10.0).lookup(customer())).attempts == 0
        assert (
            await other.with_options(timeouts=Timeouts(total=1)).lookup(customer())
        ).attempts == 0


async def test_keeps_the_quota_and_the_budget_of_its_client() -> None:
    """And its counts, its observers and its credentials."""
    server, watch = Server(lambda _: 503), Watch()
    config = settings(rate="10/1", retry=RetryPolicy(budget=28, wait_initial=0.0))
    async with InteractionsClient(config, transport=server, observers=[watch]) as client:
        views = [client.with_options(headers={"X-Number": str(number)}) for number in range(30)]
        outcomes = await asyncio.gather(*(view.lookup(customer()) for view in views))
        snapshot = views[0].snapshot()
    assert len(server.requests) == 32
    assert now() > 3.0
    assert Counter(outcome.ending for outcome in outcomes) == {"unavailable": 30}
    assert snapshot == client.snapshot()
    assert (snapshot.endings["unavailable"], snapshot.requests, snapshot.retry_budget) == (
        30,
        32,
        0,
    )
    assert len({event.lookup for event in watch.events if hasattr(event, "lookup")}) == 30


async def test_is_open_for_as_long_as_its_client() -> None:
    """Leaving or closing it closes nothing; the client's end is its own, and so is its return."""
    server = Server()
    client = client_of(server)
    async with client:
        async with client.with_options(cache_ttl=1.0) as view:
            assert isinstance(await view.lookup(customer()), Found)
        await view.aclose(drain=1.0)
        assert isinstance(await view.lookup(customer(1)), Found)
    assert server.closed == 1
    with pytest.raises(RuntimeError, match="the client is closed"):
        await view.lookup(customer())
    with pytest.raises(RuntimeError, match="the client is closed"):
        await view.__aenter__()
    async with client:
        assert isinstance(await view.lookup(customer(2)), Found)


async def test_ends_with_its_client() -> None:
    """Its lookups and streams are cancelled as the client's own are."""
    server = Server(takes=60.0)
    client = client_of(server)
    async with client:
        view = client.with_options(headers={"X-A": "b"})
        lookup = asyncio.ensure_future(view.lookup(customer()))
        stream = asyncio.ensure_future(view.lookup_all(customers(3)))
        await asyncio.sleep(1.0)
    outcome = await lookup
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "the client was closed before an answer came"
    assert [outcome.ending for outcome in await stream] == ["unavailable"] * 3


@table(
    ("options", "message"),
    [
        ({"timeouts": Timeouts(connect=1.0)}, r"timeouts\.connect is the client's \(2 s\)"),
        ({"retry": RetryPolicy(budget=1)}, r"retry\.budget is the client's \(20\)"),
        ({"cache_ttl": -1.0}, "cache_ttl must be a finite number, 0 or more, not -1.0"),
        ({"headers": {"X-A": "b\nc"}}, "headers: the value of number 1 must not hold control"),
        ({"headers": {"X A": "b"}}, "headers: the name of number 1"),
        ({"headers": "X-A: b"}, "headers must be a mapping, not a str"),
        ({"timeouts": 2.0}, "timeouts must be a Timeouts, not a float"),
        ({"retry": 2}, "retry must be a RetryPolicy, not a int"),
    ],
)
def test_refuses_what_cannot_work(options: dict[str, object], message: str) -> None:
    """Where it is made, with the setting's name; also what is shared and so cannot differ."""
    config = {"timeouts": Timeouts(connect=2.0), "retry": RetryPolicy(budget=20)}
    client = client_of(Server(), headers={"X-Own": "1"}, **config)
    with pytest.raises(ConfigurationError, match=message):
        client.with_options(**options)  # type: ignore[arg-type] # on purpose


def test_keeps_what_belongs_to_connections_and_credentials() -> None:
    """Left at their defaults, these are the client's; its settings say so."""
    config = {"timeouts": Timeouts(connect=2.0), "retry": RetryPolicy(budget=20)}
    client = client_of(Server(), **config)
    view = client.with_options(timeouts=Timeouts(total=1.0), retry=RetryPolicy(attempts=1))
    assert view.config.timeouts == Timeouts(total=1.0, connect=2.0)
    assert view.config.retry == RetryPolicy(attempts=1, budget=20)
    assert client.config == settings(**config)


async def test_asks_pages_of_a_customer_with_its_headers() -> None:
    """Each request of a lookup has them."""
    full = interactions(email=[{"id": str(number)} for number in range(50)])
    server = Server(in_turn(full))
    async with client_of(server) as client:
        await client.with_options(headers={"X-A": "b"}).lookup(customer())
    assert [request.headers["X-A"] for request in server.requests] == ["b", "b"]
    assert [asked(request).get("offset") for request in server.requests] == [None, "50"]
