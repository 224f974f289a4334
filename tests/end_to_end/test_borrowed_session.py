"""An `aiohttp.ClientSession` of the caller's, used as it is and never closed."""

import logging
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    InteractionsClient,
    NotFound,
    Outcome,
    Rejected,
    Tls,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.testing import FakeTransport

from .authorities import Authority
from .byte_server import ByteServer, always, answer
from .clients import (
    CUSTOMER,
    MANY_ATTEMPTS,
    THREE_ATTEMPTS,
    UNLIMITED,
    config_for,
    mobiles,
)
from .forward_proxies import tinyproxy
from .leaks import nothing_left


async def test_stays_open() -> None:
    """Closing the client does not close the session."""
    async with ByteServer(always(answer()), described=False) as server:
        config = ClientConfig(server.base_url, BasicAuth("till", "word"))
        async with nothing_left(), aiohttp.ClientSession() as session:
            for _ in range(2):
                async with InteractionsClient(config, transport=session) as client:
                    assert isinstance(await client.lookup(CUSTOMER), Found)
            assert not session.closed
            async with session.get(server.base_url) as response:
                assert response.status == 200
        # All three used one connection of the session.
        assert (server.connections, len(server.received)) == (1, 3)


@pytest.mark.parametrize(
    ("status", "ending"), [(404, Rejected), (500, Unavailable), (302, Rejected)]
)
async def test_overrides_raise_for_status(status: int, ending: type) -> None:
    """A session with `raise_for_status` does not raise: a status is an answer."""
    async with (
        ByteServer(always(answer(status, b"{}", "Location: /elsewhere"))) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
    ):
        config = ClientConfig(
            server.base_url, BasicAuth("till", "word"), rate=UNLIMITED, retry=THREE_ATTEMPTS
        )
        async with InteractionsClient(config, transport=session) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, ending)
    assert isinstance(outcome, Rejected | Unavailable)
    assert outcome.status == status


async def test_sends_nothing_twice() -> None:
    """The client retries dropped connections itself also on a borrowed session."""
    async with Sandbox(unknown=0, drop_keepalive=0.5) as sandbox:
        config = sandbox.client_config(rate=UNLIMITED, retry=MANY_ATTEMPTS)
        async with (
            aiohttp.ClientSession() as session,
            InteractionsClient(config, transport=session) as client,
        ):
            outcomes = await client.lookup_all(mobiles(50))
        assert all(isinstance(outcome, Found | NotFound) for outcome in outcomes)
        assert sandbox.counts.dropped > 0
        assert sandbox.counts.received == sum(outcome.attempts for outcome in outcomes)


async def by_session(base_url: str, session: aiohttp.ClientSession, **settings: Any) -> Outcome:
    """How a lookup ends through a session of the caller's."""
    config = config_for(base_url, **settings)
    async with InteractionsClient(config, transport=session) as client:
        return await client.lookup(CUSTOMER)


async def test_takes_a_proxy_and_authorities_that_are_set(tmp_path: Path) -> None:
    """It loses nothing by being borrowed."""
    authority = Authority(tmp_path)
    server = ByteServer(always(answer()), tls=authority.server())
    with tinyproxy() as proxy:
        async with server, aiohttp.ClientSession() as session:
            settings = {"proxy": proxy.known_url, "tls": authority.tls}
            assert isinstance(await by_session(server.base_url, session, **settings), Found)
        assert proxy.tunnels() == 1


async def test_warns_of_what_it_does_not_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a client: of a session that reads no environment, of a transport of another kind."""
    # Whatever it is: a session reads it as it likes.
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    async with ByteServer(always(answer())) as server:
        async with aiohttp.ClientSession() as session:
            assert isinstance(await by_session(server.base_url, session), Found)
            assert isinstance(await by_session(server.base_url, session, proxy=None), Found)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        async with aiohttp.ClientSession(trust_env=True) as session:
            assert isinstance(await by_session(server.base_url, session), Unavailable)
    settings: dict[str, Any] = {"proxy": "http://127.0.0.1:1", "tls": Tls(ca_file="company.pem")}
    for given in ({}, settings):
        transport = FakeTransport()
        async with InteractionsClient(config_for("eu", **given), transport=transport) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found | NotFound)
    warnings = [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ]
    assert [warning.partition(",")[0].partition(":")[0] for warning in warnings] == [
        "http_proxy is set",
        "proxy and tls of ClientConfig",
    ]
