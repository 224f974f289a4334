"""The quota holds where requests arrive, also for those that open a connection first."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from capillary_interactions._pacing.bucket import AdaptiveBucket, bucket_parameters
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._pacing.send_gate import SendGate
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


STEPS = st.lists(
    st.tuples(
        st.floats(0, 0.2) | st.floats(0, 5),
        st.sampled_from(["send", "send", "send", "throttled", "answered", "quota"]),
        st.floats(0.1, 3),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(1.2, 4.0), (5.0, 50.0), (1.5, 0.6)]), STEPS)
def test_follows_what_the_credential_has_learned(
    figures: tuple[float, float], steps: list[tuple[float, str, float]]
) -> None:
    """Cool-downs, rates and ceilings, at once: as a bucket does that changes with them."""

    async def run() -> None:
        capacity, rate = figures
        loop, limits = asyncio.get_running_loop(), AdaptiveRate(rate)
        gate = SendGate(capacity, limits)
        bucket = AdaptiveBucket(capacity, rate, limits=limits)
        for number, (wait, step, amount) in enumerate(steps):
            await asyncio.sleep(wait)
            now = loop.time()
            if step == "send":
                _send_both(gate, bucket, now, tolerance=1e-3 * number)
                continue
            if step == "throttled":
                limits.throttled(now, now, amount)
            elif step == "quota":
                limits.quota_left(now, rate * amount * 0.6, amount)
            else:
                for _ in range(25):
                    limits.answered(now)
            gate.limits_changed(loop)
            bucket.limits_changed()
            bucket.synchronise(now)

    run_without_waiting(run())


def _send_both(gate: SendGate, bucket: AdaptiveBucket, now: float, tolerance: float) -> None:
    if bucket.limits.pause(now):
        with pytest.raises(WaiterEvictedError):
            gate.try_pass(now)
        return
    bucket.synchronise(now)
    excess = bucket.delay(now) * bucket.rate
    if gate.try_pass(now):
        # What the bucket was moved by below has not leaked from it.
        assert excess <= 1e-6 * (1 + bucket.rate)
        bucket.consume(now + 1e-6)
    else:
        # Each change may have rounded the level up.
        assert bucket.level(now) + 1 + tolerance > bucket.capacity


async def test_waits_in_order_for_a_rate_that_changes_meanwhile() -> None:
    """Those who wait, and none of those who come later before them."""
    pace, sent = LocalPace(RateLimit(10, 1.0), max_in_flight=64), list[int]()

    async def send(number: int) -> None:
        await pace.before_send()
        sent.append(number)

    tasks = []
    for number in range(30):
        tasks.append(asyncio.ensure_future(send(number)))
        await asyncio.sleep(0.05)
        if number in {5, 20}:
            pace.quota_left(40.0 - number, 10.0)
    tasks[15].cancel()
    await asyncio.wait(tasks)
    assert sent == [number for number in range(30) if number != 15]
    assert asyncio.get_running_loop().time() >= 29 / 4


def test_counts_in_the_next_event_loop_what_was_sent_in_the_last() -> None:
    """Its clock goes on, or begins anew: no second burst."""
    pace = LocalPace(RateLimit(100, 1.0, burst=20), max_in_flight=64)

    async def burst() -> tuple[int, float]:
        count = 0
        while pace.try_send():
            count += 1
        began = asyncio.get_running_loop().time()
        await pace.before_send()
        return count, asyncio.get_running_loop().time() - began

    assert run_without_waiting(burst())[0] == 20
    count, delay = run_without_waiting(burst())
    assert count == 0
    assert delay == pytest.approx(1 / pace.rate, rel=1e-3)
