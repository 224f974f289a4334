"""The fault matrix by both ways that a request can go: a session of aiohttp's, and past it."""

import asyncio
import ssl
from functools import partialmethod, reduce
from typing import Any, Final

import aiohttp
import orjson
import pytest
import trustme
from attrs import frozen

from capillary_interactions import Found, OAuth
from capillary_interactions._http import aiohttp_internals
from capillary_interactions._http.route import Route
from capillary_interactions._http.session_pool import SessionPool
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request
from tests.tables import table

from .broken_connections import SHORT, chunked, writes, writes_and_resets, writes_and_stalls
from .byte_server import KNOWN, Act, ByteServer, Received, acting, always, answer
from .clients import CUSTOMER, client_for
from .leaks import nothing_left
from .test_fault_matrix import REPEATED

PATH: Final = "/v1.1/customer/interaction?format=json&identifierName=mobile&mobile=91"
HEADERS: Final = {"Accept": "application/json", "Authorization": "Basic x", "X-Further": "ü"}
REQUESTS: Final = 3


async def half_closes(writer: asyncio.StreamWriter) -> None:
    """Answer, end the own direction, and wait for the other one."""
    writer.write(answer())
    writer.write_eof()
    await asyncio.sleep(0.02)


FURTHER: Final[dict[str, Act]] = {
    "half-closed after the answer": half_closes,
    "reset after the answer": writes_and_resets(answer()),
    "Connection: close": writes_and_stalls(answer(200, KNOWN, "Connection: close")),
    "bytes after the answer": writes(answer(), b"and more"),
    "two answers": writes(answer(), answer(503, b"{}")),
    "no body": writes(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a body where there is none": writes(b"HTTP/1.1 304 Not Modified\r\n\r\n", KNOWN),
    "a redirect with a cookie": writes(answer(302, b"", "Location: /x", "Set-Cookie: a=b")),
    "another protocol": writes(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", KNOWN),
    "trailers": writes(chunked(KNOWN, last=b"0\r\nX-Trailer: x\r\n\r\n")),
    "many interim answers": writes(b"HTTP/1.1 102 Processing\r\n\r\n" * 9, answer()),
}
ACTS: Final = {row.name: row.act for row in REPEATED} | FURTHER
LATE: Final = {row.name for row in REPEATED if row.attempt_timeout == SHORT} | {"Connection: close"}


# By TLS: where a connection or an answer ends otherwise than a server should end it, and usually.
BY_TLS: Final = (
    *("chunked", "half-closed after the answer", "reset after the answer", "two answers"),
    *("Connection: close", "bytes after the answer", "no body", "another protocol"),
)


@frozen
class Tls:
    """The contexts of a server, and of a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def tls_of_a_private_authority() -> Tls:
    """Contexts for 127.0.0.1."""
    authority = trustme.CA()
    tls = Tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context())
    authority.issue_cert("127.0.0.1").configure_cert(tls.server)
    authority.configure_trust(tls.client)
    return tls


async def ended(
    server: ByteServer,
    timeout: float,  # noqa: ASYNC109
    tls: Tls | None,
    *,
    direct: bool,
) -> list[Any]:
    """How some requests end, one after the other, and what the server receives of each."""
    pool = SessionPool(
        connections=4,
        attempt=timeout,
        connect=1.0,
        max_body=1024 * 1024,
        route=Route(tls=None if tls is None else tls.client),
    )
    pool._may_be_direct = direct
    endings = list[Any]()
    for _ in range(REQUESTS):
        try:
            request = Request(url=server.base_url + PATH, headers=HEADERS)
            response = await pool.send(request, timeout=timeout)
        except TransportError as error:
            endings.append((type(error), error.reason))
        else:
            endings.append((response.status, list(response.headers.items()), response.body))
        # A session uses a connection again before it sees that its server has closed it, and the
        # short way has it free in the next turn of the loop.
        await asyncio.sleep(0)
    await pool.aclose()
    received, server.received = [request.head for request in server.received], []
    return [*endings, *received]


Result = tuple[str, list[Any], list[Any]]


async def both(name: str, timeout: float = 5.0, tls: Tls | None = None) -> Result:  # noqa: ASYNC109
    """How requests end by either way, against the same server."""
    server_tls = None if tls is None else tls.server
    async with ByteServer(acting(ACTS[name]), described=False, tls=server_tls) as server:
        by_session = await ended(server, timeout, tls, direct=False)
        return name, await ended(server, timeout, tls, direct=True), by_session


async def settled(name: str, tls: Tls | None = None) -> Result:
    """The same, tried again where a busy machine has been late with a timeout, or with a FIN."""
    for timeout in (SHORT, 5 * SHORT) if name in LATE else (5.0, 5.0):
        result = await both(name, timeout, tls)
        # Endings, and a request at least: with a deadline that comes before it, nothing is shown.
        if result[1] == result[2] and len(result[1]) > REQUESTS:
            return result
    return await both(name, 20 * SHORT if name in LATE else 5.0, tls)


async def all_rows() -> list[Result]:
    """Every row; those that a timeout ends by themselves, for others would delay them."""
    # Another event loop than asyncio's has descriptors of its own from its first connection on.
    await both("chunked")
    async with nothing_left():
        quick = await asyncio.gather(*map(settled, ACTS.keys() - LATE))
        return quick + await asyncio.gather(*map(settled, LATE))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_end_the_same(loop: str) -> None:
    """Status, headers and body, or the same error, and the same requests in the same number."""
    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        results = runner.run(all_rows())
    assert [result for result in results if result[1] != result[2]] == []
    assert min(len(by_session) for _, by_session, _ in results) > REQUESTS


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_end_the_same_by_tls(loop: str) -> None:
    """Its end is not that of the connection, and comes in other turns of the loop."""
    tls = tls_of_a_private_authority()

    async def rows() -> list[Result]:
        return list(await asyncio.gather(*(settled(name, tls) for name in BY_TLS)))

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        results = runner.run(rows())
    assert [result for result in results if result[1] != result[2]] == []
    assert min(len(by_session) for _, by_session, _ in results) > REQUESTS


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The method of each request that a session has sent."""
    sent, start = list[str](), aiohttp.ClientResponse.start

    async def record(self: aiohttp.ClientResponse, connection: Any) -> aiohttp.ClientResponse:
        sent.append(self.method)
        return await start(self, connection)

    monkeypatch.setattr(aiohttp.ClientResponse, "start", record)
    return sent


async def test_a_lookup_goes_past_the_session(responses: list[str]) -> None:
    """Also with a token, which is posted for by the session."""
    token = orjson.dumps({"data": {"accessToken": "t0ken", "ttlSeconds": 300}, "errors": None})

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, token if received.body else KNOWN))

    async with ByteServer(behave) as server:
        async with client_for(server.base_url) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
        assert responses == []
        async with client_for(server.base_url, auth=OAuth("key", "secret")) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
        assert responses == ["POST"]
        assert server.received[-1].headers["x-cap-api-oauth-token"] == "t0ken"


def path(name: str) -> tuple[Any, str]:
    """Where a name of aiohttp's is, and its last part."""
    *parts, last = name.split(".")
    return reduce(getattr, parts, aiohttp), last


@table("name", [*aiohttp_internals._READ, *dict(aiohttp_internals._CALLED)])
async def test_a_missing_name_costs_no_function(name: str, responses: list[str]) -> None:
    """A client that is made while aiohttp lacks a name sends by sessions, for good."""
    responses.clear()
    async with ByteServer(always(answer())) as server:
        with pytest.MonkeyPatch.context() as patched:
            # A class of C cannot lose an attribute, and one of Python may inherit it.
            found = aiohttp_internals._found
            patched.setattr(aiohttp_internals, "_found", lambda p: found("" if p == name else p))
            client = client_for(server.base_url)
        async with client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
    assert responses == ["GET"]


@table("name", dict(aiohttp_internals._CALLED))
async def test_another_argument_costs_no_function(name: str, responses: list[str]) -> None:
    """Nor does a function that takes others."""
    responses.clear()
    async with ByteServer(always(answer())) as server:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(*path(name), lambda *, other: other)
            client = client_for(server.base_url)
        async with client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
    assert responses == ["GET"]


@table("name", ["ClientSession.request", "ClientSession._request", "ClientRequest.send"])
async def test_what_replaces_aiohttp_is_not_passed_by(name: str, responses: list[str]) -> None:
    """A mock or a tracer sees every request from the moment that it is there."""
    responses.clear()
    owner, last = path(name)
    async with ByteServer(always(answer())) as server, client_for(server.base_url) as client:
        await client.lookup(CUSTOMER)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(owner, last, partialmethod(getattr(owner, last)))
            await client.lookup(CUSTOMER)
        await client.lookup(CUSTOMER)
    assert responses == ["GET"]
