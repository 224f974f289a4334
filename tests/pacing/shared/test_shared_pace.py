"""The paces of several processes that share one store, on one clock."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._pacing.shared.held_slots import HeldSlots
from capillary_interactions._pacing.shared.pace import SharedPace
from capillary_interactions._pacing.shared.schedule import Demand, Schedule, SharedQuota
from capillary_interactions.testing import run_without_waiting
from tests.fakes import busiest, now
from tests.pacing.shared.stores import LIMITS, MemoryStore, make_stores
from tests.tables import table

_LATENCIES: Final = (None, 0.001)


def _paces(
    limit: RateLimit, count: int, latency: float | None = None, in_flight: int = 1000
) -> tuple[list[SharedPace], list[MemoryStore]]:
    stores = make_stores(limit, now, count)
    for store in stores:
        store.latency = latency
    return [SharedPace(limit, in_flight, store) for store in stores], stores


async def _send(pace: SharedPace, times: list[float], *, deadline: float | None = None) -> None:
    await pace.acquire(deadline=deadline)
    times.append(now())
    pace.release()


async def _send_until(pace: SharedPace, times: list[float], end: float) -> None:
    while now() < end:
        await _send(pace, times)


async def _keep_busy(
    paces: Sequence[SharedPace], seconds: float, tasks: int = 32
) -> list[list[float]]:
    """When the requests of each process were sent; all of them have work all the time."""
    sent: list[list[float]] = [[] for _ in paces]
    async with asyncio.TaskGroup() as group:
        for pace, times in zip(paces, sent, strict=True):
            for _ in range(tasks):
                group.create_task(_send_until(pace, times, now() + seconds))
    return sent


@table(
    ("limit", "seconds", "exchanges"),
    [
        (RateLimit(20, 1), 10, 4.2),
        (RateLimit(200, 1), 4, 4.2),
        (RateLimit(2000, 1), 1.2, 1.0),
        (RateLimit(1000, 60), 60, 4.2),
    ],
)
@table("latency", _LATENCIES)
async def test_processes_share_the_quota_fairly(
    limit: RateLimit, seconds: float, exchanges: float, latency: float | None
) -> None:
    """Never over it in any window, 95 % used, and no process with less than half its part.

    Each of them asks for each slot, at a low rate; at a high one, for several.
    """
    paces, stores = _paces(limit, 4, latency)
    sent = await _keep_busy(paces, seconds)
    every = sorted(at for times in sent for at in times)
    assert busiest(every, limit.per) <= limit.requests
    used = len([at for at in every if at <= every[0] + seconds])
    assert used >= 0.95 * limit.requests * seconds / limit.per
    assert min(map(len, sent)) >= len(every) / 8
    assert sum(len(store.demands) for store in stores) <= exchanges * len(every) + 10


@table(
    ("limit", "seconds"),
    [(RateLimit(20, 1), 10), (RateLimit(200, 1), 4), (RateLimit(1000, 60), 30)],
)
@table("latency", [0.01, 0.02])
async def test_a_store_far_away_is_asked_early(
    limit: RateLimit, seconds: float, latency: float
) -> None:
    """Then a slot is not too old when the reply comes, and nearly all of the quota is used."""
    paces, _ = _paces(limit, 2, latency)
    every = sorted(at for times in await _keep_busy(paces, seconds) for at in times)
    assert busiest(every, limit.per) <= limit.requests
    used = len([at for at in every if at <= every[0] + seconds])
    assert used >= 0.95 * limit.requests * seconds / limit.per


async def test_each_of_many_processes_has_its_part() -> None:
    """Those that were refused often ask first, though timers cannot tell all of them apart."""
    paces, _ = _paces(RateLimit(200, 1), 40)
    sent = await _keep_busy(paces, 3.0, tasks=2)
    every = sorted(at for times in sent for at in times)
    assert busiest(every, 1) <= 200
    assert len([at for at in every if at <= every[0] + 3.0]) >= 0.95 * 600
    assert min(map(len, sent)) >= 5


async def test_a_short_window_is_kept_as_well() -> None:
    """Though timers fire late by a good part of it."""
    limit = RateLimit(10, 0.1)
    sent = await _keep_busy(_paces(limit, 4)[0], 2.0)
    every = sorted(at for times in sent for at in times)
    assert busiest(every, limit.per) <= limit.requests
    assert len(every) >= 0.95 * 200
    assert min(map(len, sent)) >= len(every) / 8


# How many requests come to which process, after how many windows the next ones, and how many of
# them are cancelled when.
_CROWDS: Final = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 40), st.floats(0, 2), st.floats(0, 1), st.floats(0, 1)
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(LIMITS, _CROWDS, st.sampled_from([None, 0.0, 0.003, 0.05]))
def test_no_window_holds_more_than_the_quota(
    limit: RateLimit,
    crowds: list[tuple[int, int, float, float, float]],
    latency: float | None,
) -> None:
    """Whatever comes when to which process, though waiters are cancelled; and all others send."""

    async def run() -> tuple[list[float], int]:
        paces, _ = _paces(limit, 3, latency)
        sent: list[float] = []
        tasks = []
        for index, count, windows, part, when in crowds:
            for number in range(count):
                task = asyncio.ensure_future(_send(paces[index], sent))
                if number < part * count:
                    asyncio.get_running_loop().call_later(when * limit.per, task.cancel)
                tasks.append(task)
            await asyncio.sleep(windows * limit.per)
        if tasks:
            await asyncio.wait(tasks)
        for pace in paces:
            assert (pace.state().in_flight, pace.state().waiting) == (0, 0)
        return sent, sum(not task.cancelled() for task in tasks)

    sent, expected = run_without_waiting(run())
    assert len(sent) == expected
    assert busiest(sent, limit.per) <= limit.requests


@table("latency", _LATENCIES)
async def test_one_process_quiets_all(latency: float | None) -> None:
    """For the server's time, but for what was sent within the last moments."""
    paces, _ = _paces(RateLimit(200, 1), 3, latency)
    sent: list[list[float]] = [[] for _ in paces]
    tasks = [
        asyncio.ensure_future(_send_until(pace, times, now() + 4))
        for pace, times in zip(paces, sent, strict=True)
        for _ in range(4)
    ]
    await asyncio.sleep(1)
    began = now()
    paces[0].throttled(began - 0.01, 2.0)
    await asyncio.wait(tasks)
    for times in sent:
        assert [at for at in times if began + 0.02 < at < began + 2.0] == []
        assert [at for at in times if at < began]
        assert [at for at in times if began + 2.0 <= at < began + 2.1]
    after = sorted(at for times in sent for at in times if at >= began + 2.0)
    assert after[4] >= began + 2.0 + 4 * 0.005


async def test_processes_learn_one_rate() -> None:
    """A cascade lowers it once, and the answers of all raise it."""
    paces, stores = _paces(RateLimit(1000, 60), 2)
    for pace in paces:
        await _send(pace, [])
    for _ in range(2):
        sent_at = now()
        await asyncio.sleep(1)
        for pace in paces:
            pace.throttled(sent_at, 3.0)
        await asyncio.sleep(10)
    for pace in paces:
        await _send(pace, [])
    lowered = stores[0].schedule.rate
    configured = paces[0].state().rate / 0.7
    assert [round(pace.rate, 9) for pace in paces] == [round(0.7 * configured, 9)] * 2
    for _ in range(25):
        paces[1].answered()
    for pace in reversed(paces):
        await _send(pace, [])
    assert paces[0].rate == paces[1].rate == stores[0].schedule.rate
    assert round(stores[0].schedule.rate - lowered, 9) == round(0.05 * configured, 9)


async def test_what_the_server_leaves_is_left_to_all() -> None:
    """A ceiling holds for the processes together, until it ends or is taken away."""
    paces, _ = _paces(RateLimit(100, 1), 2)
    for pace in paces:
        await _send(pace, [])
    began = now()
    paces[0].quota_left(20, 4.0)
    await _send(paces[0], [])
    sent = await _keep_busy(paces, 5.0)
    slow = [at for times in sent for at in times if at <= began + 4]
    assert 18 <= len(slow) <= 22
    assert len([at for times in sent for at in times if began + 4.1 < at < began + 5]) > 80
    paces[1].quota_left(0, 2.0)
    assert paces[1].state().cool_down == 2.0
    await asyncio.sleep(0.03)
    began = now()
    await _send(paces[0], [])
    assert now() >= began + 1.97


async def test_a_cancelled_waiter_costs_nothing() -> None:
    """The slot that was on its way goes to another process, though it would be a minute's."""
    paces, stores = _paces(RateLimit(1, 60), 2, 0.05)
    await _send(paces[0], [])
    await asyncio.sleep(61)
    waiter = asyncio.ensure_future(paces[0].acquire())
    await asyncio.sleep(0.07)
    waiter.cancel()
    await asyncio.wait([waiter])
    began = now()
    await _send(paces[1], [])
    assert now() - began < 1.5
    assert [demand.unused for demand in stores[0].demands].count(1) == 1


async def test_a_dead_process_takes_what_it_held_with_it_and_no_more() -> None:
    """Others wait for none of its slots but those."""
    limit = RateLimit(2000, 1)
    (dead, alive), stores = _paces(limit, 2)
    tasks = [asyncio.ensure_future(_send_until(dead, [], now() + 9)) for _ in range(32)]
    await asyncio.sleep(0.5)
    stores[0].hangs = True  # nothing is given back
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    began = now()
    (sent,) = await _keep_busy([alive], 1.0)
    assert sent[0] - began <= 20 / limit.requests
    assert len(sent) >= 0.97 * limit.requests


@table("latency", _LATENCIES)
async def test_a_deadline_that_cannot_be_met_ends_at_once(latency: float | None) -> None:
    """The store's state says when, with what other processes have taken."""
    limit = RateLimit(10, 1)
    (first, second), _ = _paces(limit, 2, latency)
    busy = [asyncio.ensure_future(_send(first, [])) for _ in range(40)]
    await asyncio.sleep(0.5)
    began = now()
    with pytest.raises(SlotAfterDeadlineError) as caught:
        await first.acquire(deadline=now() + 2)
    assert now() == began
    assert caught.value.wait > 3
    assert 3 < first.delay() < 4
    await second.acquire(deadline=now() + 1)
    with pytest.raises(SlotAfterDeadlineError):
        await second.acquire(deadline=now() + 0.05)
    assert now() - began < 0.4
    second.release()
    second.throttled(now() - 0.01, 30.0)
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(second.acquire(deadline=now() + 10))
    await asyncio.sleep(0)
    with pytest.raises(SlotAfterDeadlineError):
        await waiter
    for task in busy:
        task.cancel()
    await asyncio.wait(busy)


async def test_a_deadline_learns_of_another_processes_pause() -> None:
    """A waiter is refused when its own process hears of it, and not at its deadline."""
    (first, second), _ = _paces(RateLimit(5, 1), 2)
    began = now()
    crowd = [asyncio.ensure_future(first.acquire(deadline=began + 4)) for _ in range(10)]
    await asyncio.sleep(0.3)
    await second.acquire()
    second.throttled(now() - 0.01, 30.0)
    results = await asyncio.gather(*crowd, return_exceptions=True)
    assert now() < began + 1.5
    refused = [type(result) for result in results if result]
    assert refused == [SlotAfterDeadlineError] * len(refused)
    assert len(refused) >= 5


async def test_requests_of_a_person_go_first_within_a_process() -> None:
    """And wait for the slots that others have taken, not for those that they want."""
    (first, second), _ = _paces(RateLimit(10, 1), 2)
    background = [
        asyncio.ensure_future(pace.acquire(interactive=False))
        for pace in (first, second)
        for _ in range(30)
    ]
    await asyncio.sleep(0.55)
    began = now()
    await second.acquire()
    assert now() - began < 0.25
    for task in background:
        task.cancel()
    await asyncio.wait(background)


async def test_slots_that_come_too_late_are_not_used() -> None:
    """A process that stood still would send beside those that were counted meanwhile."""
    limit = RateLimit(20, 1)
    (pace,), (store,) = _paces(limit, 1, 0.001)
    sent = list[float]()
    tasks = [asyncio.ensure_future(_send_until(pace, sent, now() + 3)) for _ in range(4)]
    await asyncio.sleep(1)
    before, taken = len(sent), store.schedule.empty_at
    store.latency = 0.2
    await asyncio.sleep(0.3)
    store.latency = 0.001
    await asyncio.sleep(0.15)
    interval = 1 / store.schedule.leak
    assert (store.schedule.empty_at - taken) / interval - (len(sent) - before) >= 0.99
    await asyncio.wait(tasks)
    assert busiest(sent, limit.per) <= limit.requests


def test_a_slot_is_kept_for_a_moment() -> None:
    """From when it is free on; one that was put back, too."""
    reply = Schedule.begin(SharedQuota.of(RateLimit(20, 1)), 0.0, -1.0).exchange(
        SharedQuota.of(RateLimit(20, 1)), Demand(want=3, ahead=0.2), 0.0
    )
    held = HeldSlots(keep=0.01, early=0.002)
    held.add(reply, 100.0)
    assert [held.use(100.0), held.use(100.01), held.use(100.07)] == [True, False, False]
    assert held.next_at == pytest.approx(100.0 + reply.delay + 2 * reply.interval - 0.002)
    assert held.use(100.1)
    held.put_back(100.1)
    assert (held.count_free(100.1), held.count_free(100.12)) == (1, 0)
    assert not held.use(100.12)
    assert held.drop() == 0


async def test_evicts_and_frees_connections_as_a_local_pace_does() -> None:
    """Waiters that another credential could serve end; a connection that failed costs no slot."""
    (pace,), stores = _paces(RateLimit(2, 1), 1)
    await pace.acquire()
    waiter = asyncio.ensure_future(pace.acquire())
    await asyncio.sleep(0)
    pace.evict_waiters()
    with pytest.raises(WaiterEvictedError):
        await waiter
    pace.connections_exhausted()
    taken = stores[0].schedule.empty_at
    assert pace.is_narrowed
    pace.release()
    await pace.acquire()
    assert stores[0].schedule.empty_at <= taken
    pace.release()


async def test_a_pace_works_again_after_closing() -> None:
    """As a client may be entered again; an exchange in progress ends with it."""
    (pace,), (store,) = _paces(RateLimit(10, 1), 1, 0.05)
    waiter = asyncio.ensure_future(pace.acquire())
    await asyncio.sleep(0.02)
    await pace.close()
    assert store.closed == 1
    assert store.demands == []
    waiter.cancel()
    await asyncio.wait([waiter])
    await _send(pace, [])
    assert now() < 0.3


def test_continues_in_another_event_loop() -> None:
    """What is in progress in a loop that has ended is forgotten."""
    stores: list[MemoryStore] = []
    paces: list[SharedPace] = []

    async def begin() -> None:
        made, kept = _paces(RateLimit(10, 1), 1, 0.01)
        stores.extend(kept)
        paces.extend(made)
        await _send(made[0], [])
        tasks = [asyncio.ensure_future(made[0].acquire()) for _ in range(5)]
        await asyncio.sleep(0.15)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def again() -> list[float]:
        sent: list[float] = []
        async with asyncio.timeout(3), asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(_send(paces[0], sent))
        return sent

    run_without_waiting(begin())
    assert busiest(run_without_waiting(again()), 1.0) <= 10
    assert paces[0].state().waiting == 0


@table("limit", [RateLimit(20, 1), RateLimit(1000, 60)])
def test_a_lookup_goes_before_the_streams_of_other_processes(limit: RateLimit) -> None:
    """It waits for about one slot, where three streams have work; under a flood these go on."""
    waits, alone, _ = run_without_waiting(_beside_streams(limit, lookups=1))
    assert max(waits) <= 1.5
    assert alone > 0
    _, streamed, looked_up = run_without_waiting(_beside_streams(limit, lookups=8))
    assert streamed >= 0.1 * looked_up


async def _beside_streams(limit: RateLimit, lookups: int) -> tuple[list[float], int, int]:
    """How long the lookups of one process wait, in slots; what three streams sent, and lookups."""
    (pace, *others), _ = _paces(limit, 4, latency=0.001)
    waits, streamed = list[float](), list[float]()

    async def stream(other: SharedPace) -> None:
        while True:
            await other.acquire(interactive=False)
            streamed.append(now())
            other.release()

    async def look_up() -> None:
        while True:
            started = now()
            await pace.acquire()
            waits.append((now() - started) * limit.requests / limit.per)
            pace.release()
            if lookups == 1:
                await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(stream(other)) for other in others for _ in range(8)]
    await asyncio.sleep(1.0)
    streamed.clear()
    tasks += [asyncio.create_task(look_up()) for _ in range(lookups)]
    await asyncio.sleep(3.0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return waits, len(streamed), len(waits)
