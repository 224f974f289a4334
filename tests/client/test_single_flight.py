"""Single-flight for equal lookups, and the short-lived cache."""

import asyncio
import gc
import weakref

import pytest

from capillary_interactions._client.single_flight import (
    Cache,
    SharedCallCancelledError,
    SingleFlight,
    WaiterTimeoutError,
)
from capillary_interactions._pacing.deadline import Deadline
from tests.fakes import now, others
from tests.tables import table


class _Result:
    """Its end can be observed by a weak reference."""


class Calls:
    """Shared calls that take their time, with a record of their starts and ends."""

    def __init__(self, takes: float = 1.0) -> None:
        self.single_flight: SingleFlight[str] = SingleFlight()
        self.takes = takes
        self.started = self.ended = 0
        self.error: Exception | None = None

    async def _run(self) -> str:
        self.started += 1
        name = f"call {self.started}"
        await asyncio.sleep(self.takes)
        self.ended += 1
        if self.error is not None:
            raise self.error
        return name

    def join(self, key: str = "key", deadline: Deadline | None = None) -> asyncio.Task[str]:
        """One more caller."""
        deadline = Deadline() if deadline is None else deadline
        return asyncio.ensure_future(self.single_flight.call(key, deadline, self._run))


async def test_shares_one_call_among_equal_keys() -> None:
    """A hundred equal ones are one call; another key is another."""
    calls = Calls()
    same = [calls.join() for _ in range(100)]
    other = calls.join("other")
    assert set(await asyncio.gather(*same)) == {"call 1"}
    assert await other == "call 2"
    assert now() == 1


async def test_starts_anew_after_the_end() -> None:
    """A call that has ended is not shared any more."""
    calls = Calls()
    assert await calls.join() == "call 1"
    assert await calls.join() == "call 2"


async def test_continues_without_a_caller_who_left() -> None:
    """A cancelled caller does not affect the others, even the one who started the call."""
    calls = Calls()
    first, second = calls.join(), calls.join()
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == "call 1"
    assert first.cancelled()


async def test_is_cancelled_with_its_last_caller() -> None:
    """Without waiters the task is cancelled, and the next caller starts a new one."""
    calls = Calls()
    callers = [calls.join() for _ in range(3)]
    await asyncio.sleep(0.5)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    assert others() == set()
    assert calls.ended == 0
    assert await calls.join() == "call 2"


async def test_gives_no_new_caller_the_end_of_a_cancelled_call() -> None:
    """Who joins while the last caller cancels it gets a call of its own."""
    calls = Calls()
    first = calls.join()
    await asyncio.sleep(0.5)
    first.cancel()
    assert await calls.join() == "call 2"


async def test_shares_an_error() -> None:
    """All callers get it."""
    calls = Calls()
    calls.error = LookupError("shared")
    callers = [calls.join() for _ in range(3)]
    assert await asyncio.gather(*callers, return_exceptions=True) == [calls.error] * 3


async def test_logs_no_error_that_no_waiter_was_left_to_see() -> None:
    """All left at the moment of the end: asyncio has nothing to report."""
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    calls = Calls(takes=0.0)
    calls.error = LookupError("unseen")
    caller = calls.join()
    while not calls.ended:
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    del caller
    gc.collect()
    assert reports == []


async def test_ends_each_caller_at_its_own_deadline() -> None:
    """The first one leaves, the other stays, and the deadline of the call is the later one."""
    calls, deadline = Calls(takes=5.0), Deadline(1.0)
    short, long = calls.join(deadline=deadline), calls.join(deadline=Deadline(9.0))
    with pytest.raises(WaiterTimeoutError):
        await short
    assert now() == 1
    assert deadline.at == 9
    assert await long == "call 1"


async def test_is_cancelled_when_the_last_deadline_passes() -> None:
    """No task runs on without waiters."""
    calls = Calls(takes=5.0)
    with pytest.raises(WaiterTimeoutError):
        await calls.join(deadline=Deadline(1.0))
    assert others() == set()
    assert (now(), calls.ended) == (1.0, 0)


@table(
    ("first", "second", "later"),
    [(1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (1.0, None, None), (None, 1.0, None), (None, None, None)],
)
def test_extends_a_deadline_and_never_shortens_it(
    first: float | None, second: float | None, later: float | None
) -> None:
    """The latest counts; None is the latest of all."""
    deadline = Deadline(first)
    deadline.join(second)
    assert deadline.at == later
    assert deadline.remaining(0.5) == (None if later is None else later - 0.5)


async def test_is_interactive_once_an_interactive_caller_has_joined() -> None:
    """It stays so when that caller has left."""
    calls, deadline = Calls(), Deadline(interactive=False)
    background = calls.join(deadline=deadline)
    await asyncio.sleep(0)
    assert not deadline.interactive
    person = calls.join()
    late = calls.join(deadline=Deadline(interactive=False))
    await asyncio.sleep(0)
    assert deadline.interactive
    person.cancel()
    await asyncio.gather(background, late)
    assert deadline.interactive


async def test_drains_what_ends_in_time_and_cancels_the_rest() -> None:
    """Callers of the rest get an error that says so."""
    calls = Calls(takes=1.0)
    short = calls.join("short")
    await asyncio.sleep(0.25)
    calls.takes = 10.0
    long = calls.join("long")
    await asyncio.sleep(0.25)
    await calls.single_flight.drain(2.0)
    await calls.single_flight.cancel_all()
    assert now() == 2.5
    assert await short == "call 1"
    with pytest.raises(SharedCallCancelledError):
        await long
    await calls.single_flight.drain(2.0)
    assert (now(), others()) == (2.5, set())


def test_keeps_a_result_for_its_time() -> None:
    """Fresh until the very end of its time, out of date from then on."""
    cache: Cache[str] = Cache()
    cache.put("key", "kept", 100.0, ttl=10.0)
    assert cache.get("key", 109.9, ttl=10.0) == "kept"
    assert cache.get("other", 100.0, ttl=10.0) is None
    assert cache.get("key", 110.0, ttl=10.0) is None


def test_asks_each_caller_how_old_a_result_may_be() -> None:
    """One that accepts older ones finds what another has stored, and what that would no longer."""
    cache: Cache[str] = Cache()
    cache.put("key", "kept", 100.0, ttl=1.0)
    assert cache.get("key", 105.0, ttl=1.0) is None
    assert cache.get("key", 105.0, ttl=10.0) == "kept"
    cache.put("other", "new", 105.0, ttl=10.0)
    cache.put("third", "new", 106.0, ttl=1.0)
    assert cache.get("key", 109.0, ttl=10.0) == "kept"


def test_lets_go_of_what_is_out_of_date() -> None:
    """It is dropped when another result is stored."""
    cache: Cache[object] = Cache()
    kept = [_Result() for _ in range(4)]
    results = [weakref.ref(result) for result in kept]
    for number, at in enumerate([0.0, 1.0, 5.0, 11.0]):
        cache.put(number, kept.pop(0), at, ttl=10.0)
    assert [result() is None for result in results] == [True, True, False, False]
    cache.put("last", None, 100.0, ttl=10.0)
    assert all(result() is None for result in results)


def test_keeps_a_result_for_no_time_at_all() -> None:
    """As when its time is less than what the clock can tell."""
    cache: Cache[str] = Cache()
    cache.put("key", "kept", 1e6, ttl=1e-12)
    assert cache.get("key", 1e6, ttl=1e-12) is None


def test_keeps_the_latest_ten_thousand() -> None:
    """The oldest makes room, and what is put again is new again."""
    cache: Cache[int] = Cache()
    for number in range(10_000):
        cache.put(number, number, 0.0, ttl=10.0)
    cache.put(0, -1, 0.0, ttl=10.0)
    cache.put(10_000, 10_000, 0.0, ttl=10.0)
    assert cache.get(0, 1.0, ttl=10.0) == -1
    assert cache.get(1, 1.0, ttl=10.0) is None
    assert cache.get(2, 1.0, ttl=10.0) == 2
