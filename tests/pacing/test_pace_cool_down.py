"""One "too many requests" pauses all requests, which are spaced out when it ends."""

import asyncio
from copy import copy
from itertools import pairwise

import pytest

from capillary_interactions import InteractionsClient, RateLimit
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import WaiterEvictedError
from tests.fakes import Server, busiest, now, settings


async def _through(pace: LocalPace, admitted: list[float]) -> None:
    await pace.acquire()
    admitted.append(now())
    pace.release()


async def _herd(pace: LocalPace, count: int, admitted: list[float]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(_through(pace, admitted)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_admits_nothing_in_a_cool_down() -> None:
    """Those who waited already and those who come meanwhile wait until it is over."""
    pace = LocalPace(RateLimit(100, 1, burst=20), max_in_flight=100)
    pace.throttled(now(), 2.0)
    admitted: list[float] = []
    tasks = await _herd(pace, 10, admitted)
    await asyncio.sleep(1)
    tasks += await _herd(pace, 10, admitted)
    await asyncio.wait(tasks)
    assert min(admitted) >= 2


async def test_releases_the_herd_at_the_pace() -> None:
    """After the cool-down there is no burst, not even the one that is usual after a pause."""
    pace = LocalPace(RateLimit(100, 1, burst=20), max_in_flight=100)
    admitted: list[float] = []
    await asyncio.wait(await _herd(pace, 1, admitted))
    pace.throttled(now(), 2.0)
    tasks = await _herd(pace, 64, admitted)
    await asyncio.wait(tasks)
    released = admitted[1:]
    gaps = [later - earlier for earlier, later in pairwise(released)]
    assert min(released) >= 2
    assert min(gaps) >= 0.99 / pace.rate
    assert busiest(released, 0.1) <= 10


async def test_releases_at_the_pace_also_without_waiters_in_the_cool_down() -> None:
    """A crowd that comes right after it finds the bucket full, and one that comes late does not."""
    pace = LocalPace(RateLimit(100, 1, burst=20), max_in_flight=100)
    pace.throttled(now(), 2.0)
    await asyncio.sleep(2)
    assert pace.state().slots_left == 0
    admitted: list[float] = []
    await asyncio.wait(await _herd(pace, 5, admitted))
    assert busiest(admitted, 0.5 / pace.rate) == 1
    await asyncio.sleep(3)
    assert pace.state().slots_left == 20


async def test_is_extended_by_a_longer_hint_while_a_herd_waits() -> None:
    """Admitted at five seconds and not at two; a shorter hint changes nothing."""
    pace = LocalPace(RateLimit(100, 1), max_in_flight=100)
    pace.throttled(now(), 2.0)
    admitted: list[float] = []
    tasks = await _herd(pace, 3, admitted)
    await asyncio.sleep(1)
    pace.throttled(0.0, 4.0)
    pace.throttled(0.0, 0.5)
    await asyncio.wait(tasks)
    assert min(admitted) == pytest.approx(5 + 1 / pace.rate, abs=1e-6)


async def test_keeps_to_the_longest_pause() -> None:
    """A server that asks for a year gets as long as the setting says."""
    pace = LocalPace(RateLimit(100, 1), max_in_flight=1, max_pause=30.0)
    pace.throttled(now(), 365 * 86_400.0)
    assert pace.state().cool_down == 30


async def test_refuses_waiters_at_once_that_a_cool_down_makes_late() -> None:
    """Those with a deadline within it end now; the others stay."""
    pace = LocalPace(RateLimit(1, 1), max_in_flight=10)
    await pace.acquire()
    waiting = [
        asyncio.ensure_future(pace.acquire(deadline=deadline)) for deadline in (1.5, 20.0, None)
    ]
    await asyncio.sleep(0.5)
    pace.throttled(now(), 10.0)
    with pytest.raises(SlotAfterDeadlineError):
        await waiting[0]
    assert now() == 0.5
    assert pace.state().waiting == 2
    await asyncio.wait(waiting[1:])
    assert now() > 10.5


@pytest.mark.parametrize("remaining", [0, 2])
async def test_refuses_waiters_at_once_that_the_servers_own_count_makes_late(
    remaining: int,
) -> None:
    """Headers with less quota count as much as a refusal."""
    pace = LocalPace(RateLimit(10, 1), max_in_flight=10)
    while not pace.delay():
        await pace.acquire()
    waiting = [asyncio.ensure_future(pace.acquire(deadline=1.0)) for _ in range(5)]
    await asyncio.sleep(0)
    began = now()
    pace.quota_left(remaining, 100.0)
    done, _ = await asyncio.wait(waiting)
    assert now() == began
    assert all(isinstance(task.exception(), SlotAfterDeadlineError) for task in done)


async def test_rejects_only_those_whom_the_rejection_of_others_does_not_save() -> None:
    """Rejected waiters make room for those behind them."""
    pace = LocalPace(RateLimit(10, 1), max_in_flight=10)
    while not pace.delay():
        await pace.acquire()
        pace.release()
    hurried = [asyncio.ensure_future(pace.acquire(deadline=now() + 1)) for _ in range(5)]
    other = asyncio.ensure_future(pace.acquire(deadline=now() + 2.5))
    await asyncio.sleep(0)
    pace.throttled(now(), 2.2)
    await asyncio.wait({*hurried, other})
    assert all(task.exception() for task in hurried)
    assert other.exception() is None


async def test_refuses_a_newcomer_whose_deadline_lies_within_a_cool_down() -> None:
    """The error says when there would have been a slot."""
    pace = LocalPace(RateLimit(10, 1), max_in_flight=10)
    pace.throttled(now(), 30.0)
    with pytest.raises(SlotAfterDeadlineError) as refused:
        await pace.acquire(deadline=now() + 29)
    assert refused.value.wait == pytest.approx(30 + 1 / pace.rate)


async def test_comes_back_soon_after_the_pause_of_a_slow_quota() -> None:
    """With one request a minute, the end of the pause is the slot, and not a minute later."""
    pace, admitted = LocalPace(RateLimit(1, 60.0), max_in_flight=8), list[float]()
    await _through(pace, admitted)
    pace.throttled(0.0, 90.0)
    await _through(pace, admitted)
    await _through(pace, admitted)
    assert 90 <= admitted[1] <= 91.1
    assert admitted[2] - admitted[1] >= 60


async def test_continues_at_a_lower_rate_after_repeated_refusals() -> None:
    """The second cascade within two minutes cuts the rate to seven tenths."""
    pace = LocalPace(RateLimit(100, 1), max_in_flight=100)
    before = pace.rate
    pace.throttled(now(), 1.0)
    await asyncio.sleep(2)
    await pace.acquire()
    pace.throttled(now(), 1.0)
    assert pace.rate == pytest.approx(0.7 * before)
    admitted: list[float] = []
    await asyncio.wait(await _herd(pace, 70, admitted))
    assert max(admitted) - min(admitted) == pytest.approx(69 / (0.7 * before), rel=0.01)
    for _ in range(10_000):
        pace.answered()
    assert pace.rate == before


async def test_spaces_out_those_that_have_their_connections() -> None:
    """Admitted before the pause, and connected within it: no burst after it."""
    pace = LocalPace(RateLimit(100, 1, burst=20), max_in_flight=100)
    for _ in range(10):
        await pace.acquire()
    pace.throttled(now(), 2.0)
    sent: list[float] = []

    async def send() -> None:
        with pytest.raises(WaiterEvictedError):
            await pace.before_send()
        pace.release()
        await pace.acquire()
        await pace.before_send()
        sent.append(now())

    await asyncio.gather(*(send() for _ in range(10)))
    assert min(sent) >= 2
    assert min(later - earlier for earlier, later in pairwise(sent)) >= 0.9 / pace.rate


async def test_is_not_changed_by_a_snapshot() -> None:
    """Asked after a cool-down, with a lower rate, it forecasts what the next request meets."""
    pace = LocalPace(RateLimit(100, 1, burst=20), max_in_flight=100)
    async with InteractionsClient(settings(), transport=Server(), pace=pace) as client:
        await pace.acquire()
        for _ in range(2):
            pace.throttled(now(), 2.0)
            await asyncio.sleep(2.001)
        pace.try_send()
        limiter = pace._gate._limiter
        before = copy(pace._bucket), copy(pace._limits)
        assert client.snapshot() == client.snapshot()
        assert (pace._bucket, pace._limits) == before
        assert pace._gate._limiter is limiter
        began, slot = now(), pace.delay()
        await pace.acquire()
        assert now() - began == pytest.approx(slot)
