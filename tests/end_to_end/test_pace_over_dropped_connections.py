"""Kept-alive connections that the server drops: aiohttp would resend, without counting."""

import pytest

from capillary_interactions import Found, InteractionsClient, NotFound
from capillary_interactions.sandbox import Sandbox, SandboxProcess

from .clients import mobiles

pytestmark = pytest.mark.measures


async def test_counts_resent_requests() -> None:
    """Every request that arrives is counted and paced by the client."""
    async with SandboxProcess(rate=(100, 1.0), drop_keepalive=0.5) as sandbox:
        config = sandbox.client_config(in_flight=64)
        async with (
            InteractionsClient(config) as client,
            client.stream(mobiles(120)) as outcomes,
        ):
            endings = [outcome async for outcome in outcomes]
            snapshot = client.snapshot()
        counts, most = sandbox.counts(), sandbox.most_in_any_window(1.0)
    assert len(endings) == 120
    assert all(isinstance(outcome, Found | NotFound) for outcome in endings)
    assert counts.dropped > 20
    assert counts.throttled == 0
    assert most <= 100
    assert counts.received == snapshot.requests == sum(outcome.attempts for outcome in endings)
    assert counts.received == 120 + counts.dropped
    # A dropped connection is no failure: no back-off, and no token is spent.
    assert (snapshot.retries, snapshot.retry_budget) == (0, 500)


async def test_answers_on_a_connection_that_is_always_dropped() -> None:
    """The retry takes a new connection, so one drop costs one request."""
    async with Sandbox(drop_keepalive=1.0, unknown=0) as sandbox:
        config = sandbox.client_config()
        async with InteractionsClient(config) as client:
            first, *others = [await client.lookup(mobile) for mobile in mobiles(5)]
        counts = sandbox.counts
    assert first.attempts == 1
    assert all(isinstance(outcome, Found) for outcome in (first, *others))
    assert counts.received == 1 + sum(outcome.attempts for outcome in others)
    assert counts.received == 5 + counts.dropped
