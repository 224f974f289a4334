"""Basic headers byte by byte, and one OAuth token for all lookups."""

import asyncio
import base64
from itertools import pairwise

import orjson
import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Found,
    InteractionsClient,
    OAuth,
    Outcome,
    Unavailable,
)
from capillary_interactions._http.auth import TOKEN_PATH, BasicHeaders
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions._protocol.token_response import Token, read_token
from capillary_interactions.events import TokenRefreshed
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, Watch, customer, now, response, settings
from tests.json.bodies import sample
from tests.tables import table

MD5_OF_123 = "202cb962ac59075b964b07152d234b70"
CLIENT = OAuth("key", "secret", attribution=("STORE_CODE", "S1"))
HEADER = "X-CAP-API-OAUTH-TOKEN"
REFUSED = "the OAuth key and secret are refused"
NO_TOKEN = "no OAuth token: HTTP 200 without a usable data.accessToken"
OTHER_CODE = "no OAuth token: HTTP {} without a usable data.accessToken (code {})"
PAGE = "no OAuth token: HTTP {} with a body that is not JSON"
UNUSABLE = "no OAuth token: HTTP {} without a usable data.accessToken"
UNAUTHORISED = b'{"message": "Authorization status unavailable!"}'


def token(text: str = "token", seconds: object = 300) -> dict[str, object]:
    """A token as the server gives it."""
    return {"data": {"accessToken": text, "ttlSeconds": seconds}, "errors": None}


def _any(text: str) -> bool:
    return True


class TokenServer:
    """A server with a token endpoint, which issues numbered tokens unless scripted otherwise."""

    def __init__(self, *replies: Reply, takes: float = 0.0, lifetime: float = 300) -> None:
        self.replies = list(replies)
        self.lifetime = lifetime
        self.given = 0
        self.asked: list[float] = []
        self.valid = _any
        self.server = Server(self._answer, takes=takes)

    def _answer(self, request: Request) -> Reply:
        if not request.url.endswith(TOKEN_PATH):
            return interactions() if self.valid(request.headers[HEADER]) else 401
        self.asked.append(now())
        if self.replies:
            return self.replies.pop(0)
        self.given += 1
        return token(f"token-{self.given}", self.lifetime)

    def client(self, *observers: Watch, **changes: object) -> InteractionsClient:
        """A client of this server."""
        config = settings(**{"auth": CLIENT, "in_flight": 200, **changes})
        return InteractionsClient(config, transport=self.server, observers=observers)

    @property
    def used(self) -> list[str]:
        """The tokens of the lookups."""
        return [sent.headers[HEADER] for sent in self.server.requests if sent.body is None]


def _failure(
    reason: str, status: int, *, throttled: bool = False, retry_after: float | None = None
) -> AttemptResult:
    return AttemptResult(
        ResultKind.RETRYABLE, reason, status, throttled=throttled, retry_after=retry_after
    )


def _refusal(reason: str, status: int, code: int | None = None) -> AttemptResult:
    return AttemptResult(ResultKind.CREDENTIALS_REFUSED, reason, status, code)


@table(
    ("credential", "pair"),
    [
        (BasicAuth("till.1", "123"), f"till.1:{MD5_OF_123}"),
        (BasicAuth.from_md5("till.1", MD5_OF_123.upper()), f"till.1:{MD5_OF_123}"),
    ],
)
def test_sends_the_md5_of_the_password(credential: BasicAuth, pair: str) -> None:
    """User name, colon, digest; as UTF-8, in base64."""
    headers = BasicHeaders(credential, {}).headers
    assert headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
    }


def test_sends_the_worked_example_of_the_documentation() -> None:
    """The header is this one, to the byte."""
    headers = BasicHeaders(BasicAuth("till", "123"), {"X-Further": "1"}).headers
    assert headers["Authorization"] == (
        "Basic dGlsbDoyMDJjYjk2MmFjNTkwNzViOTY0YjA3MTUyZDIzNGI3MA=="
    )
    assert headers["X-Further"] == "1"


async def test_has_no_other_basic_headers_to_try() -> None:
    """A refused password stays refused, and is never out of date."""
    auth = BasicHeaders(BasicAuth("till", "123"), {})
    await auth.ensure_ready(None)
    assert not auth.renewable
    assert not auth.has_lapsed()
    assert auth.invalidate(auth.headers)
    await auth.aclose()


async def test_asks_for_one_token_for_a_hundred_lookups() -> None:
    """One request for a token; every lookup waits for it."""
    endpoint = TokenServer(takes=0.5)
    watch = Watch()
    async with endpoint.client(watch) as client:
        outcomes = await asyncio.gather(*(client.lookup(customer(n)) for n in range(100)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert endpoint.asked == [0.0]
    assert set(endpoint.used) == {"token-1"}
    assert watch.of(TokenRefreshed) == [TokenRefreshed(credential=0, lifetime=300.0)]
    (asked, *rest) = endpoint.server.requests
    assert asked.body is not None
    assert orjson.loads(asked.body) == {"key": "key", "secret": "secret"}
    assert rest[0].headers["X-CAP-API-ATTRIBUTION-ENTITY-TYPE"] == "STORE_CODE"
    assert rest[0].headers["X-CAP-API-ATTRIBUTION-ENTITY-CODE"] == "S1"


async def test_refreshes_early_while_the_old_token_still_serves() -> None:
    """After four fifths of its life a token is replaced, and no lookup waits for that."""
    endpoint = TokenServer(lifetime=100, takes=1.0)
    async with endpoint.client() as client:
        await client.lookup(customer(1))
        await asyncio.sleep(78)
        await client.lookup(customer(2))
        assert endpoint.asked == [0.0]
        await asyncio.sleep(5)
        outcomes = await asyncio.gather(*(client.lookup(customer(n)) for n in range(10)))
        assert {outcome.elapsed for outcome in outcomes} == {1.0}
        assert len(endpoint.asked) == 2
        await client.lookup(customer(3))
    assert endpoint.used == ["token-1"] * 12 + ["token-2"]


async def test_uses_no_token_in_the_last_moments_of_its_life() -> None:
    """What would end on the way is fetched anew first."""
    endpoint = TokenServer(lifetime=100)
    async with endpoint.client() as client:
        await client.lookup(customer(1))
        await asyncio.sleep(95.5)
        await client.lookup(customer(2))
    assert endpoint.used == ["token-1", "token-2"]


async def test_refreshes_once_and_retries_once_where_a_token_is_refused() -> None:
    """A hundred lookups with a revoked token: one new token, and each of them again."""
    endpoint = TokenServer(takes=0.1)
    async with endpoint.client() as client:
        await client.lookup(customer(0))
        endpoint.valid = lambda text: text == "token-2"
        outcomes = await asyncio.gather(*(client.lookup(customer(n)) for n in range(1, 101)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert {outcome.attempts for outcome in outcomes} == {2}
    assert endpoint.given == 2


async def test_raises_where_the_second_token_is_refused_too() -> None:
    """One refresh, one more request, and then it is the credential."""
    endpoint = TokenServer()
    endpoint.valid = lambda text: False
    async with endpoint.client() as client:
        with pytest.raises(AuthenticationError) as refused:
            await client.lookup(customer())
    assert refused.value.status == 401
    assert endpoint.used == ["token-1", "token-2"]


@pytest.mark.parametrize(
    "reply",
    [
        Response(status=401),
        Response(status=400, body=b"{}"),
        {"data": None, "errors": [{"code": 320001, "message": "invalid"}]},
    ],
)
async def test_raises_where_key_and_secret_are_refused(reply: Reply) -> None:
    """No token, and no lookup was sent."""
    endpoint = TokenServer(reply)
    async with endpoint.client() as client:
        with pytest.raises(AuthenticationError):
            await client.lookup(customer())
    assert endpoint.used == []


async def test_renews_each_credential_on_its_own() -> None:
    """Of two whose tokens were revoked, neither is left out."""
    other = OAuth("other", "secret")
    endpoint = TokenServer()
    async with endpoint.client(auth=(CLIENT, other), rate="10/1") as client:
        for number in range(4):
            await client.lookup(customer(number))
        old = set(endpoint.used)
        endpoint.valid = lambda text: text not in old
        for number in range(4, 8):
            assert isinstance(await client.lookup(customer(number)), Found)
        assert [each.refused for each in client.snapshot().credentials] == [None, None]
    assert len(old) == 2


@pytest.mark.parametrize(
    "failure",
    [
        503,
        429,
        500,
        Response(status=200, body=b"<html>"),
        TransportError("reset"),
        asyncio.CancelledError(),
    ],
)
async def test_gets_over_a_token_endpoint_that_fails_once(failure: Reply) -> None:
    """The next request for a token comes half a second later, for all who wait."""
    endpoint = TokenServer(failure)
    async with endpoint.client() as client:
        outcomes = await asyncio.gather(*(client.lookup(customer(n)) for n in range(20)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert endpoint.asked == [0.0, 0.5]


async def _keep_asking(client: InteractionsClient, until: float) -> list[Outcome]:
    outcomes = []
    while now() < until:
        outcomes.append(await client.lookup(customer(), timeout=5))
    return outcomes


async def test_does_not_hammer_a_token_endpoint_that_keeps_failing() -> None:
    """Half a second between requests, doubling to thirty, however many lookups want a token."""
    endpoint = TokenServer(*[503] * 12)
    async with endpoint.client() as client:
        await asyncio.gather(*(_keep_asking(client, 150.0) for _ in range(50)))
    gaps = [later - earlier for earlier, later in pairwise(endpoint.asked)]
    expected = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert len(gaps) >= len(expected) - 1
    assert all(gap >= least for gap, least in zip(gaps, [*expected, 30, 30], strict=False))
    assert sum(gaps) <= 160


async def test_begins_with_small_pauses_again_after_a_token() -> None:
    """A success ends the doubling."""
    endpoint = TokenServer(503, 503, 503, lifetime=10)
    async with endpoint.client() as client:
        await client.lookup(customer())
        endpoint.replies = [503]
        await asyncio.sleep(9.9)
        began = now()
        assert isinstance(await client.lookup(customer()), Found)
    assert endpoint.asked[-2:] == [began, began + 0.5]


@pytest.mark.parametrize(
    ("hint", "pause"), [("7", 7.0), ("0.1", 0.1), ("0", 0.5), ("soon", 0.5), ("999999", 3600.0)]
)
@pytest.mark.parametrize("status", [429, 503])
async def test_waits_as_long_as_the_token_endpoint_asks(
    status: int, hint: str, pause: float
) -> None:
    """Its Retry-After counts before the usual pause, up to an hour."""
    endpoint = TokenServer(response(status, retry_after=hint))
    async with endpoint.client() as client:
        await client.lookup(customer(), timeout=7200)
        while len(endpoint.asked) < 2:
            await client.lookup(customer(), timeout=7200)
    assert endpoint.asked[1] == pytest.approx(pause, abs=0.6 if pause > 0.5 else 1.1)
    assert endpoint.asked[1] >= pause


async def test_ends_at_its_deadline_where_no_token_comes() -> None:
    """A lookup waits for a token as long as it may, and no longer; others are not hurt."""
    endpoint = TokenServer(takes=5.0)
    async with endpoint.client() as client:
        patient = asyncio.ensure_future(client.lookup(customer(1)))
        await asyncio.sleep(0)
        hurried = await client.lookup(customer(2), timeout=2)
        assert isinstance(hurried, Unavailable)
        assert (hurried.elapsed, hurried.attempts) == (2.0, 0)
        assert isinstance(await patient, Found)
    assert endpoint.asked == [0.0]


async def test_ends_at_its_deadline_while_a_token_may_not_be_asked_for() -> None:
    """The pause of the one refresh task delays no lookup beyond its deadline."""
    endpoint = TokenServer(response(429, retry_after="60"))
    async with endpoint.client() as client:
        outcome = await client.lookup(customer(), timeout=10)
    assert isinstance(outcome, Unavailable)
    assert outcome.elapsed <= 10
    assert len(endpoint.asked) == 1


async def test_leaves_no_refresh_behind() -> None:
    """Closing ends one that is under way, or waits."""
    endpoint = TokenServer(takes=5.0)
    client = endpoint.client()
    async with client:
        await client.lookup(customer(), timeout=1)
    assert len(asyncio.all_tasks()) == 1
    assert endpoint.server.under_way == 0


@table(
    ("answer", "meaning"),
    [
        (response(token("abc", 60)), Token("abc", 60.0)),
        (response(token("abc", None)), Token("abc", 300.0)),
        (response(token("abc", True)), Token("abc", 300.0)),
        (response(token("abc", -1)), Token("abc", 300.0)),
        (response(token("abc", "60")), Token("abc", 300.0)),
        (response(token("")), _failure(NO_TOKEN, 200)),
        (response(token("a\nb")), _failure(NO_TOKEN, 200)),
        (response(token("tökén")), _failure(NO_TOKEN, 200)),
        (Response(status=200, body=b"[]"), _failure(NO_TOKEN, 200)),
        (response({"data": {}, "errors": [{"code": 9}]}), _failure(f"{NO_TOKEN} (code 9)", 200)),
        (Response(status=404, body=b"{}"), _failure(NO_TOKEN.replace("200", "404"), 404)),
        (Response(status=302), _failure("no OAuth token: HTTP 302 with an empty body", 302)),
        *(
            (Response(status=status, body=orjson.dumps({"errors": [{"code": code}]})), meaning)
            for status in (200, 400, 401, 403)
            for code, meaning in (
                (320001, _refusal(REFUSED, status, 320001)),
                (320002, _failure(OTHER_CODE.format(status, 320002), status)),
                ("401", _failure(OTHER_CODE.format(status, 401), status)),
            )
        ),
        (
            Response(status=200, body=sample("error_token_endpoint_refused")),
            _refusal(REFUSED, 200, 320001),
        ),
        (
            Response(status=200, body=sample("error_token_expired")),
            _failure(OTHER_CODE.format(200, 498), 200),
        ),
        (
            Response(status=401, body=sample("error_token_invalid")),
            _failure(OTHER_CODE.format(401, 401), 401),
        ),
        *(
            (Response(status=status, body=UNAUTHORISED), _failure(UNUSABLE.format(status), status))
            for status in (400, 401, 403)
        ),
        (Response(status=401), _refusal(REFUSED, 401)),
        (Response(status=403, body=b'\xef\xbb\xbf{"a": 1}'), _refusal(REFUSED, 403)),
        (response({"errors": [{"code": 320001}]}), _refusal(REFUSED, 200, 320001)),
        (response({"status": {"code": "320001"}}), _refusal(REFUSED, 200, 320001)),
        (Response(status=500, body=b'{"errorCode": 320001}'), _refusal(REFUSED, 500, 320001)),
        *(
            (Response(status=status, body=b"<html>"), _failure(PAGE.format(status), status))
            for status in (200, 400, 401, 403)
        ),
        (response(500), _failure("no OAuth token: HTTP 500", 500)),
        (
            response(503, retry_after="9"),
            _failure("no OAuth token: HTTP 503", 503, retry_after=9.0),
        ),
        (
            response(429, retry_after="9"),
            _failure("no OAuth token: HTTP 429", 429, throttled=True, retry_after=9.0),
        ),
    ],
)
def test_reads_what_the_token_endpoint_says(
    answer: Response, meaning: Token | AttemptResult
) -> None:
    """A token, a refusal that is the API's own word, or trouble that may pass."""
    assert read_token(answer) == meaning
