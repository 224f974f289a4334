"""A shared pace while its store fails, hangs, stops or loses what it knew."""

import asyncio
from typing import Final, Literal

import pytest

from capillary_interactions import RateLimit
from capillary_interactions._errors import SettingsReason
from capillary_interactions._pacing.deadline import NoSlotError
from capillary_interactions._pacing.shared.pace import SharedPace
from tests.fakes import busiest, now
from tests.pacing.shared.stores import LONG_AGO, MemoryStore, make_stores
from tests.tables import table

_LIMIT: Final = RateLimit(40, 1)


def _processes(
    count: int,
    fallback: Literal["stop", "local"] = "stop",
    latency: float | None = None,
    limit: RateLimit = _LIMIT,
) -> tuple[list[SharedPace], list[MemoryStore], list[str | None]]:
    stores, events = make_stores(limit, now, count), list[str | None]()
    for store in stores:
        store.latency = latency
    paces = [
        SharedPace(
            limit,
            1000,
            store,
            fallback=fallback,
            expected_workers=max(4, count),
            on_outage=events.append,
        )
        for store in stores
    ]
    return paces, stores, events


async def _keep_asking(pace: SharedPace, sent: list[float], end: float) -> list[str]:
    """Send until `end`, a second after each refusal; returns the reasons."""
    reasons = []
    while now() < end:
        asked = now()
        try:
            await pace.acquire(interactive=False)
        except NoSlotError as error:
            reasons.append(error.reason)
            assert now() - asked < 3.5
            await asyncio.sleep(0.2)
            continue
        sent.append(now())
        pace.release()
    return reasons


def _start(
    paces: list[SharedPace], sent: list[float], seconds: float
) -> list[asyncio.Task[list[str]]]:
    end = now() + seconds
    return [asyncio.ensure_future(_keep_asking(pace, sent, end)) for pace in paces for _ in "1234"]


@table("latency", [None, 0.001])
async def test_waiting_ends_with_the_reason_and_the_store_is_returned_to(
    latency: float | None,
) -> None:
    """From the third failure on nothing is sent, and it comes back by itself."""
    paces, stores, events = _processes(2, latency=latency)
    sent: list[float] = []
    tasks = _start(paces, sent, 8)
    await asyncio.sleep(2)
    for store in stores:
        store.fails = "connection refused"
    failed_at = now()
    await asyncio.sleep(0.3)
    assert events == ["connection refused"] * 2
    assert paces[0].state().outage == "connection refused"
    with pytest.raises(NoSlotError, match=r"shared quota.*connection refused") as caught:
        await paces[0].acquire()
    assert 0 < caught.value.wait <= 1.0
    await asyncio.sleep(2.7)
    for store in stores:
        store.fails = None
    works_at = now()
    results = await asyncio.gather(*tasks)
    assert all(results)
    assert events == ["connection refused"] * 2 + [None] * 2
    assert [at for at in sent if failed_at + 0.3 < at < works_at] == []
    assert min(at for at in sent if at >= works_at) <= works_at + 1.5
    assert busiest(sent, _LIMIT.per) <= _LIMIT.requests
    assert paces[0].state().outage is None


async def test_no_exchange_takes_longer_than_the_timeout() -> None:
    """A store that does not answer is one that fails, three timeouts later."""
    (pace,), (store,), events = _processes(1, latency=0.001)
    store.hangs = True
    began = now()
    with pytest.raises(NoSlotError, match="no answer within 1 s"):
        await pace.acquire()
    assert 3.0 <= now() - began < 3.3
    assert len(store.demands) == 3
    began = now()
    with pytest.raises(NoSlotError):
        await pace.acquire()
    assert now() == began
    store.hangs = False
    await asyncio.sleep(2.1)
    await pace.acquire()
    assert events == ["no answer within 1 s", None]


async def test_one_failure_is_no_outage() -> None:
    """Waiters wait for the next try."""
    (pace,), (store,), events = _processes(1)
    store.fails = "connection reset"
    waiter = asyncio.ensure_future(pace.acquire())
    await asyncio.sleep(0.06)
    store.fails = None
    await waiter
    assert now() < 0.3
    assert events == []


async def test_a_refused_setting_is_an_outage_at_once() -> None:
    """With the type of its reason, by which jobs and consumers stop."""
    (pace,), (store,), events = _processes(1)
    store.fails = SettingsReason("the password is refused")
    with pytest.raises(NoSlotError) as caught:
        await pace.acquire()
    assert isinstance(caught.value.reason, SettingsReason)
    assert len(store.demands) == len(events) == 1


async def test_a_fault_in_a_store_leaves_no_process_waiting() -> None:
    """An exception that no store should raise is a failure, too."""
    (pace,), (store,), events = _processes(1, latency=0.0)
    store.clock = lambda: 1 / 0
    with pytest.raises(NoSlotError, match="ZeroDivisionError"):
        await pace.acquire()
    assert events == ["ZeroDivisionError in the store"]


@table("seconds", [0.5, 3.0])
async def test_each_process_keeps_to_its_part(seconds: float) -> None:
    """All of them together to the quota, as the outage begins and ends, though not at once."""
    paces, stores, events = _processes(4, "local")
    sent: list[float] = []
    tasks = _start(paces, sent, 9 + seconds)
    await asyncio.sleep(2)
    failed_at = now()
    for store in stores:
        store.fails = "connection refused"
        await asyncio.sleep(0.05)
    await asyncio.sleep(seconds)
    works_at = now()
    for store in stores:
        store.fails = None
        # The server was restarted without its data.
        store.schedule = stores[0].schedule
        # Some find that later than others.
        await asyncio.sleep(0.25)
    assert await asyncio.gather(*tasks) == [[]] * len(tasks)
    assert len(events) == 8
    assert busiest(sent, _LIMIT.per) <= _LIMIT.requests
    meanwhile = [at for at in sent if failed_at + 0.4 < at <= works_at]
    assert len(meanwhile) >= 0.8 * _LIMIT.requests * (seconds - 0.5)
    again = [at for at in sent if works_at + 4 < at <= works_at + 6]
    assert len(again) >= 0.95 * 2 * _LIMIT.requests


async def test_one_process_of_four_without_the_store_takes_its_part() -> None:
    """And follows the cool-downs it causes; the others hear of them once it has returned."""
    paces, stores, _ = _processes(4, "local")
    sent: list[float] = []
    for pace in paces:
        await pace.acquire()
    stores[0].fails = "connection refused"
    tasks = _start(paces[:1], sent, 3.3)
    await asyncio.sleep(3.3)
    assert 28 <= len(sent) <= 34
    paces[0].throttled(now() - 0.01, 5.0)
    stores[0].fails = None
    paused_at = now()
    await asyncio.sleep(1.1)
    await paces[1].acquire()
    assert 4.9 < now() - paused_at < 5.5
    await asyncio.wait(tasks)
    assert [at for at in sent if paused_at < at < paused_at + 4.9] == []


@table("forgets", [True, False])
async def test_a_store_that_lost_its_state_gives_no_burst(forgets: bool) -> None:
    """What was sent before counts, whether nothing is known of it, or what was true long ago."""
    limit = RateLimit(100, 1, burst=20)
    paces, stores, _ = _processes(2, latency=0.001, limit=limit)
    sent: list[float] = []
    tasks = _start(paces, sent, 3)
    await asyncio.sleep(0.3)
    for store in stores:
        store.fails = "connection reset"
    await asyncio.sleep(0.1)
    for store in stores:
        store.fails = None
    stores[0].lose_state()
    if not forgets:
        stores[0].schedule.empty_at = LONG_AGO
    stores[1].schedule = stores[0].schedule
    await asyncio.gather(*tasks)
    assert busiest(sent, limit.per) <= limit.requests


async def test_what_the_parts_let_through_at_once_counts_afterwards() -> None:
    """Each begins with a slot: together they are more than the store's bucket holds."""
    limit = RateLimit(40, 100)
    paces, stores, _ = _processes(10, "local", limit=limit)
    for pace, store in zip(paces, stores, strict=True):
        await pace.acquire()
        pace.release()
        store.fails = "connection refused"
    await asyncio.gather(*(pace.acquire() for pace in paces))
    await asyncio.sleep(300)
    sent: list[float] = []
    tasks = _start(paces, sent, 120)
    await asyncio.sleep(0.1)
    assert len(sent) == 10
    for store in stores:
        store.fails = None
    await asyncio.gather(*tasks)
    assert busiest(sent, limit.per) <= limit.requests
    assert len(sent) >= 40


async def test_waiters_do_not_wait_for_the_part_once_the_store_works() -> None:
    """They wait a moment for other processes, and then for the store's next slots."""
    (pace,), (store,), _ = _processes(1, "local", limit=RateLimit(40, 100))
    await pace.acquire()
    store.fails = "connection refused"
    await pace.acquire()
    await asyncio.sleep(60)
    sent: list[float] = []
    tasks = _start([pace], sent, 15)
    await asyncio.sleep(1)
    store.fails = None
    works_at = now()
    await asyncio.gather(*tasks)
    assert len([at for at in sent if works_at < at < works_at + 7]) >= 1


async def test_the_end_of_a_client_in_an_outage_takes_one_timeout() -> None:
    """Though the store hangs."""
    (pace,), (store,), _ = _processes(1, latency=0.001)
    waiter = asyncio.ensure_future(pace.acquire())
    await asyncio.sleep(0.1)
    store.hangs = True
    pace.throttled(now() - 0.01, 3.0)
    await asyncio.sleep(0.1)
    began = now()
    await pace.close()
    assert now() - began <= 1.0
    assert store.closed == 1
    await waiter
