"""The quota at a strict sliding window in another process: never exceeded, hardly wasted."""

import asyncio
from typing import Self

import pytest

from capillary_interactions import Found, InteractionsClient, NotFound, RateLimit
from capillary_interactions.sandbox import SandboxProcess

from .clients import mobiles

pytestmark = pytest.mark.measures

COUNT = 400


class Lateness:
    """Measures how late this machine's timers are, beyond the usual two milliseconds.

    Attributes:
        share: The share of the time that timers of a fiftieth of a second have lost.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start measuring."""
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})

    async def _tick(self) -> None:
        loop, lost = asyncio.get_running_loop(), 0.0
        started_at = now = loop.time()
        while True:
            await asyncio.sleep(0.02)
            before, now = now, loop.time()
            lost += max(0.0, now - before - 0.022)
            self.share = lost / (now - started_at)


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
