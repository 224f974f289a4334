"""The order of admission, slots that are returned, and deadlines that cannot be met."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.bucket import bucket_parameters
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions.testing import run_without_waiting
from tests.fakes import now

LIMIT = RateLimit(10, 1)


async def _empty(pace: LocalPace) -> None:
    """Use up what a pace has at once."""
    while not pace.delay():
        await pace.acquire()
        pace.release()


class _Crowd:
    """Waiters, in the order in which they get through."""

    def __init__(self, pace: LocalPace) -> None:
        self.pace = pace
        self.through: list[str] = []

    def send(
        self, name: str, *, deadline: float | None = None, interactive: bool = True
    ) -> asyncio.Task[None]:
        """One more waiter."""
        return asyncio.ensure_future(self._wait(name, deadline, interactive=interactive))

    async def _wait(self, name: str, deadline: float | None, *, interactive: bool) -> None:
        await self.pace.acquire(deadline=deadline, interactive=interactive)
        self.through.append(name)
        self.pace.release()


@pytest.mark.parametrize("interactive", [True, False])
async def test_serves_in_the_order_of_arrival(interactive: bool) -> None:
    """Also newcomers that find a slot free."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    crowd = _Crowd(pace)
    tasks = []
    for number in range(40):
        tasks.append(crowd.send(str(number), interactive=interactive))
        await asyncio.sleep(0.03)
    await asyncio.wait(tasks)
    assert crowd.through == [str(number) for number in range(40)]


async def test_serves_in_the_order_of_arrival_where_connections_are_short() -> None:
    """A connection that becomes free goes to the waiter that has waited longest."""
    pace = LocalPace(RateLimit(1000, 1), max_in_flight=1)
    await pace.acquire()
    crowd = _Crowd(pace)
    tasks = [crowd.send(str(number)) for number in range(5)]
    await asyncio.sleep(1)
    assert crowd.through == []
    pace.release()
    tasks.append(crowd.send("late"))
    await asyncio.wait(tasks)
    assert crowd.through == ["0", "1", "2", "3", "4", "late"]


async def test_lets_lookups_go_ahead_of_streams_and_one_in_ten_of_these_between() -> None:
    """While lookups wait, every tenth slot is a stream's."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    await _empty(pace)
    crowd = _Crowd(pace)
    tasks = [crowd.send("stream", interactive=False) for _ in range(10)]
    await asyncio.sleep(0)
    tasks += [crowd.send("lookup") for _ in range(40)]
    await asyncio.wait(tasks)
    positions = [index for index, name in enumerate(crowd.through) if name == "stream"]
    assert positions == [9, 19, 29, 39, *range(44, 50)]


async def test_gives_the_slot_of_a_cancelled_waiter_to_the_next() -> None:
    """A waiter that leaves the queue costs those behind it nothing."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    await _empty(pace)
    slot = pace.delay()
    crowd = _Crowd(pace)
    first, second = crowd.send("first"), crowd.send("second")
    await asyncio.sleep(slot / 2)
    first.cancel()
    began = now()
    await second
    assert now() - began == pytest.approx(slot / 2, abs=1e-6)
    assert first.cancelled()


async def test_gets_a_slot_back_that_was_granted_in_the_moment_of_the_cancellation() -> None:
    """Granted, and cancelled before it could run: its slot and its connection are free again."""
    pace = LocalPace(RateLimit(50, 1), max_in_flight=1)
    await pace.acquire()
    crowd = _Crowd(pace)
    waiter = crowd.send("waiter")
    await asyncio.sleep(1)
    pace.release()
    waiter.cancel()
    await asyncio.wait({waiter})
    assert waiter.cancelled()
    assert pace.state().in_flight == 0
    assert pace.state().slots_left == 1
    assert pace.delay() == 0


async def test_gives_nothing_back_for_a_waiter_cancelled_before_its_turn_came_up() -> None:
    """Cancelled, and its slot comes before it could run: it has none to return."""
    pace = LocalPace(LIMIT, max_in_flight=2)
    await pace.acquire()
    await pace.acquire()
    crowd = _Crowd(pace)
    waiter = crowd.send("waiter")
    await asyncio.sleep(10)
    before = pace.state().slots_left
    waiter.cancel()
    pace.release()
    await asyncio.wait({waiter})
    assert waiter.cancelled()
    assert pace.state().in_flight == 1
    assert pace.state().slots_left == before


async def test_gives_nothing_back_for_a_waiter_cancelled_when_it_was_just_refused() -> None:
    """Refused for its deadline and cancelled in the same moment: nothing was granted."""
    pace = LocalPace(LIMIT, max_in_flight=5)
    await pace.acquire()
    await _empty(pace)
    crowd = _Crowd(pace)
    waiter = crowd.send("waiter", deadline=now() + 5)
    await asyncio.sleep(0)
    pace.throttled(now(), 30.0)
    waiter.cancel()
    await asyncio.wait({waiter})
    assert waiter.cancelled()
    assert pace.state().in_flight == 1


async def test_refuses_nothing_that_was_cancelled_in_the_same_moment() -> None:
    """Cancelled, and too late before it could leave the queue: the others are rejected."""
    pace = LocalPace(LIMIT, max_in_flight=5)
    await pace.acquire()
    await _empty(pace)
    crowd = _Crowd(pace)
    waiter, other = (crowd.send(name, deadline=now() + 5) for name in ("waiter", "other"))
    await asyncio.sleep(0)
    waiter.cancel()
    pace.throttled(now(), 30.0)
    await asyncio.wait({waiter, other})
    assert waiter.cancelled()
    assert isinstance(other.exception(), SlotAfterDeadlineError)
    assert (pace.state().in_flight, pace.state().waiting) == (1, 0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.booleans()), max_size=40
    ),
    st.integers(1, 3),
)
def test_loses_and_doubles_no_slot_whatever_is_cancelled(
    waiters: list[tuple[float, float, bool, bool]], max_in_flight: int
) -> None:
    """After any arrivals and cancellations nothing is in flight, and the quota is complete."""

    async def arrive_and_leave() -> None:
        pace = LocalPace(RateLimit(20, 1, burst=4), max_in_flight)
        loop = asyncio.get_running_loop()
        crowd = _Crowd(pace)
        tasks = []
        for arrives, leaves, interactive, hurried in sorted(waiters):
            await asyncio.sleep(max(0.0, arrives - now()))
            deadline = now() + leaves if hurried else None
            task = crowd.send("", deadline=deadline, interactive=interactive)
            loop.call_at(now() + leaves, task.cancel)
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(2)
        state = pace.state()
        assert (state.in_flight, state.waiting, state.slots_left) == (0, 0, 4)

    run_without_waiting(arrive_and_leave())


async def test_refuses_at_once_whose_slot_lies_beyond_its_deadline() -> None:
    """Not at the deadline: now, and with the wait that it would have had."""
    pace = LocalPace(RateLimit(1, 10), max_in_flight=5)
    await pace.acquire()
    began = now()
    with pytest.raises(SlotAfterDeadlineError) as refused:
        await pace.acquire(deadline=began + 0.5)
    assert now() == began
    assert refused.value.wait == pytest.approx(10.2, abs=0.1)
    assert pace.state().waiting == 0


async def test_counts_those_ahead_before_it_refuses() -> None:
    """A queue of twenty at ten a second is two seconds long."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    await _empty(pace)
    crowd = _Crowd(pace)
    tasks = [crowd.send(str(number)) for number in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(SlotAfterDeadlineError) as refused:
        await pace.acquire(deadline=now() + 2)
    assert 2.0 < refused.value.wait < 2.3
    tasks.append(crowd.send("last", deadline=now() + 2.3))
    await asyncio.gather(*tasks)
    assert crowd.through[-1] == "last"


async def test_refuses_no_stream_that_makes_its_deadline_on_the_tenth_slot() -> None:
    """Behind a hundred lookups, the first of the streams waits for nine of them only."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    await _empty(pace)
    crowd = _Crowd(pace)
    tasks = [crowd.send("lookup") for _ in range(100)]
    await asyncio.sleep(0)
    tasks.append(crowd.send("stream", deadline=now() + 1.2, interactive=False))
    await asyncio.gather(*tasks)
    assert crowd.through.index("stream") == 9


async def test_counts_the_streams_between_before_it_refuses_a_lookup() -> None:
    """A lookup behind eighteen others waits for two streams as well."""
    pace = LocalPace(LIMIT, max_in_flight=100)
    await _empty(pace)
    crowd = _Crowd(pace)
    tasks = [crowd.send("lookup", interactive=number >= 9) for number in range(27)]
    await asyncio.sleep(0)
    slot = 1 / pace.rate
    with pytest.raises(SlotAfterDeadlineError):
        await pace.acquire(deadline=now() + 20.5 * slot)
    tasks.append(crowd.send("last", deadline=now() + 21.5 * slot))
    await asyncio.gather(*tasks)
    assert crowd.through.index("last") == 20


async def test_ends_at_its_deadline_where_no_connection_becomes_free() -> None:
    """When one will be free cannot be forecast; the deadline holds all the same."""
    pace = LocalPace(RateLimit(1000, 1), max_in_flight=1)
    await pace.acquire()
    began = now()
    with pytest.raises(SlotAfterDeadlineError):
        await pace.acquire(deadline=began + 3)
    assert now() == began + 3
    assert pace.state().waiting == 0


async def test_shows_its_state() -> None:
    """Rate, slots, queue, requests in flight and cool-down."""
    pace = LocalPace(RateLimit(100, 1, burst=5), max_in_flight=2)
    tasks = [asyncio.ensure_future(pace.acquire()) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    state = pace.state()
    assert (state.waiting, state.in_flight, state.slots_left) == (2, 2, 3)
    assert state.rate == pace.rate == bucket_parameters(RateLimit(100, 1, burst=5)).rate
    assert state.cool_down == 0
    pace.throttled(now(), 4.0)
    assert pace.state().cool_down == 4
    assert pace.state().slots_left == 0
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(4)
    assert pace.state().slots_left == 0
    await asyncio.sleep(1)
    assert pace.state().slots_left == 5


def test_shows_its_state_before_it_was_ever_used() -> None:
    """Nothing is in use, and a hundredth of the quota may leave at once."""
    state = LocalPace(RateLimit(1000, 60), max_in_flight=5).state()
    assert (state.waiting, state.in_flight, state.slots_left, state.cool_down) == (0, 0, 10, 0)
