"""The fake transport: what a script may hold, and what is recorded."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    OAuth,
    Outcome,
    Query,
    Rejected,
    RetryPolicy,
    Unavailable,
    Unreadable,
)
from capillary_interactions._protocol.messages import Request
from capillary_interactions.testing import (
    Answer,
    Asked,
    FakeTransport,
    Response,
    TransportError,
    after,
    interactions,
    message,
    run_without_waiting,
)
from tests.tables import table

MOBILE = Identifier.mobile("919738522695")


def config(**overrides: Any) -> ClientConfig:
    """A client's configuration, with a server that does not exist."""
    settings = {"base_url": "eu", "auth": BasicAuth("till", "secret"), **overrides}
    return ClientConfig(**settings)


def lookup(transport: FakeTransport, timeout: float | None = None, **overrides: Any) -> Outcome:
    """One lookup of the whole client on this transport, without waiting."""

    async def main() -> Outcome:
        async with InteractionsClient(config(**overrides), transport=transport) as client:
            return await client.lookup(MOBILE, timeout=timeout)

    return run_without_waiting(main())


def send(transport: FakeTransport, url: str = "http://a/b", timeout: float = 20.0) -> Response:
    """One request, without a client."""
    return run_without_waiting(transport.send(Request(url=url), timeout=timeout))


NOT_FOUND = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


@table(
    ("answer", "ending"),
    [
        (interactions(email=[message(1)]), Found),
        (orjson.dumps(interactions()), Found),
        (NOT_FOUND, NotFound),
        (Response(status=200, body=orjson.dumps(NOT_FOUND)), NotFound),
        (400, Rejected),
        ({"interaction": [{"name": "email", "count": "many"}]}, Unreadable),
        (503, Unavailable),
        (b"<html>One moment, please</html>", Unavailable),
        (TransportError("the connection was closed"), Unavailable),
        (lambda asked: 503 if asked.params["mobile"] == MOBILE.value else 400, Unavailable),
        (after(3.0, 400), Rejected),
        (after(21.0, interactions()), Unavailable),
    ],
)
def test_ends_as_its_answer_says(answer: Answer, ending: type[Outcome]) -> None:
    """Everything that a script may hold reaches the client as a server's answer would."""
    assert isinstance(lookup(FakeTransport(default=answer)), ending)


def test_knows_a_customer_without_interactions_by_default() -> None:
    """Without a script each customer is found, and has nothing."""
    outcome = lookup(FakeTransport())
    assert outcome.unwrap().interactions == ()


def test_answers_in_the_order_of_the_script_and_then_by_default() -> None:
    """Each answer is used once; a generator is read when it is made, `then` appends to it."""
    transport = FakeTransport((status for status in (500, 501)), default=418)
    transport.then(502, 503)
    statuses = [send(transport).status for _ in range(6)]
    assert statuses == [500, 501, 502, 503, 418, 418]


@table("error", [TransportError("gone"), asyncio.CancelledError(), OSError("x")])
def test_raises_what_the_script_holds(error: BaseException) -> None:
    """An exception is raised as it is."""
    with pytest.raises(type(error)) as raised:
        send(FakeTransport([error]))
    assert raised.value is error or isinstance(error, asyncio.CancelledError)


def test_asks_a_function_for_the_answer() -> None:
    """It is called with the request, and may return anything that a script may hold."""

    def answer(asked: Asked) -> Answer:
        return after(1.0, {"you": asked.params["mobile"]})

    response = send(FakeTransport(default=answer), "http://a/b?mobile=1%2B2")
    assert orjson.loads(response.body) == {"you": "1+2"}


@table("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_finds_headers_however_the_script_spells_them(name: str) -> None:
    """A cool-down asked for in any spelling is kept."""
    throttled = Response(status=429, headers={name: "30"})
    outcome = lookup(FakeTransport([throttled]), retry=RetryPolicy(attempts=1))
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after == pytest.approx(30, abs=0.1)


def test_is_asked_again_after_the_time_that_the_server_asks_for() -> None:
    """The whole client runs on it: two requests, 30 s apart on the loop's own clock."""
    times = list[float]()

    def answer(_: Asked) -> Answer:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            return Response(status=429, headers={"Retry-After": "30"})
        return interactions(email=[message(1)])

    outcome = lookup(FakeTransport(default=answer))
    assert isinstance(outcome, Found)
    assert outcome.attempts == 2
    assert times[1] - times[0] >= 30


@table(
    ("seconds", "timeout", "late"),
    [(5.0, 4.9, True), (5.0, 5.1, False), (0.0, 1.0, False), (3600.0, 20.0, True)],
)
def test_is_late_where_a_real_server_would_be(seconds: float, timeout: float, late: bool) -> None:
    """An answer after more than the request's time is none, and takes just that time."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        request = Request(url="http://a/b")
        try:
            await FakeTransport([after(seconds, 200)]).send(request, timeout=timeout)
        except TransportError:
            assert late
        else:
            assert not late
        return loop.time()

    assert run_without_waiting(main()) == pytest.approx(min(seconds, timeout))


def test_adds_up_what_comes_late_twice() -> None:
    """An answer after an answer's delay has only what is left of the time."""
    answer = after(3.0, after(3.0, 200))
    assert send(FakeTransport([answer]), timeout=7.0).status == 200
    with pytest.raises(TransportError, match="no whole answer within"):
        send(FakeTransport([answer]), timeout=5.0)
    outcome = lookup(FakeTransport(default=answer), timeout=2.5)
    assert isinstance(outcome, Unavailable)
    assert 2.4 <= outcome.elapsed <= 2.6


def test_records_the_requests() -> None:
    """URL, path, decoded parameters, headers and time of each request, in order."""
    transport = FakeTransport()

    async def main() -> None:
        async with InteractionsClient(config(), transport=transport) as client:
            for address in ("a+b@example.com", "c@example.com"):
                await client.lookup(Query(Identifier.email(address), type="email"))

    run_without_waiting(main())
    first, second = transport.requests
    assert first.path == second.path == "/v1.1/customer/interaction"
    assert first.params == {
        "format": "json",
        "identifierName": "email",
        "email": "a+b@example.com",
        "type": "email",
    }
    assert second.params["email"] == "c@example.com"
    assert first.url.startswith("https://eu.api.capillarytech.com/v1.1/customer/interaction?")
    assert "email=a%2Bb%40example.com" in first.url
    assert first.headers["Authorization"].startswith("Basic ")
    assert 0 < first.timeout <= 20
    assert first.body is None


def test_answers_a_request_for_a_token_like_any_other() -> None:
    """With OAuth the script's first answer is the token, and the key is what was posted."""
    token = {"data": {"accessToken": "abc", "ttlSeconds": 300}, "errors": None}
    transport = FakeTransport([token, interactions()])
    assert isinstance(lookup(transport, auth=OAuth("key", "secret")), Found)
    asked_token, asked = transport.requests
    assert asked_token.body is not None
    assert orjson.loads(asked_token.body)["key"] == "key"
    assert asked.headers["X-CAP-API-OAUTH-TOKEN"] == "abc"


def test_shows_no_personal_data_in_its_records() -> None:
    """A failing assertion that prints a request shows no number and no secret."""
    transport = FakeTransport()
    lookup(transport)
    shown = repr(transport.requests)
    assert "/v1.1/customer/interaction" in shown
    assert "mobile" in shown
    assert MOBILE.value not in shown
    assert transport.requests[0].headers["Authorization"] not in shown


def test_is_closed_with_the_client() -> None:
    """And not before."""
    transport = FakeTransport()

    async def main() -> bool:
        async with InteractionsClient(config(), transport=transport) as client:
            await client.lookup(MOBILE)
            return transport.closed

    assert run_without_waiting(main()) is False
    assert transport.closed is True


@table(
    ("build", "expected"),
    [
        (interactions, []),
        (lambda: interactions(sms=[]), [("sms", 0, [])]),
        (lambda: interactions(email=[message(7)], sms=[]), [("email", 1, [7]), ("sms", 0, [])]),
        (lambda: interactions(counts={"sms": 9}, sms=[message(1)]), [("sms", 9, [1])]),
    ],
)
def test_builds_answers(
    build: Callable[[], dict[str, Any]], expected: list[tuple[str, int, list[int]]]
) -> None:
    """The client reads them as they were meant."""
    answer = build()
    built = [
        (item["name"], item["count"], [sent["id"] for sent in item["messageList"]])
        for item in answer["interaction"]
    ]
    assert built == expected
    outcome = lookup(FakeTransport(default=answer), max_pages=1)
    assert [(item.name, item.count) for item in outcome.unwrap().interactions] == [
        (name, count) for name, count, _ in expected
    ]


def test_builds_messages_with_fields_of_the_servers_names() -> None:
    """Arguments replace the defaults, and None leaves a field out."""
    built = message(3, status="SENT", deliveredTime=None, addedLater=1)
    assert built["id"] == 3
    assert built["status"] == "SENT"
    assert built["addedLater"] == 1
    assert "deliveredTime" not in built
    customer = lookup(FakeTransport([interactions(email=[built])])).unwrap()
    [(_, read)] = customer.messages()
    assert (read.id, read.status, read.delivered_at) == (3, "SENT", None)
    assert read.extra == {"addedLater": 1}
