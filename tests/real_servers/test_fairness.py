"""Sharing of the rate at a real server: lookups beside streams, shares, several credentials."""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks._fairness import (
    LIMIT,
    RULE,
    lookups_beside_a_stream,
    several_credentials,
    stream_under_a_flood,
    stream_with_a_share,
)
from benchmarks.servers.rate_limited import limited

pytestmark = pytest.mark.measures


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A server that refuses nothing and answers after 20 ms."""
    with limited({"turns": RULE}) as server:
        yield server.url("turns")


async def test_a_lookup_goes_ahead_of_a_stream(base_url: str) -> None:
    """It waits for about one slot, with 64 items of the stream waiting; the stream continues."""
    waits, streamed = await lookups_beside_a_stream(base_url, 2.0)
    assert sorted(waits)[len(waits) // 2] <= 3 * LIMIT.per / LIMIT.requests
    assert streamed >= 0.5 * 2.0 * LIMIT.requests


async def test_a_stream_keeps_its_tenth_under_a_flood_of_lookups(base_url: str) -> None:
    """A hundred lookups are waiting at any time, and every tenth slot is the stream's."""
    streamed, looked_up = await stream_under_a_flood(base_url, 2.5)
    # The last of its requests may not have ended yet.
    assert streamed + 1 >= (streamed + looked_up) // 10
    assert streamed <= 0.2 * looked_up


async def test_a_stream_keeps_to_its_share(base_url: str) -> None:
    """It uses no more than its share of the rate, and not much less."""
    shares = (0.8, 0.25)
    used = await asyncio.gather(*(stream_with_a_share(base_url, share, 2.0) for share in shares))
    for share, part in zip(shares, used, strict=True):
        assert 0.75 * share <= part <= 1.05 * share


async def test_several_credentials_send_at_the_sum_of_their_rates(base_url: str) -> None:
    """Three of them, and when one is cooling down, the other two as before."""
    (all_three, _), (sent, pauses) = await asyncio.gather(
        several_credentials(base_url, 2.0, None), several_credentials(base_url, 2.0, 1)
    )
    # Compared with each other, as a busy machine slows all of them; one alone is slower.
    assert sum(all_three) >= 1.5 * 2.0 * LIMIT.requests
    assert min(all_three) >= 0.75 * max(all_three)
    assert [pause > 0 for pause in pauses] == [False, True, False]
    assert sent[1] <= 2
    assert min(sent[0], sent[2]) >= 0.75 * min(all_three)
