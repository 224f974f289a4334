"""The order of the waiters, and when all of their deadlines are reviewed."""

import asyncio
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import InteractionsClient
from capillary_interactions._pacing.bucket import Bucket
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.deadline_review import DeadlineReview, Expiries
from capillary_interactions._pacing.wait_queue import Waiter, WaitQueue, WaitQueues
from capillary_interactions._protocol.messages import Request
from capillary_interactions.testing import interactions, run_without_waiting
from tests.fakes import Reply, Server, busiest, customer, customers, now
from tests.fakes import settings as config_of

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 500)),
        st.tuples(st.just("remove"), st.integers(0, 500)),
        st.tuples(st.just("pop"), st.just(0)),
    ),
    max_size=600,
)


def _waiter(loop: asyncio.AbstractEventLoop, number: int, *, interactive: bool = True) -> Waiter:
    return Waiter(Deadline(None, interactive), number, interactive, loop.create_future())


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_keeps_waiters_by_number(steps: list[tuple[str, int]]) -> None:
    """Whatever is added and removed, the first one has the lowest number, and ranks are counts."""

    async def run() -> None:
        queue, model = WaitQueue(), dict[int, Waiter]()
        for step, number in steps:
            if step == "add" and number not in model:
                model[number] = _waiter(asyncio.get_running_loop(), number)
                queue.add(model[number])
            elif step == "remove" and number in model:
                assert queue.remove(model[number])
                assert not queue.remove(model.pop(number))
            elif step == "pop" and model:
                assert queue.pop() is model.pop(min(model))
            assert len(queue) == len(model)
        assert [waiter.number for waiter in queue.slice(0, 500)] == sorted(model)
        for number in range(0, 500, 50):
            assert queue.rank(number) == sum(other < number for other in model)

    run_without_waiting(run())


def _all(queues: WaitQueues) -> Iterator[tuple[Waiter, int]]:
    """All waiters and their positions, some of them at a time."""
    for interactive in (True, False):
        number = 0
        while part := list(queues.in_order(interactive=interactive, number=number, count=7)):
            yield from part
            number = part[-1][0].number + 1


async def test_positions_are_the_order_of_admission() -> None:
    """In both queues together."""
    loop = asyncio.get_running_loop()
    queues = WaitQueues()
    for number in range(50):
        queues.add(_waiter(loop, number, interactive=number % 3 > 0))
    forecast = dict(_all(queues))
    assert all(queues.position(waiter) == ahead for waiter, ahead in forecast.items())
    order = [queues.pop() for _ in range(50)]
    assert [forecast[waiter] for waiter in order] == list(range(50))


async def test_skips_those_removed_while_it_counts() -> None:
    """A rejected waiter costs those behind it nothing."""
    queues = WaitQueues()
    for number in range(20):
        queues.add(_waiter(asyncio.get_running_loop(), number))
    seen = []
    for waiter, ahead in queues.in_order(interactive=True, number=0, count=20):
        seen.append(ahead)
        if waiter.number % 2:
            queues.remove(waiter)
    assert seen == [(number + 1) // 2 for number in range(20)]


class _Slots(Bucket):
    """A bucket at ten slots a second, with a pause."""

    pause = 0.0

    def delay(self, now: float, ahead: int = 0) -> float:
        return self.pause + ahead / 10

    def interval(self, now: float) -> float:
        return 0.1


class _Crowd:
    """Waiters for slots, and when which of them was reviewed."""

    def __init__(self, waiting: int, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        self.queues, self.slots = WaitQueues(), _Slots(1.0, 10.0)
        self.review = DeadlineReview(loop, self.queues, self.slots)
        self.waiters = list[Waiter]()
        for number in range(waiting):
            at = Deadline(deadline, interactive=number % 3 > 0)
            waiter = Waiter(at, at.number, at.interactive, loop.create_future())
            self.waiters.append(waiter)
            self.queues.add(waiter)
            self.review.expect(at)

    def rejected(self) -> int:
        """How many were rejected; their errors have been seen then."""
        return sum(bool(one.granted.done() and one.granted.exception()) for one in self.waiters)


@pytest.mark.parametrize("waiting", [1, 64, 300, 5_000])
async def test_rejects_soon_those_whose_slots_come_too_late(waiting: int) -> None:
    """All of them and no others, those that few wait at once, and many within their review."""
    crowd = _Crowd(waiting, 100.0)
    crowd.slots.pause = 99.0 - 0.5
    crowd.review.limits_changed(-1.0)
    if waiting <= 64:
        assert crowd.rejected() == max(0, waiting - 16)
    await asyncio.sleep(1.1e-4 * waiting + 0.01)
    assert crowd.rejected() == max(0, waiting - 16)
    assert crowd.queues.size == min(waiting, 16)
    assert crowd.review.earliest == 100.0


async def test_reviews_no_more_than_costs_a_hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often limits change, and however many wait; in short pieces."""
    pieces = list[int]()
    in_order = WaitQueues.in_order

    def counting(queues: WaitQueues, **given: Any) -> Iterator[tuple[Waiter, int]]:
        found = list(in_order(queues, **given))
        pieces.append(len(found))
        return iter(found)

    monkeypatch.setattr(WaitQueues, "in_order", counting)
    crowd = _Crowd(3_000, 299.0)
    for _ in range(1_000):
        crowd.review.limits_changed(-1.0)
        await asyncio.sleep(1 / 300)
    assert 9 * 3_000 < sum(pieces) < 1.1e4 * (now() + 0.1)
    assert max(pieces) <= 64
    before = sum(pieces)
    await asyncio.sleep(10)
    assert sum(pieces) - before <= 2 * 3_000


async def test_reviews_without_intervals_when_a_pause_begins() -> None:
    """However many wait: they need not wait for the hundredth of the time that reviews have."""
    crowd = _Crowd(5_000, 100.0)
    await asyncio.sleep(1)
    crowd.slots.pause = 1_000.0
    crowd.review.limits_changed(now() + 1_000.0)
    await asyncio.sleep(0.01)
    assert crowd.rejected() == 5_000


async def test_calls_at_each_deadline_that_comes() -> None:
    """Not for those that were granted, and later for those with a later one meanwhile."""
    loop, expired = asyncio.get_running_loop(), list[tuple[int, float]]()
    expiries = Expiries(loop, lambda waiter: expired.append((waiter.number, now())))
    waiters = [_waiter(loop, number) for number in range(600)]
    for waiter in waiters:
        waiter.deadline.at = float(1 + waiter.number % 5)
        expiries.add(waiter, 600 if waiter.number < 500 else 100)
        expiries.add(waiter, 600)
        if waiter.number < 500 and waiter.number != 3:
            waiter.granted.set_result(None)
    waiters[3].deadline.at = 7.5
    await asyncio.sleep(10)
    due = [(number, float(1 + number % 5)) for number in range(500, 600)]
    assert expired == [*sorted(due, key=lambda one: one[::-1]), (3, 7.5)]


@pytest.mark.parametrize(("limit", "highest"), [(math.inf, 0), (900.0, 0), (1.5, 26)])
async def test_walks_no_queue_at_each_answer(
    limit: float, highest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that change the rate with each answer: the waiters are reviewed now and then."""
    reviewed = itertools.count()
    in_order = WaitQueues.in_order

    def counting(queues: WaitQueues, **given: Any) -> Iterator[tuple[Waiter, int]]:
        for item in in_order(queues, **given):
            next(reviewed)
            yield item

    monkeypatch.setattr(WaitQueues, "in_order", counting)
    left = itertools.count(290_000, -4)

    def answer(_: Request) -> Reply:
        client._pool.all[0].pace.quota_left(next(left), 1000.0)
        return interactions()

    server = Server(answer, takes=0.02)
    async with InteractionsClient(config_of(rate="300/1"), transport=server) as client:
        crowd = [asyncio.ensure_future(client.lookup(query, limit)) for query in customers(400)]
        await asyncio.sleep(1)
        assert len(server.requests) > 250
        assert next(reviewed) <= highest * 400  # of 250 * 400
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)


async def test_refuses_early_and_in_order_however_many_wait() -> None:
    """Of three hundred with 20 s each, those for whom that is too little end long before then."""

    def answer(_: Request) -> Reply:
        if now() > 1:
            client._pool.all[0].pace.quota_left(200.0, 50.0)
        return interactions()

    server = Server(answer)
    async with InteractionsClient(config_of(rate="20/1"), transport=server) as client:
        ended: dict[int, tuple[str, float]] = {}

        async def look_up(number: int) -> None:
            outcome = await client.lookup(customer(number), 20.0)
            ended[number] = outcome.ending, outcome.elapsed

        await asyncio.gather(*map(look_up, range(300)))
    found = [number for number, (ending, _) in ended.items() if ending == "found"]
    assert found == list(range(len(found)))
    assert 80 < len(found) < 110
    assert all(at < 1.2 for ending, at in ended.values() if ending != "found")
    assert busiest(server.arrivals, 1.0) <= 20
