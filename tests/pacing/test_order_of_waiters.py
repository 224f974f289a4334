"""Requests are sent in the order in which they came, at any rate and however late tasks run."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from capillary_interactions import RateLimit
from capillary_interactions._pacing.bucket import bucket_parameters
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions.testing import run_without_waiting
from tests.tables import table

LIMITS = [(RateLimit(200, 1.0), 30), (RateLimit(2_000, 1.0), 400), (RateLimit(20_000, 1.0), 4_000)]


async def _send_all(limit: RateLimit, count: int) -> tuple[list[int], list[float]]:
    """Return in which order and when requests are sent of which some come and leave meanwhile."""
    pace, loop = LocalPace(limit, max_in_flight=count), asyncio.get_running_loop()
    sent, times = list[int](), list[float]()

    async def send(number: int) -> None:
        await pace.acquire()
        try:
            if not pace.try_send():
                await pace.before_send()
            # Before others are admitted, which takes a while.
            times.append(loop.time())
        finally:
            pace.release()
        sent.append(number)

    tasks = []
    for number in range(count):
        tasks.append(asyncio.ensure_future(send(number)))
        if number > count // 2:
            await asyncio.sleep(0)
        if number % 7 == 6:
            tasks[number // 2].cancel()
    await asyncio.wait(tasks)
    assert len(sent) == sum(not task.cancelled() for task in tasks) > count / 2
    assert (pace.state().in_flight, pace.state().waiting) == (0, 0)
    return sent, times


def _check_order_and_rate(run: Callable[[Any], Any], limit: RateLimit, count: int) -> None:
    sent, times = run(_send_all(limit, count))
    assert sent == sorted(sent)
    figures = bucket_parameters(limit)
    for first in range(0, len(times), 20):
        for last in range(first, len(times), 20):
            allowed = figures.send_capacity + figures.rate * (times[last] - times[first])
            assert last - first + 1 <= allowed + 1e-6


@table(("limit", "count"), LIMITS)
def test_overtakes_no_waiter(limit: RateLimit, count: int) -> None:
    """Neither those who wait already nor newcomers, and the rate holds."""
    _check_order_and_rate(run_without_waiting, limit, count)


@pytest.mark.measures
@table(("limit", "count"), LIMITS)
def test_overtakes_no_waiter_on_a_real_clock(limit: RateLimit, count: int) -> None:
    """The same, where a process that is interrupted between two readings sees them apart."""
    _check_order_and_rate(asyncio.run, limit, count)
