"""A caller's deadline holds, and a lookup that cannot meet it fails at once."""

import asyncio
from typing import Final

import pytest

from capillary_interactions import (
    Found,
    InteractionsClient,
    OAuth,
    RateLimit,
    Timeouts,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox

from .byte_server import ByteServer, Received, answer
from .clients import CUSTOMER, MANY_ATTEMPTS, UNLIMITED, client_for, mobiles

pytestmark = pytest.mark.measures

# Seconds that a deadline may be exceeded by, on a machine where others work, too.
SLACK: Final = 0.8


async def test_fails_at_once_where_the_pace_has_no_slot_in_time() -> None:
    """With the quota used up for ten seconds, it does not wait for five."""
    async with Sandbox(unknown=0) as sandbox:
        config = sandbox.client_config(rate=RateLimit(1, 10.0))
        async with InteractionsClient(config) as client:
            assert isinstance(await client.lookup(mobiles(1)[0]), Found)
            loop = asyncio.get_running_loop()
            started_at = loop.time()
            outcome = await client.lookup(CUSTOMER, timeout=5.0)
            assert loop.time() - started_at < SLACK
            waiting = client.snapshot().waiting
        assert sandbox.counts.received == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.attempts == 0
    assert "slot" in outcome.reason
    assert outcome.retry_after == pytest.approx(10.0, abs=0.5)
    assert waiting == 0


@pytest.mark.parametrize("fault", ["hang", "slow_body"])
async def test_holds_against_a_server_that_hangs(fault: str) -> None:
    """A tenth of a second means just that, whether headers or body are missing."""
    async with Sandbox(faults={fault: 1.0}, slow_body=30.0) as sandbox:
        config = sandbox.client_config(rate=UNLIMITED)
        async with InteractionsClient(config) as client:
            loop = asyncio.get_running_loop()
            started_at = loop.time()
            outcome = await client.lookup(CUSTOMER, timeout=0.1)
            took = loop.time() - started_at
        assert sandbox.counts.received == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.attempts == 1
    assert 0.09 <= took <= 0.1 + SLACK


async def test_holds_over_attempts_that_each_time_out() -> None:
    """The total bounds the sum of attempts and back-off."""
    async with Sandbox(faults={"hang": 1.0}) as sandbox:
        timeouts = Timeouts(total=0.3, attempt=0.1)
        config = sandbox.client_config(rate=UNLIMITED, retry=MANY_ATTEMPTS, timeouts=timeouts)
        async with InteractionsClient(config) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    assert 2 <= outcome.attempts <= 3
    assert outcome.elapsed <= 0.3 + SLACK


async def test_stops_a_token_that_does_not_come() -> None:
    """Waiting for credentials counts against the deadline, too."""

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with ByteServer(hang) as server:
        async with client_for(server.base_url, auth=OAuth("key", "secret")) as client:
            outcome = await client.lookup(CUSTOMER, timeout=0.1)
        assert len(server.received) == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.attempts == 0
    assert outcome.elapsed <= 0.1 + SLACK


async def test_holds_for_each_item_of_a_stream() -> None:
    """A stream's timeout is that of each lookup, from its start."""

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.target.endswith("3"):
            await asyncio.sleep(60)
        writer.write(answer())

    async with (
        ByteServer(behave) as server,
        client_for(server.base_url) as client,
        client.stream(mobiles(10), timeout=0.6, ordered=True) as outcomes,
    ):
        endings = [outcome.ending async for outcome in outcomes]
    assert endings == ["found"] * 3 + ["unavailable"] + ["found"] * 6
