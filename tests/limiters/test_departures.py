"""The quota counts where requests arrive: also those that open a connection first."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._bucket import plan
from capillary_interactions._pace import LocalPace
from capillary_interactions.testing import run_without_waiting


async def _on_the_wire(
    limit: RateLimit, late: Sequence[float], *, told: bool = True
) -> list[float]:
    """When requests leave that are late by so much, all of them wanting to leave at once."""
    pace = LocalPace(limit, places=64)
    left = list[float]()
    now: Callable[[], float] = asyncio.get_running_loop().time

    async def request(delay: float) -> None:
        await pace.acquire()
        departed = pace.departure() if told else None
        await asyncio.sleep(delay)
        left.append(now())
        if departed is not None:
            departed()
            departed()
        # An answer takes its time too.
        await asyncio.sleep(0.05)
        pace.release()

    await asyncio.gather(*(request(delay) for delay in late))
    return sorted(left)


def _busiest(times: list[float], per: float) -> int:
    return max(bisect_right(times, start + per) - place for place, start in enumerate(times))


@pytest.mark.parametrize(
    ("limit", "opening"), [(RateLimit(100, 1.0), 0.15), (RateLimit(200, 1.0), 0.3)], ids=str
)
def test_do_not_pile_up_behind_slow_connections(limit: RateLimit, opening: float) -> None:
    """The first thirty open connections, the others find them open: the quota holds."""
    late = [opening] * 30 + [0.0] * (2 * limit.requests)
    assert _busiest(run_without_waiting(_on_the_wire(limit, late)), limit.per) <= limit.requests


def test_would_pile_up_if_nobody_told() -> None:
    """What the test above sees where only turns are counted: more than the quota."""
    late = [0.15] * 30 + [0.0] * 200
    left = run_without_waiting(_on_the_wire(RateLimit(100, 1.0), late, told=False))
    assert _busiest(left, 1.0) > 100


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([RateLimit(100, 1.0), RateLimit(500, 5.0, burst=20), RateLimit(1_000, 1.0)]),
    st.lists(st.floats(0, 1), min_size=40, max_size=200),
)
def test_keep_to_the_bucket_on_the_wire(limit: RateLimit, parts: list[float]) -> None:
    """Late by no more than the bucket takes to leak down to one, they are as good as prompt."""
    figures = plan(limit)
    late = [part * 0.99 * (figures.leaving - 1) / figures.rate for part in parts]
    left = run_without_waiting(_on_the_wire(limit, late))
    for place, start in enumerate(left):
        for count, end in enumerate(left[place:], 1):
            assert count <= figures.leaving + figures.rate * (end - start) + 1e-6


def test_lose_next_to_nothing_where_each_opens_a_connection() -> None:
    """A server that keeps none alive, a tenth of a second away: nearly the whole rate is used."""
    limit = RateLimit(100, 1.0)
    left = run_without_waiting(_on_the_wire(limit, [0.1] * 500))
    assert len(left) / (left[-1] - left[0]) >= 0.95 * 100
