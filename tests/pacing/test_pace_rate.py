"""How many a pace lets through: never more than the quota in any window, and nearly all of it."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions.testing import run_without_waiting
from tests.fakes import busiest, now

LIMITS = st.builds(
    lambda requests, per, part: RateLimit(
        requests, per, None if part is None else max(1, int(part * requests))
    ),
    st.integers(1, 4) | st.integers(5, 120),
    st.sampled_from([0.1, 1.0, 7.5, 60.0]),
    st.none() | st.floats(0, 1),
)
# How many arrive, and how many windows later the next ones.
CROWDS = st.lists(st.tuples(st.integers(0, 60), st.floats(0, 3)), min_size=1, max_size=6)


async def _let_through(pace: LocalPace, admitted: list[float], *, interactive: bool = True) -> None:
    await pace.acquire(interactive=interactive)
    admitted.append(now())
    pace.release()


async def _crowds(limit: RateLimit, crowds: list[tuple[int, float]]) -> list[float]:
    pace = LocalPace(limit, max_in_flight=1000)
    admitted: list[float] = []
    async with asyncio.TaskGroup() as group:
        for count, windows in crowds:
            for number in range(count):
                group.create_task(_let_through(pace, admitted, interactive=number % 3 > 0))
            await asyncio.sleep(windows * limit.per)
    return admitted


@settings(max_examples=40, deadline=None)
@given(LIMITS, CROWDS)
def test_is_never_over_the_quota_in_any_window(
    limit: RateLimit, crowds: list[tuple[int, float]]
) -> None:
    """Whatever arrives when, also in bursts after idle times, also for a quota of one."""
    admitted = run_without_waiting(_crowds(limit, crowds))
    assert len(admitted) == sum(count for count, _ in crowds)
    assert busiest(admitted, limit.per) <= limit.requests


@pytest.mark.parametrize(
    "limit",
    [
        RateLimit(1, 60),
        RateLimit(2, 1),
        RateLimit(3, 1),
        RateLimit(10, 1),
        RateLimit(50, 1),
        RateLimit(100, 60),
        RateLimit(1000, 60),
        RateLimit(1000, 1),
    ],
)
async def test_uses_nearly_all_of_the_quota_while_work_waits(limit: RateLimit) -> None:
    """A crowd of five windows' worth is through in 5.3 windows, never over the quota."""
    # A large quota needs fewer windows to show the same.
    windows = 5 if limit.requests <= 100 else 2
    began = now()
    admitted = await _crowds(limit, [(windows * limit.requests, 0.0)])
    assert busiest(admitted, limit.per) <= limit.requests
    assert len(admitted) == windows * limit.requests
    assert max(admitted) - began <= (windows + 0.3) * limit.per


async def test_spaces_a_small_quota_evenly() -> None:
    """Three in a second leave a third of a second apart, and a little more."""
    admitted = await _crowds(RateLimit(3, 1), [(7, 0.0)])
    gaps = [later - earlier for earlier, later in pairwise(admitted)]
    assert min(gaps) >= 1 / 3
    assert max(gaps) <= 0.36


async def test_keeps_the_quota_when_waiters_leave_at_any_time() -> None:
    """Slots of cancelled waiters are used again, and never twice."""
    limit = RateLimit(20, 1.0)
    pace = LocalPace(limit, max_in_flight=1000)
    admitted: list[float] = []
    tasks = [asyncio.ensure_future(_let_through(pace, admitted)) for _ in range(300)]
    for number, task in enumerate(tasks):
        if number % 2:
            asyncio.get_running_loop().call_at(now() + number / 40, task.cancel)
    await asyncio.wait(tasks)
    assert len(admitted) == sum(not task.cancelled() for task in tasks) >= 150
    assert busiest(admitted, limit.per) <= limit.requests
    assert max(admitted) - min(admitted) <= len(admitted) / 20 / 0.95


async def test_admits_no_more_than_may_be_in_flight() -> None:
    """However much quota there is."""
    pace = LocalPace(RateLimit(1000, 1), max_in_flight=3)
    in_flight = highest = 0

    async def request() -> None:
        nonlocal in_flight, highest
        await pace.acquire()
        in_flight += 1
        highest = max(highest, in_flight)
        await asyncio.sleep(1)
        in_flight -= 1
        pace.release()

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(request())
    assert highest == 3
    assert pace.state().in_flight == 0


async def test_follows_a_rate_that_changes() -> None:
    """At the rate that a server's headers leave, and then at its own again."""
    pace = LocalPace(RateLimit(100, 1), max_in_flight=1000)
    await _let_through(pace, [])
    pace.quota_left(20, 4.0)
    began, admitted = now(), [0.0]
    admitted.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(120):
            group.create_task(_let_through(pace, admitted))
    slowed = [when for when in admitted if when < began + 4]
    assert 19 <= len(slowed) <= 22
    assert max(admitted) - (began + 4) <= 100 / 95 + 0.2


def test_continues_in_another_event_loop() -> None:
    """One loop after the other may use a pace; what was used in the last one still counts."""
    pace = LocalPace(RateLimit(10, 1), max_in_flight=2)
    first: list[float] = []
    second: list[float] = []

    async def crowd(admitted: list[float]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(_let_through(pace, admitted))

    async def cut_short() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.35):
                await crowd(first)

    run_without_waiting(cut_short())
    run_without_waiting(crowd(second))
    assert len(first) == 4
    assert len(second) == 10
    assert busiest(second, 1.0) <= 10
    # The new loop's clock starts at 0 again: nothing has leaked there before 0.35 s have passed.
    assert min(second) > 0
    assert pace.state().in_flight == 0
