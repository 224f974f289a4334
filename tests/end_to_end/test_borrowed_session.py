"""An `aiohttp.ClientSession` of the caller's, used as it is and never closed."""

import aiohttp
import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    InteractionsClient,
    NotFound,
    Rejected,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox

from .byte_server import ByteServer, always, answer
from .clients import CUSTOMER, MANY_ATTEMPTS, THREE_ATTEMPTS, UNLIMITED, mobiles
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
