"""The quota at a strict sliding window in another process: never exceeded, hardly wasted."""

import pytest

from capillary_interactions import Found, InteractionsClient, NotFound, RateLimit
from capillary_interactions.sandbox import SandboxProcess

from .clients import mobiles
from .lateness import Lateness

pytestmark = pytest.mark.measures

COUNT = 150


async def test_keeps_to_fifty_in_any_second_and_uses_them() -> None:
    """No 429 with 64 in flight, and 93 % of the quota or more used."""
    async with SandboxProcess(rate=(50, 1.0)) as sandbox:
        config = sandbox.client_config(in_flight=64)
        assert config.rate == RateLimit(50, 1.0)
        async with (
            Lateness() as lateness,
            InteractionsClient(config) as client,
            client.stream(mobiles(COUNT)) as outcomes,
        ):
            endings = [outcome async for outcome in outcomes]
        counts, times = sandbox.counts(), sandbox.arrivals()
        most = sandbox.most_in_any_window(1.0)
    assert len(endings) == COUNT
    assert all(isinstance(outcome, Found | NotFound) for outcome in endings)
    assert (counts.received, counts.answered, counts.throttled) == (COUNT, COUNT, 0)
    assert most <= 50
    # On a busy machine timers lose time that no client can make up for.
    assert (COUNT - 1) / (times[-1] - times[0]) >= (0.93 - lateness.share) * 50
