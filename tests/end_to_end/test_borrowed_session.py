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

from .byte_server import Wire, always, answer
from .clients import CUSTOMER, FREE, HASTY, PATIENT, mobiles
from .leaks import nothing_left


async def test_stays_open() -> None:
    """Closing the client is no business of the session's."""
    async with Wire(always(answer())) as wire:
        config = ClientConfig(wire.base_url, BasicAuth("till", "word"))
        async with nothing_left(), aiohttp.ClientSession() as session:
            for _ in range(2):
                async with InteractionsClient(config, transport=session) as client:
                    assert isinstance(await client.lookup(CUSTOMER), Found)
            assert not session.closed
            async with session.get(wire.base_url) as response:
                assert response.status == 200
        # All three went over one connection of its.
        assert (wire.connections, len(wire.received)) == (1, 3)


@pytest.mark.parametrize(
    ("status", "ending"), [(404, Rejected), (500, Unavailable), (302, Rejected)]
)
async def test_keeps_its_endings_where_the_session_raises(status: int, ending: type) -> None:
    """A session that raises for every status is told not to: a status is an answer."""
    async with (
        Wire(always(answer(status, b"{}", "Location: /elsewhere"))) as wire,
        aiohttp.ClientSession(raise_for_status=True) as session,
    ):
        config = ClientConfig(wire.base_url, BasicAuth("till", "word"), rate=FREE, retry=HASTY)
        async with InteractionsClient(config, transport=session) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, ending)
    assert isinstance(outcome, Rejected | Unavailable)
    assert outcome.status == status


async def test_sends_nothing_twice() -> None:
    """Dropped connections are ours to retry also where the session is not ours."""
    async with Sandbox(unknown=0, drop_keepalive=0.5) as sandbox:
        config = sandbox.client_config(rate=FREE, retry=PATIENT)
        async with (
            aiohttp.ClientSession() as session,
            InteractionsClient(config, transport=session) as client,
        ):
            outcomes = await client.lookup_all(mobiles(50))
        assert all(isinstance(outcome, Found | NotFound) for outcome in outcomes)
        assert sandbox.counts.dropped > 0
        assert sandbox.counts.received == sum(outcome.attempts for outcome in outcomes)
