"""The quota at servers in another process, with every type of rate limiter."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest

from benchmarks.quota import Row, measure, rows_of
from benchmarks.servers.rate_limited import (
    FixedWindow,
    Gcra,
    Limiter,
    SlidingLog,
    TokenBucket,
    limited,
)
from capillary_interactions import RateLimit

_SECONDS: Final = 2.5


@pytest.mark.measures
@pytest.mark.parametrize("limit", [RateLimit(20, 0.5), RateLimit(240, 6.0, burst=5)], ids=str)
async def test_refuse_nothing_that_is_promised(limit: RateLimit) -> None:
    """Sliding log, fixed window at any phase, token bucket, GCRA: all used to 90 % or more.

    On a busy machine: no less than a loop of sleeps reaches at the same time.
    """
    rows = [row for row in rows_of(limit) if row.promised]
    with limited({row.name: row.rule for row in rows}) as server:
        figures, asleep = await asyncio.gather(
            measure(server, rows, _SECONDS), _share_of_a_loop(limit.per / limit.requests)
        )
    assert [refused for refused, _ in figures] == [0] * len(rows)
    assert min(share for _, share in figures) >= min(0.9, asleep)


async def _share_of_a_loop(interval: float) -> float:
    """Return the share of its iterations that a loop of sleeps completes in time."""
    clock = asyncio.get_running_loop().time
    started_at, steps = clock(), 0
    while clock() < started_at + _SECONDS:
        await asyncio.sleep(interval)
        steps += 1
    return steps * interval / (clock() - started_at)


@pytest.mark.measures
async def test_would_refuse_a_client_that_is_too_fast() -> None:
    """Each of them refuses a client that is set to three times the quota."""
    rows = [
        Row(limit=RateLimit(15, 1.0), rule=row.rule, promised=False)
        for row in rows_of(RateLimit(5, 1.0))
    ]
    with limited({row.name: row.rule for row in rows}) as server:
        figures = await measure(server, rows, 1.5)
    assert min(refused for refused, _ in figures) >= 1


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
