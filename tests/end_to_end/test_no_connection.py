"""Servers that cannot be reached: the reason, the number of attempts, and how quickly."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import aiohttp
import pytest
import trustme

from capillary_interactions import Found, InteractionsClient, Outcome, Timeouts, Unavailable
from tests.tables import table

from .byte_server import ByteServer, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

CONNECT_TIMEOUT: Final = 5.0


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """A port that refuses connections."""
    with socket.socket() as bound:
        # Bound and not listening, so that no other process can use the port.
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A port whose backlog is full: the system drops further packets, as a firewall would."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for connecting in waiting:
            connecting.setblocking(False)
            connecting.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"
        for connecting in waiting:
            connecting.close()


@asynccontextmanager
async def nameless() -> AsyncIterator[str]:
    """A host name that no resolver knows (RFC 6761)."""
    yield "https://no-such-host.invalid"


@asynccontextmanager
async def plain() -> AsyncIterator[str]:
    """A server that does not speak TLS."""

    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(complain, "127.0.0.1", 0) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def self_signed() -> AsyncIterator[str]:
    """A server whose certificate is signed by an authority that is not trusted here."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with ByteServer(always(answer()), tls=tls) as server:
        yield server.base_url


@asynccontextmanager
async def aborting() -> AsyncIterator[str]:
    """A server that aborts the handshake."""
    async with ByteServer(always(answer()), tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as server:
        yield server.base_url


PLAIN: Final = (
    "the TLS handshake failed: the port does not speak TLS; look at base_url (--base-url)"
)
UNKNOWN_AUTHORITY: Final = (
    "the server's TLS certificate is not accepted: this machine does not know who has signed it; "
    "tls.ca_file (--ca-file, CAPILLARY_CA_FILE) or SSL_CERT_FILE names a file of the authorities "
    "to trust"
)
Target = Callable[[], AbstractAsyncContextManager[str]]
ROWS: Final[tuple[tuple[Target, float, str], ...]] = (
    (nameless, CONNECT_TIMEOUT, "the host name does not resolve"),
    (refusing, CONNECT_TIMEOUT, "no connection: Connection refused"),
    (silent, 0.05, "no connection within 0.05 s"),
    (plain, CONNECT_TIMEOUT, PLAIN),
    (self_signed, CONNECT_TIMEOUT, UNKNOWN_AUTHORITY),
    (aborting, CONNECT_TIMEOUT, "no connection: ConnectionResetError"),
)


def check(outcome: Outcome, reason: str) -> None:
    """Check the ending of a lookup that never reached the server."""
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == reason
    assert outcome.status is None
    # A wrong setting is not retried.
    assert outcome.attempts == (1 if reason in {PLAIN, UNKNOWN_AUTHORITY} else 3)
    assert "127.0.0.1" not in outcome.reason


@table(("target", "connect", "reason"), ROWS)
async def test_is_unavailable(
    target: Target, connect: float, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most three attempts, a reason without the address, and no leak of twenty lookups."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    timeouts = Timeouts(connect=connect)
    async with (
        target() as base_url,
        nothing_left(),
        client_for(base_url, timeouts=timeouts) as client,
    ):
        outcome = await client.lookup(CUSTOMER)
        assert outcome.elapsed < 2.0
        for ended in (outcome, *await client.lookup_all(mobiles(20))):
            check(ended, reason)


async def test_reaches_a_server_with_a_trusted_certificate() -> None:
    """The failures above are caused by a lack of trust, not by TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusting = ssl.create_default_context()
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(trusting)
    async with ByteServer(always(answer()), tls=tls) as server:
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            config = client_for(server.base_url).config
            async with InteractionsClient(config, transport=session) as client:
                assert isinstance(await client.lookup(CUSTOMER), Found)


async def reason_by(base_url: str, **session: Any) -> tuple[str, int]:
    """Look up through a session; return the reason and the number of attempts."""
    async with aiohttp.ClientSession(**session) as borrowed:
        config = client_for(base_url).config
        async with InteractionsClient(config, transport=borrowed) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    return outcome.reason, outcome.attempts


@table(
    ("status", "text", "attempts"),
    [(407, ": it wants credentials", 1), (403, ": it does not allow this host or port", 1),
     (405, ": it does not allow CONNECT", 1), (404, ": it may be no forward proxy", 1),
     (501, ": it may be no forward proxy", 1), (429, "(HTTP 429)", 3)],
)  # fmt: skip
async def test_names_a_proxy_that_does_not_connect(status: int, text: str, attempts: int) -> None:
    """A forward proxy's refusal is neither the API's nor "not HTTP"."""
    async with ByteServer(always(answer(status, b"")), described=False) as server:
        reason, made = await reason_by("https://api.example", proxy=server.base_url)
    assert reason.startswith(f"the proxy refuses to connect (HTTP {status})")
    assert text in reason
    assert made == attempts


async def test_names_a_proxy_that_cannot_be_reached() -> None:
    """The host that is down or unknown is the proxy, not the API."""
    async with refusing() as proxy:
        reason, _ = await reason_by("https://api.example", proxy=proxy)
    assert reason == "no connection to the proxy: Connection refused"
    reason, _ = await reason_by("https://api.example", proxy="http://no-such-host.invalid")
    assert reason == "the host name of the proxy does not resolve"


async def test_says_that_a_proxy_in_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the user would look for the fault in the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "other.example, invalid")
    async with nameless() as base_url, client_for(base_url) as client:
        outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == (
        "the host name does not resolve (HTTPS_PROXY is set, but NO_PROXY exempts this host)"
    )
