"""Requests that are sent later than they were admitted, as they open a connection first."""

import asyncio
import itertools
from typing import Final

import pytest

from capillary_interactions import RateLimit
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._pacing.shared.pace import SharedPace
from tests.fakes import busiest
from tests.pacing.shared.stores import make_stores

_LIMIT: Final = RateLimit(20, 1.0)
_CONNECTING: Final = 0.15
_PROCESSES: Final = 3


def _paces(count: int) -> list[SharedPace]:
    clock = asyncio.get_running_loop().time
    stores = make_stores(_LIMIT, clock, count)
    for store in stores:
        store.latency = 0.001
    return [SharedPace(_LIMIT, 32, store) for store in stores]


async def _send(pace: SharedPace, connecting: float, sent: list[float]) -> None:
    await pace.acquire()
    try:
        await asyncio.sleep(connecting)
        if not pace.try_send():
            await pace.before_send()
        sent.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)
    finally:
        pace.release()


async def test_keep_the_quota_where_they_arrive() -> None:
    """Of all processes together, where every third request opens a connection."""
    sent = list[float]()
    paces = _paces(_PROCESSES)

    async def work(pace: SharedPace, number: int) -> None:
        for each in itertools.count(number):
            await _send(pace, 0.0 if each % 3 else _CONNECTING, sent)

    tasks = [asyncio.create_task(work(pace, number)) for pace in paces for number in range(16)]
    await asyncio.sleep(10.0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert busiest(sent, _LIMIT.per) <= _LIMIT.requests
    # A request that is late costs two slots.
    assert len(sent) >= 0.9 * 3 / 4 * 10.0 * _LIMIT.requests


async def test_take_their_slot_before_those_that_wait_for_admission() -> None:
    """One that has its connection is not kept waiting behind a queue."""
    (pace,), sent = _paces(1), list[float]()
    late = asyncio.create_task(_send(pace, _CONNECTING, sent))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(_send(pace, 0.0, [])) for _ in range(10)]
    await late
    assert sent[0] - _CONNECTING <= 3 * _LIMIT.per / _LIMIT.requests
    await asyncio.gather(*others)


async def test_are_sent_where_no_other_waits() -> None:
    """The slot that was asked for them is not given back as one that none wants."""
    (pace,), sent = _paces(1), list[float]()
    async with asyncio.timeout(5.0):
        await _send(pace, _CONNECTING, sent)
        await _send(pace, _CONNECTING, sent)
    assert len(sent) == 2


async def test_are_admitted_again_where_a_cool_down_has_begun() -> None:
    """Whether they look for a slot at that moment, or wait for one."""
    (pace,) = _paces(1)
    loop = asyncio.get_running_loop()
    for wait in (0.0, 0.02):
        await pace.acquire()
        await asyncio.sleep(_CONNECTING)
        waiting = asyncio.create_task(pace.before_send())
        crowd = [asyncio.create_task(pace.before_send()) for _ in range(5)]
        await asyncio.sleep(wait)
        pace.throttled(loop.time(), 1.0)
        with pytest.raises(WaiterEvictedError):
            await asyncio.gather(waiting, *crowd)
        pace.release()
        await asyncio.sleep(2.0)
