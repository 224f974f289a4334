"""A quota that is lower than the setting, for some minutes of a simulated clock."""

import asyncio
from typing import Final

import pytest

from benchmarks._load import customers
from benchmarks.servers.rate_limited import Limiter, SlidingLog
from capillary_interactions import BasicAuth, ClientConfig, InteractionsClient, RetryPolicy
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import run_without_waiting

_BODY: Final = b'{"name": "capillary", "interaction": []}'
_CONFIGURED: Final = 25
_QUOTA: Final = 10
_MANY_ATTEMPTS: Final = RetryPolicy(attempts=30, budget=1_000_000)
_MINUTE: Final = 60.0


class _LimitedServer:
    """A server with a limiter, 20 ms away."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.admitted = list[float]()
        self.refused = list[float]()

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Answer, or refuse without Retry-After."""
        now = asyncio.get_running_loop().time()
        admits = self.limiter.admits(now)
        (self.admitted if admits else self.refused).append(now)
        await asyncio.sleep(0.02)
        return Response(status=200, body=_BODY) if admits else Response(status=429)

    async def aclose(self) -> None:
        """Close nothing."""

    def minute(self, number: int) -> tuple[int, int]:
        """Return how many requests were admitted and refused in a minute."""
        start, end = number * _MINUTE, (number + 1) * _MINUTE
        admitted, refused = (
            sum(start <= time < end for time in times) for times in (self.admitted, self.refused)
        )
        return admitted, refused


async def _rates(server: _LimitedServer, minutes: int, raised_at: int) -> list[float]:
    """Return the client's rate after each minute; from `raised_at` on the quota is the setting."""
    config = ClientConfig(
        "https://api.example.com",
        BasicAuth("till", "x"),
        rate=f"{_CONFIGURED}/1",
        retry=_MANY_ATTEMPTS,
    )
    rates = list[float]()
    async with InteractionsClient(config, transport=server) as client:

        async def work() -> None:
            async with client.stream(customers()) as outcomes:
                async for _ in outcomes:
                    pass

        working = asyncio.create_task(work())
        for minute in range(minutes):
            if minute == raised_at:
                server.limiter = SlidingLog(_CONFIGURED, 1.0)
            await asyncio.sleep(_MINUTE)
            rates.append(client.snapshot().rate)
        working.cancel()
        await asyncio.wait([working])
    return rates


@pytest.mark.no_cover  # thousands of lookups, which other tests cover
def test_is_learned_and_used_and_forgotten() -> None:
    """A few refusals a minute, 80 % of the real quota used, and back at the setting in a minute."""
    server = _LimitedServer(SlidingLog(_QUOTA, 1.0))
    rates = run_without_waiting(_rates(server, minutes=5, raised_at=3))
    minutes = [server.minute(number) for number in range(5)]
    assert sum(refused for _, refused in minutes[1:3]) <= 2 * 4
    assert sum(admitted for admitted, _ in minutes[1:3]) >= 0.8 * 2 * _MINUTE * _QUOTA
    assert max(rates[1:3]) <= 1.2 * _QUOTA
    assert rates[4] >= 0.9 * _CONFIGURED
    assert minutes[4][1] == 0
