"""The quota at servers in another process, with every type of rate limiter."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import pytest

from benchmarks.quota import Row, measure, rows_of
from benchmarks.servers.rate_limited import (
    FixedWindow,
    Gcra,
    Limited,
    Limiter,
    SlidingLog,
    TokenBucket,
    limited,
)
from capillary_interactions import RateLimit

_SECONDS: Final = 2.5


@pytest.mark.measures
async def test_refuse_nothing_that_is_promised() -> None:
    """Sliding log, fixed window at any phase, token bucket, GCRA: all used to 90 % or more.

    On a busy machine: hardly less than a loop of sleeps reaches at the same time.
    """
    limits = (RateLimit(20, 0.5), RateLimit(240, 6.0, burst=5))
    rows = [row for limit in limits for row in rows_of(limit) if row.promised]
    with limited({row.name: row.rule for row in rows}) as server:
        figures, asleep = await asyncio.gather(
            measure(server, rows, _SECONDS), _share_of_a_loop(0.025)
        )
        await _flood(server, rows)
        refusals = [len(server.counts(row.name)[1]) for row in rows]
    assert [refused for refused, _ in figures] == [0] * len(rows)
    assert min(share for _, share in figures) >= min(0.9, asleep - 0.2)
    # Each of them does refuse what is too fast.
    assert min(refusals) >= 1


async def _flood(server: Limited, rows: list[Row]) -> None:
    """Send more than its whole quota to each limiter at once."""
    async with aiohttp.ClientSession() as session:
        for row in rows:
            requests = (session.get(server.url(row.name)) for _ in range(row.limit.requests + 60))
            for response in await asyncio.gather(*requests):
                response.release()


async def _share_of_a_loop(interval: float) -> float:
    """Return the share of its iterations that a loop of sleeps completes in time."""
    clock = asyncio.get_running_loop().time
    started_at, steps = clock(), 0
    while clock() < started_at + _SECONDS:
        await asyncio.sleep(interval)
        steps += 1
    return steps * interval / (clock() - started_at)


def _admitted(limiter: Limiter, times: list[float]) -> list[int]:
    return [index for index, time in enumerate(times) if limiter.admits(time)]


@pytest.mark.parametrize(
    ("make", "admitted"),
    [
        (lambda: SlidingLog(2, 1.0), [0, 1, 4, 5]),
        (lambda: FixedWindow(2, 1.0), [0, 1, 4, 5]),
        (lambda: TokenBucket(2, 1.0, 2), [0, 1, 3, 4]),
        (lambda: TokenBucket(2, 1.0, 1), [0, 3, 4]),
        (lambda: Gcra(2, 1.0, 2), [0, 1, 3, 4]),
        (lambda: Gcra(2, 1.0, 1), [0, 3, 4]),
    ],
    ids=["sliding log", "fixed window", "bucket of 2", "bucket of 1", "gcra of 2", "gcra of 1"],
)
def test_count_as_their_names_say(make: Callable[[], Any], admitted: list[int]) -> None:
    """Two a second, for six requests of which four arrive within the first second."""
    assert _admitted(make(), [10.0, 10.1, 10.2, 10.75, 11.25, 11.3]) == admitted
