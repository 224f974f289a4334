"""No expired token is sent, however long a request waits; none counts against its credentials."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from capillary_interactions import (
    AuthenticationError,
    Found,
    InteractionsClient,
    OAuth,
    Rejected,
    Unavailable,
)
from capillary_interactions._http.auth import TOKEN_PATH
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, asked, busiest, customer, customers, now, response, settings

CLIENT = OAuth("key", "secret")
HEADER = "X-CAP-API-OAUTH-TOKEN"


class Issuer:
    """A server whose tokens end; it counts those that came too late.

    Args:
        lifetime: Seconds for which a token is good.
        takes: Seconds for an answer.
        calls_before_send: Whether it opens connections that take a tenth of a second, and awaits
            `Request.before_send` then if it must, as the session pool does.
    """

    def __init__(
        self, lifetime: float, *, takes: float = 0.02, calls_before_send: bool = False
    ) -> None:
        self.lifetime = lifetime
        self.calls_before_send = calls_before_send
        self.replies: list[Reply] = []
        self.answers: list[Reply] = []
        self.issued: list[float] = []
        self.expired = 0
        self.skew = 0.0
        self.server = Server(self._answer, takes=takes)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Answer, after the time it takes."""
        headers = dict(request.headers)
        if request.before_send is not None:
            await asyncio.sleep(0.1)
            if request.try_send is None or not request.try_send():
                headers.update(await request.before_send() or {})
        sent = Request(url=request.url, headers=headers, body=request.body)
        return await self.server.send(sent, timeout=timeout)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _answer(self, request: Request) -> Reply:
        if request.url.endswith(TOKEN_PATH):
            if self.replies:
                return self.replies.pop(0)
            self.issued.append(now())
            ends = now() + self.skew + self.lifetime
            return {"data": {"accessToken": str(ends), "ttlSeconds": self.lifetime}}
        if now() + self.skew >= float(request.headers[HEADER]):
            self.expired += 1
            return 401
        return self.answers.pop(0) if self.answers else interactions()

    def client(self, rate: str, **changes: object) -> InteractionsClient:
        """A client of this server."""
        return InteractionsClient(settings(auth=CLIENT, rate=rate, **changes), transport=self)

    @property
    def arrivals(self) -> list[float]:
        """When lookups arrived."""
        pairs = zip(self.server.requests, self.server.arrivals, strict=True)
        return [when for request, when in pairs if request.body is None]


@pytest.mark.parametrize("calls_before_send", [False, True])
@pytest.mark.parametrize(
    ("count", "requests", "per", "lifetime"),
    [(130, 20, 60, 300), (120, 60, 60, 5), (60, 10, 20, 2), (8, 1, 60, 30), (300, 1000, 60, 2)],
)
async def test_sends_no_expired_token_after_a_wait_for_quota(
    count: int, requests: int, per: int, lifetime: float, calls_before_send: bool
) -> None:
    """A token is in date when its request leaves, and the quota holds all the same."""
    issuer = Issuer(lifetime, calls_before_send=calls_before_send)
    async with issuer.client(f"{requests}/{per}", in_flight=8) as client:
        outcomes = await client.lookup_all(customers(count))
        assert client.snapshot().in_flight == 0
    assert Counter(outcome.ending for outcome in outcomes) == {"found": count}
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert issuer.expired == 0
    assert busiest(issuer.arrivals, per) <= requests


@pytest.mark.parametrize("calls_before_send", [False, True])
async def test_keeps_the_quota_while_a_token_is_slow_to_come(calls_before_send: bool) -> None:
    """Those that wait for it leave in line when it comes, not at once."""
    issuer = Issuer(30, takes=4.0, calls_before_send=calls_before_send)
    async with issuer.client("10/1", in_flight=64) as client:
        outcomes = await client.lookup_all(customers(200))
    assert {type(outcome) for outcome in outcomes} == {Found}
    assert issuer.expired == 0
    # Half-open windows, as a server counts them.
    assert busiest(issuer.arrivals, 0.999999) <= 10


async def test_gets_over_long_cool_downs_that_outlast_the_token() -> None:
    """Two pauses of ten minutes end no stream, and no dead token leaves after them."""
    issuer = Issuer(300)
    pause = response(429, retry_after="600")
    issuer.answers = [*[interactions()] * 100, pause, *[interactions()] * 5, pause]
    async with issuer.client("1000/60") as client:
        outcomes = await client.lookup_all(customers(250))
    assert {type(outcome) for outcome in outcomes} == {Found}
    assert issuer.expired == 0


async def test_asks_for_a_new_token_after_the_machine_was_suspended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's clock stood still meanwhile; the time of day tells."""
    issuer = Issuer(300)
    monkeypatch.setattr("time.time", lambda: 1e9 + now() + issuer.skew)
    async with issuer.client("1000/60") as client:
        for _ in range(4):
            assert isinstance(await client.lookup(customer()), Found)
            issuer.skew += 3600
            assert isinstance(await client.lookup(customer()), Found)
    assert (issuer.expired, len(issuer.issued)) == (0, 5)


async def test_does_not_count_a_refusal_of_a_token_that_has_lapsed() -> None:
    """A 401 for a token that was dead by our own clock says nothing about the credentials."""
    issuer = Issuer(4)
    async with issuer.client("1000/60") as client:
        await client.lookup(customer())
        issuer.server.takes = 3.5  # tokens last for three seconds after they have come
        slow = 2

        def refuse(request: Request) -> Reply:
            nonlocal slow
            if request.url.endswith(TOKEN_PATH):
                return issuer._answer(request)
            slow -= 1
            return 401 if slow >= 0 else interactions()

        issuer.server._answer = refuse
        outcome = await client.lookup(customer(1))
    assert isinstance(outcome, Found)
    assert outcome.attempts == 3


async def test_keeps_the_old_token_while_no_new_one_is_to_be_had() -> None:
    """What fails or is refused at the token endpoint costs no lookup before the old one ends."""
    for reply in (503, {"errors": [{"code": 320001}]}, Response(status=403, body=b"<html>")):
        issuer = Issuer(300)
        async with issuer.client("1000/60") as client:
            await client.lookup(customer())
            issuer.replies = [reply] * 100
            await asyncio.sleep(250)
            for number in range(20):
                assert isinstance(await client.lookup(customer(number)), Found)
                await asyncio.sleep(1)
        assert issuer.expired == 0


async def _insist(client: InteractionsClient, until: float, every: float = 0.01) -> list[float]:
    refused = []
    while now() < until:
        with pytest.raises(AuthenticationError):
            await client.lookup(customer())
        refused.append(now())
        await asyncio.sleep(every)
    return refused


async def test_asks_ever_less_often_about_a_refused_key() -> None:
    """Five callers that insist get the same refusal at once, and the endpoint has its peace."""
    issuer = Issuer(300, takes=0.0)
    issuer.replies = [Response(status=401)] * 1000
    async with issuer.client("10/1") as client:
        ended = await asyncio.gather(*(_insist(client, 3.0) for _ in range(5)))
        assert issuer.server.arrivals == pytest.approx([0.0, 0.5, 1.5], abs=0.05)
        assert min(map(len, ended)) > 100
        await _insist(client, 200.0, 0.5)
        gaps = [later - earlier for earlier, later in pairwise(issuer.server.arrivals)]
        assert max(gaps) == pytest.approx(30, abs=0.6)
        issuer.replies.clear()
        await asyncio.sleep(30)
        assert isinstance(await client.lookup(customer()), Found)


async def test_keeps_refused_keys_apart() -> None:
    """The pause of one key is no other's."""

    def answer(request: Request) -> Reply:
        if request.body is None:
            return interactions()
        good = {"data": {"accessToken": "t", "ttlSeconds": 300}}
        return good if b'"good"' in request.body else Response(status=401)

    server = Server(answer)
    config = settings(auth=(CLIENT, OAuth("good", "secret")), rate="10/1")
    async with InteractionsClient(config, transport=server) as client:
        outcomes = await client.lookup_all(customers(50))
        refused = [each.refused is None for each in client.snapshot().credentials]
    assert {type(outcome) for outcome in outcomes} == {Found}
    assert refused == [False, True]
    assert sum(request.body is not None for request in server.requests) == 2


async def test_ends_in_time_where_no_new_token_comes_after_the_turn() -> None:
    """The deadline holds over a refresh with the turn taken, and the place is given back."""
    issuer = Issuer(30)
    async with issuer.client("1/60") as client:
        await client.lookup(customer())
        issuer.replies = [503] * 100
        outcome = await client.lookup(customer(1), timeout=90)
        assert isinstance(outcome, Unavailable)
        assert outcome.elapsed <= 90
        assert "no OAuth token" in outcome.reason
        assert client.snapshot().in_flight == 0


async def test_rejects_a_customer_whose_every_token_is_refused() -> None:
    """While others are answered, a 401 for one customer is about that one."""
    issuer = Issuer(300)

    def answer(request: Request) -> Reply:
        if request.url.endswith(TOKEN_PATH) or asked(request)["mobile"] != customer(7).value:
            return issuer._answer(request)
        return 401

    server = Server(answer, takes=0.02)
    config = settings(auth=CLIENT, rate="100/1")
    async with InteractionsClient(config, transport=server) as client:
        outcomes = await client.lookup_all(customers(300))
    assert [type(outcome) for outcome in outcomes].count(Rejected) == 1
    assert isinstance(outcomes[7], Rejected)
    assert len(issuer.issued) <= 4
