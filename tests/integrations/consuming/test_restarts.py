"""What restarts of a consumer do to its quota: a new process knows nothing of the one before it."""

import asyncio

import pytest

from capillary_interactions import RateLimit
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions.testing import run_without_waiting

_STARTS = 12
_LIMITS = [(RateLimit(1000, 60.0), 10, 5.0), (RateLimit(20, 1.0), 1, 0.5),
           (RateLimit(100, 2.0, burst=10), 10, 0.6)]  # fmt: skip


def _most(times: list[float], window: float) -> int:
    """The most of these rising moments that lie in one window."""
    first = most = 0
    for number, moment in enumerate(times):
        while times[first] < moment - window + 1e-9:
            first += 1
        most = max(most, number - first + 1)
    return most


def _sent(limit: RateLimit, *, lives: float, delay: float) -> list[float]:
    """When requests leave of processes that always have work, are killed and started again."""

    async def main() -> list[float]:
        loop, times = asyncio.get_running_loop(), list[float]()
        for _ in range(_STARTS):
            pace, until = LocalPace(limit, max_in_flight=1000), loop.time() + lives
            while loop.time() < until:
                await pace.acquire()
                await pace.before_send()
                pace.release()
                times.append(loop.time())
            await asyncio.sleep(delay)
        return times

    return run_without_waiting(main())


@pytest.mark.parametrize(("limit", "burst", "lives"), _LIMITS)
def test_keeps_the_quota_with_a_delay_before_each_start(
    limit: RateLimit, burst: int, lives: float
) -> None:
    """As long as a burst takes at the rate; by default that is what the README says."""
    delay = burst * limit.per / (limit.requests + 1 - burst)
    times = _sent(limit, lives=lives, delay=delay)
    assert _most(times, limit.per) <= limit.requests


@pytest.mark.parametrize(("limit", "burst", "lives"), _LIMITS)
def test_exceeds_the_quota_by_a_burst_for_each_start_at_once(
    limit: RateLimit, burst: int, lives: float
) -> None:
    """No more than that; and it does exceed it, or the delay would be for nothing."""
    times = _sent(limit, lives=lives, delay=0.0)
    assert limit.requests < _most(times, limit.per) <= limit.requests + _STARTS * burst
