"""The quota holds where requests arrive, also for those that open a connection first."""

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
from tests.tables import table


async def _send_times(
    limit: RateLimit, delays: Sequence[float], *, gated: bool = True
) -> list[float]:
    """Return when requests are sent that all start at once and have delays of their own."""
    pace = LocalPace(limit, max_in_flight=64)
    sent = list[float]()
    now: Callable[[], float] = asyncio.get_running_loop().time

    async def request(delay: float) -> None:
        await pace.acquire()
        await asyncio.sleep(delay)
        if gated:
            await pace.before_send()
        sent.append(now())
        await asyncio.sleep(0.05)
        pace.release()

    await asyncio.gather(*(request(delay) for delay in delays))
    return sorted(sent)


def _busiest(times: list[float], per: float) -> int:
    return max(bisect_right(times, start + per) - index for index, start in enumerate(times))


@table(("limit", "opening"), [(RateLimit(100, 1.0), 0.15), (RateLimit(200, 1.0), 0.3)])
def test_do_not_pile_up_behind_slow_connections(limit: RateLimit, opening: float) -> None:
    """The first thirty open connections, the others find them open: the quota holds."""
    delays = [opening] * 30 + [0.0] * (2 * limit.requests)
    assert _busiest(run_without_waiting(_send_times(limit, delays)), limit.per) <= limit.requests


def test_would_pile_up_without_the_gate() -> None:
    """The control: where only admissions are paced, more than the quota arrives."""
    delays = [0.15] * 30 + [0.0] * 200
    sent = run_without_waiting(_send_times(RateLimit(100, 1.0), delays, gated=False))
    assert _busiest(sent, 1.0) > 100


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([RateLimit(100, 1.0), RateLimit(500, 5.0, burst=20), RateLimit(1_000, 1.0)]),
    st.lists(st.floats(0, 1), min_size=40, max_size=200),
)
def test_keep_to_the_bucket_when_sent(limit: RateLimit, parts: list[float]) -> None:
    """With any delays of up to a second."""
    figures = bucket_parameters(limit)
    sent = run_without_waiting(_send_times(limit, parts))
    for index, start in enumerate(sent):
        for count, end in enumerate(sent[index:], 1):
            assert count <= figures.send_capacity + figures.rate * (end - start) + 1e-6


@table("max_delay", [0.03, 0.15, 0.4])
def test_lose_next_to_nothing_where_each_opens_a_connection(max_delay: float) -> None:
    """A server that keeps no connection alive: nearly the complete rate is used."""
    limit = RateLimit(100, 1.0)
    rng = random.Random(1)
    sent = run_without_waiting(_send_times(limit, [rng.uniform(0, max_delay) for _ in range(500)]))
    steady = sent[50:-50]
    assert len(steady) / (steady[-1] - steady[0]) >= 0.95 * 100


async def test_are_not_sent_in_a_cool_down() -> None:
    """A request that was admitted and is still connecting must be admitted again."""
    pace = LocalPace(RateLimit(100, 1.0), max_in_flight=8)
    await pace.acquire()
    pace.throttled(asyncio.get_running_loop().time(), 0.03)
    with pytest.raises(WaiterEvictedError):
        await pace.before_send()
