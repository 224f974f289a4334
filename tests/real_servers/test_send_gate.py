"""The quota counts where requests arrive: also those that open a connection first."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.bucket import bucket_parameters
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions.testing import run_without_waiting


async def _on_the_wire(
    limit: RateLimit, late: Sequence[float], *, told: bool = True
) -> list[float]:
    """When requests leave that are late by so much, all of them wanting to leave at once."""
    pace = LocalPace(limit, max_in_flight=64)
    left = list[float]()
    now: Callable[[], float] = asyncio.get_running_loop().time

    async def request(delay: float) -> None:
        await pace.acquire()
        await asyncio.sleep(delay)
        if told:
            await pace.before_send()
        left.append(now())
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


def test_would_pile_up_if_they_did_not_stand_in_line() -> None:
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
    """However late each of them is, by up to a second."""
    figures = bucket_parameters(limit)
    left = run_without_waiting(_on_the_wire(limit, parts))
    for place, start in enumerate(left):
        for count, end in enumerate(left[place:], 1):
            assert count <= figures.send_capacity + figures.rate * (end - start) + 1e-6


@pytest.mark.parametrize("most", [0.03, 0.15, 0.4])
def test_lose_next_to_nothing_where_each_opens_a_connection(most: float) -> None:
    """A server that keeps none alive, now near and now far: nearly the whole rate is used."""
    limit = RateLimit(100, 1.0)
    dice = random.Random(1)
    left = run_without_waiting(_on_the_wire(limit, [dice.uniform(0, most) for _ in range(500)]))
    steady = left[50:-50]
    assert len(steady) / (steady[-1] - steady[0]) >= 0.95 * 100


async def test_leave_not_in_a_cool_down() -> None:
    """Who had a turn and was opening its connection stands in the queue again, and is told so."""
    pace = LocalPace(RateLimit(100, 1.0), max_in_flight=8)
    await pace.acquire()
    pace.throttled(asyncio.get_running_loop().time(), 0.03)
    with pytest.raises(WaiterEvictedError):
        await pace.before_send()
