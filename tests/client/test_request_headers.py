"""Headers of one request: a hook of the caller's, called for each."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from capillary_interactions import (
    BasicAuth,
    ConfigurationError,
    Found,
    InteractionsClient,
    OAuth,
    RetryPolicy,
)
from capillary_interactions._client.own_headers import RequestHeaders
from capillary_interactions._protocol.messages import Request
from capillary_interactions.events import AttemptBegan, AttemptEnded, LookupBroken
from tests.fakes import Server, Watch, customer, customers, in_turn, settings
from tests.tables import table

TOKEN = {"data": {"accessToken": "t", "ttlSeconds": 3600}}


def client_of(
    server: Server, hook: RequestHeaders, watch: Watch | None = None, **changes: Any
) -> InteractionsClient:
    """A client of a server, with a hook."""
    observers = [] if watch is None else [watch]
    config = settings(**changes)
    return InteractionsClient(config, transport=server, observers=observers, request_headers=hook)


class Numbering:
    """A hook that numbers the requests, and remembers them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Mapping[str, str]:
        """One more."""
        self.requests.append(request)
        return {"X-Number": str(len(self.requests))}


async def test_is_called_for_each_request() -> None:
    """Retries too, with what is to be sent; a request for a token is none of a lookup."""
    server, hook = Server(in_turn(TOKEN, 503, 503)), Numbering()
    retry = RetryPolicy(wait_initial=0.0)
    auth = [OAuth("key", "secret"), BasicAuth("till", "x")]
    async with client_of(server, hook, auth=auth, retry=retry) as client:
        view = client.with_options(headers={"X-View": "v", "x-number": "0"})
        assert isinstance(await view.lookup(customer()), Found)
    token, *lookups = server.requests
    assert "X-Number" not in token.headers
    assert [request.headers["X-Number"] for request in lookups] == ["1", "2", "3"]
    assert [request.headers["X-View"] for request in lookups] == ["v", "v", "v"]
    assert all("x-number" not in request.headers for request in lookups)
    assert [request.url for request in hook.requests] == [request.url for request in lookups]
    assert [request.credential for request in hook.requests] == [
        request.credential for request in lookups
    ]
    assert hook.requests[0].headers["X-View"] == "v"
    assert {"Authorization", "X-CAP-API-OAUTH-TOKEN"} & set(hook.requests[0].headers)


async def test_is_called_once_for_lookups_that_share_a_request() -> None:
    """Its headers are no part of what makes lookups equal; those of a view are."""
    server, hook = Server(takes=1.0), Numbering()
    async with client_of(server, hook) as client:
        view = client.with_options(headers={"X-View": "v"})
        lookups = [each.lookup(customer()) for each in (client, client, view, view)]
        await asyncio.gather(*lookups)
    assert len(server.requests) == len(hook.requests) == 2


async def test_comes_after_the_event_of_its_request() -> None:
    """What an observer has set then, such as the current span, is what the hook finds."""
    server, watch = Server(), Watch()

    def began(_: Request) -> dict[str, str]:
        return {"X-Began": str(len(watch.of(AttemptBegan)))}

    async with client_of(server, began, watch) as client:
        await client.lookup_all(customers(3))
    assert sorted(request.headers["X-Began"] for request in server.requests) == ["1", "2", "3"]


async def test_ends_the_lookup_where_it_fails() -> None:
    """With its own error, and nothing is sent or counted; the client can go on."""
    server, watch = Server(), Watch()
    failures = [LookupError("no key")]

    def hook(_: Request) -> dict[str, str]:
        if failures:
            raise failures.pop()
        return {}

    async with client_of(server, hook, watch, rate="1/1") as client:
        with pytest.raises(LookupError, match="no key"):
            await client.lookup(customer())
        assert server.requests == []
        snapshot = client.snapshot()
        assert (snapshot.requests, snapshot.in_flight, snapshot.waiting) == (0, 0, 0)
        assert isinstance(await client.lookup(customer()), Found)
    assert [event.error for event in watch.of(LookupBroken)] == ["LookupError"]
    assert len(watch.of(AttemptBegan)) == len(watch.of(AttemptEnded)) == 2


@table(
    ("given", "message"),
    [
        (None, "request_headers must be a mapping, not a NoneType"),
        ({"X-A": "b\r\nX-Evil: c"}, "request_headers: the value of number 1 must not hold control"),
        ({"X-B": "c", "X A": "b"}, "request_headers: the name of number 2"),
        ({"X-A": 1}, "request_headers: the value of number 1 must be a string"),
        ({"X-A": "919738522695\n"}, r"^(?!.*9197)"),
    ],
)
async def test_refuses_what_cannot_be_sent(given: Any, message: str) -> None:
    """As for the settings' headers, and without the value."""
    server = Server()
    async with client_of(server, lambda _: given) as client:
        with pytest.raises(ConfigurationError, match=message):
            await client.lookup(customer())
    assert server.requests == []
