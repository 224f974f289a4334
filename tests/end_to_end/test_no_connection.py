"""Servers that cannot even be reached: who says so, after how many attempts, and how quickly."""

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

from .byte_server import Wire, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

# Only where the connection cannot come is the time for it short.
PATIENT: Final = 5.0


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """A port on which nobody listens."""
    with socket.socket() as held:
        # Bound and not listening, so that nobody else gets it meanwhile.
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A port whose queue is full: the system drops what else comes, as a firewall would."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"
        for each in waiting:
            each.close()


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
    """A server whose certificate is signed by an authority that is not known here."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with Wire(always(answer()), tls=tls) as wire:
        yield wire.base_url


@asynccontextmanager
async def broken_off() -> AsyncIterator[str]:
    """A server that breaks the handshake off."""
    async with Wire(always(answer()), tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as wire:
        yield wire.base_url


PLAIN: Final = (
    "the TLS handshake failed: the port does not speak TLS; look at base_url (--base-url)"
)
UNKNOWN_AUTHORITY: Final = (
    "the server's TLS certificate is not accepted: this machine does not know who has signed it; "
    "SSL_CERT_FILE names a file of the authorities to trust"
)
Place = Callable[[], AbstractAsyncContextManager[str]]
ROWS: Final[tuple[tuple[Place, float, str], ...]] = (
    (nameless, PATIENT, "the host name does not resolve"),
    (refusing, PATIENT, "no connection: Connection refused"),
    (silent, 0.05, "no connection within 0.05 s"),
    (plain, PATIENT, PLAIN),
    (self_signed, PATIENT, UNKNOWN_AUTHORITY),
    (broken_off, PATIENT, "no connection: ConnectionResetError"),
)


def check(outcome: Outcome, reason: str) -> None:
    """The ending of a lookup that never reached anybody."""
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == reason
    assert outcome.status is None
    # What only a changed setting mends is not tried again.
    assert outcome.attempts == (1 if reason in {PLAIN, UNKNOWN_AUTHORITY} else 3)
    assert "127.0.0.1" not in outcome.reason


@pytest.mark.parametrize(("place", "connect", "reason"), ROWS)
async def test_is_unavailable(place: Place, connect: float, reason: str) -> None:
    """At most three attempts, one clear reason without the address, and nothing left."""
    timeouts = Timeouts(connect=connect)
    async with (
        place() as base_url,
        nothing_left(),
        client_for(base_url, timeouts=timeouts) as client,
    ):
        outcome = await client.lookup(CUSTOMER)
    check(outcome, reason)
    assert outcome.elapsed < 2.0


@pytest.mark.parametrize(("place", "connect", "reason"), ROWS)
async def test_leaves_nothing_over_many_rounds(place: Place, connect: float, reason: str) -> None:
    """Fifty lookups fail as one does, and no descriptor stays open."""
    timeouts = Timeouts(connect=connect)
    async with (
        place() as base_url,
        nothing_left(),
        client_for(base_url, timeouts=timeouts) as client,
    ):
        for outcome in await client.lookup_all(mobiles(50)):
            check(outcome, reason)


async def test_reaches_a_server_whose_certificate_it_knows() -> None:
    """TLS works where the certificate is trusted, so the failures above are about trust."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusting = ssl.create_default_context()
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(trusting)
    async with Wire(always(answer()), tls=tls) as wire:
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            config = client_for(wire.base_url).config
            async with InteractionsClient(config, transport=session) as client:
                assert isinstance(await client.lookup(CUSTOMER), Found)


async def reason_by(base_url: str, **session: Any) -> tuple[str, int]:
    """Why a lookup by a session of the caller's has no answer, and after how many attempts."""
    async with aiohttp.ClientSession(**session) as borrowed:
        config = client_for(base_url).config
        async with InteractionsClient(config, transport=borrowed) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    return outcome.reason, outcome.attempts


@pytest.mark.parametrize(
    ("status", "said", "attempts"),
    [(407, "it wants credentials", 1), (403, "it does not allow this host or port", 1),
     (405, "it does not allow CONNECT", 1), (502, "(HTTP 502)", 3)],
)  # fmt: skip
async def test_names_a_proxy_that_does_not_connect(status: int, said: str, attempts: int) -> None:
    """A forward proxy's refusal is not the API's, nor is it "not HTTP"."""
    async with Wire(always(answer(status, b""))) as wire:
        reason, made = await reason_by("https://api.example", proxy=wire.base_url)
    assert reason.startswith(f"the proxy refuses to connect (HTTP {status})")
    assert said in reason
    assert made == attempts


async def test_names_a_proxy_that_cannot_be_reached() -> None:
    """The host that is down or unknown is the proxy's, not the API's."""
    async with refusing() as proxy:
        reason, _ = await reason_by("https://api.example", proxy=proxy)
    assert reason == "no connection to the proxy: Connection refused"
    reason, _ = await reason_by("https://api.example", proxy="http://no-such-host.invalid")
    assert reason == "the host name of the proxy does not resolve"


async def test_says_that_a_proxy_in_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one looks for the fault in the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    async with nameless() as base_url, client_for(base_url) as client:
        outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == (
        "the host name does not resolve (HTTPS_PROXY is set, but no proxy is used)"
    )
