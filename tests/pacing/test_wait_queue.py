"""The order of the waiters, and when all of their deadlines are reviewed."""

import asyncio
import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import InteractionsClient
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.wait_queue import DeadlineReviews, Waiter, WaitQueue, WaitQueues
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
        assert [waiter.number for waiter in queue] == sorted(model)
        for number in range(0, 500, 50):
            assert queue.rank(number) == sum(other < number for other in model)

    run_without_waiting(run())


async def test_positions_are_the_order_of_admission() -> None:
    """In both queues together."""
    loop = asyncio.get_running_loop()
    queues = WaitQueues()
    for number in range(50):
        queues.add(_waiter(loop, number, interactive=number % 3 > 0))
    forecast = dict(queues.in_order())
    assert all(queues.position(waiter) == ahead for waiter, ahead in forecast.items())
    order = [queues.pop() for _ in range(50)]
    assert [forecast[waiter] for waiter in order] == list(range(50))


async def test_skips_those_removed_while_it_counts() -> None:
    """A rejected waiter costs those behind it nothing."""
    queues = WaitQueues()
    for number in range(20):
        queues.add(_waiter(asyncio.get_running_loop(), number))
    seen = []
    for waiter, ahead in queues.in_order():
        seen.append(ahead)
        if waiter.number % 2:
            queues.remove(waiter)
    assert seen == [(number + 1) // 2 for number in range(20)]


@pytest.mark.parametrize(
    ("waiting", "changes", "highest"), [(64, 500, 500), (3_000, 1_000, 14), (30_000, 1_000, 3)]
)
async def test_reviews_as_often_as_it_costs_a_hundredth(
    waiting: int, changes: int, highest: int
) -> None:
    """Each change where few wait; where many do, at intervals, and once after the last."""
    seen: list[float] = []
    reviews = DeadlineReviews(lambda: seen.append(now()))
    loop = asyncio.get_running_loop()
    for _ in range(changes):
        reviews.limits_changed(loop, waiting, -1.0)
        await asyncio.sleep(1 / 300)
    last = now()
    await asyncio.sleep(10)
    assert 1 < len(seen) <= highest
    assert seen[0] == 0
    assert seen[-1] >= last - 1 / 300


async def test_reviews_at_once_when_a_pause_begins() -> None:
    """However many wait, and not for each refusal of the same cascade."""
    seen: list[float] = []
    reviews = DeadlineReviews(lambda: seen.append(now()))
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1)
    for _ in range(3):
        for number in range(30):
            reviews.limits_changed(loop, 30_000, now() + 5 + number / 100)
        await asyncio.sleep(1.5)
    assert seen == [1, 2.5, 4]


@pytest.mark.parametrize(("limit", "highest"), [(math.inf, 0), (900.0, 0), (1.5, 26)])
async def test_walks_no_queue_at_each_answer(
    limit: float, highest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that change the rate with each answer: the waiters are reviewed now and then."""
    reviewed = itertools.count()
    in_order = WaitQueues.in_order

    def counting(queues: WaitQueues) -> Iterator[tuple[Waiter, int]]:
        for item in in_order(queues):
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
