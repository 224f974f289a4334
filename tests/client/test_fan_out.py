"""One coroutine over an endless source: bounds, order, errors, and nothing left behind."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions._client.fan_out import FanOut, Source
from capillary_interactions._client.read_lock import ReadLock
from capillary_interactions.testing import run_without_waiting
from tests.fakes import each, now, others


def _same(item: int) -> int:
    return item


class Work:
    """Work that takes its time and counts itself."""

    def __init__(self, takes: Callable[[int], float] = lambda _: 1.0) -> None:
        self.takes = takes
        self.begun = 0
        self.under_way = self.most = 0
        self.cancelled = 0

    async def __call__(self, item: int) -> int:
        """The item, after its time."""
        self.begun += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.takes(item))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return item


class Reading:
    """A source that counts what was read of it."""

    def __init__(self, items: Iterable[int]) -> None:
        self._items = iter(items)
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        item = next(self._items)
        self.read += 1
        return item


async def _paused(items: Iterable[int], seconds: float = 0.0) -> AsyncIterator[int]:
    for item in items:
        await asyncio.sleep(seconds)
        yield item


def fan_out(
    work: Callable[[int], Any], source: Source[int], concurrency: int = 3, *, ordered: bool = False
) -> FanOut[int, int, int]:
    """A fan-out of whole numbers."""
    return FanOut(work, source, prepare=_same, concurrency=concurrency, ordered=ordered)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 5), max_size=40),
    st.integers(1, 7),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_gives_each_result_once_whatever_takes_how_long(
    times: list[int], concurrency: int, ordered: bool, asynchronous: bool, dawdle: int
) -> None:
    """Nothing lost, nothing doubled, in order where that is wanted, and within the bounds."""

    async def run() -> None:
        work = Work(lambda item: times[item] / 10)
        reading = Reading(range(len(times)))
        source: Source[int] = _paused(reading) if asynchronous else reading
        results: list[int] = []
        async with fan_out(work, source, concurrency, ordered=ordered) as fan:
            async for result in fan:
                results.append(result)
                assert reading.read - len(results) < 2 * concurrency + 1
                await asyncio.sleep(dawdle / 10)
        assert sorted(results) == list(range(len(times)))
        if ordered:
            assert results == sorted(results)
        assert work.most <= concurrency
        assert others() == set()

    run_without_waiting(run())


async def test_works_on_as_many_at_once_as_it_may() -> None:
    """A hundred items of a second each, ten at once, take ten seconds."""
    work = Work()
    async with fan_out(work, range(100), 10) as fan:
        assert len([result async for result in fan]) == 100
    assert (work.most, now()) == (10, 10.0)


@pytest.mark.parametrize("ordered", [True, False])
async def test_reads_only_as_results_are_taken(ordered: bool) -> None:
    """Nothing before the first is asked for, then twice as many as at once, then one for one."""
    reading = Reading(itertools.count())
    async with fan_out(Work(), reading, 4, ordered=ordered) as fan:
        await asyncio.sleep(10)
        assert reading.read == 0
        for taken in range(1, 20):
            await anext(fan)
            await asyncio.sleep(10)
            assert reading.read == 8 + taken


async def test_takes_no_hours_for_a_slow_item_unless_in_order() -> None:
    """One that hangs holds up the others only where they must come after it."""
    work = Work(lambda item: 100.0 if item == 0 else 0.1)
    async with fan_out(work, range(6)) as fan:
        assert [await anext(fan) for _ in range(5)] == [1, 2, 3, 4, 5]
    async with fan_out(work, range(6), ordered=True) as fan:
        began = now()
        assert await anext(fan) == 0
        assert now() - began == 100


def _broken(count: int) -> Iterator[int]:
    yield from range(count)
    raise LookupError("the source broke")


async def _broken_later(count: int) -> AsyncIterator[int]:
    for item in range(count):
        yield item
    raise LookupError("the source broke")


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("source", [_broken, _broken_later])
async def test_raises_the_sources_error_bare_after_what_was_read_before_it(
    source: Callable[[int], Source[int]], ordered: bool
) -> None:
    """Each item that was read has its result first."""
    results: list[int] = []
    with pytest.raises(LookupError, match="the source broke"):
        await each(fan_out(Work(), source(7), ordered=ordered), results.append)
    assert sorted(results) == list(range(7))
    assert others() == set()


async def test_counts_an_error_of_the_preparation_as_the_sources() -> None:
    """What cannot be prepared comes out bare, after the results of the items before."""
    results: list[int] = []
    fan = FanOut(Work(), [1, 2, 0, 4], prepare=lambda item: 2 // item, concurrency=2)
    with pytest.raises(ZeroDivisionError):
        await each(fan, results.append)
    assert results == [2, 1]


async def test_raises_the_works_error_bare_and_cancels_the_rest() -> None:
    """After the results that are there already; what is under way ends."""

    async def work(item: int) -> int:
        await asyncio.sleep(item)
        if item == 3:
            raise LookupError("the work failed")
        return item

    results: list[int] = []
    with pytest.raises(LookupError, match="the work failed"):
        await each(fan_out(work, [1, 2, 3, 50, 60], 5), results.append)
    assert results == [1, 2]
    assert now() == 3
    assert others() == set()


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_leaves_nothing_behind_after_break(asynchronous: bool) -> None:
    """Of an endless source, too: no task, and no further item."""
    work = Work()
    reading = Reading(itertools.count())
    async with fan_out(work, _paused(reading) if asynchronous else reading) as fan:
        async for result in fan:
            if result == 10:
                break
    assert others() == set()
    read = reading.read
    await asyncio.sleep(100)
    assert (reading.read, work.under_way) == (read, 0)


async def test_leaves_nothing_behind_when_cancelled() -> None:
    """The consumer is cancelled while it waits: workers and the reading of the source end too."""
    work = Work(lambda _: 1000.0)

    async def consume() -> None:
        async with fan_out(work, _paused(itertools.count(), 5.0)) as fan:
            async for _ in fan:
                pass

    consumer = asyncio.ensure_future(consume())
    await asyncio.sleep(12)
    consumer.cancel()
    await asyncio.wait({consumer})
    assert consumer.cancelled()
    assert others() == set()
    assert work.begun == work.cancelled == 2


async def test_leaves_nothing_behind_after_an_error_of_the_consumers() -> None:
    """An error in the loop's own body comes out, and the workers are gone."""

    def object_to(_: int) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await each(fan_out(Work(), itertools.count()), object_to)
    assert others() == set()


async def test_ends_after_what_was_read_when_told_to_stop_reading() -> None:
    """Also while the source itself is being waited for."""
    results: list[int] = []
    async with fan_out(Work(), _paused(itertools.count(), 1.0)) as fan:
        async for result in fan:
            results.append(result)
            if result == 4:
                fan.stop_reading()
    assert results[:5] == [0, 1, 2, 3, 4]
    assert len(results) <= 6
    assert others() == set()


async def test_raises_what_stops_the_reading_after_what_was_read() -> None:
    """The first reason counts."""
    results: list[int] = []
    fan = fan_out(Work(), itertools.count())

    def see(result: int) -> None:
        results.append(result)
        if result == 4:
            fan.stop_reading(LookupError("first"))
            fan.stop_reading(LookupError("second"))

    with pytest.raises(LookupError, match="first"):
        await each(fan, see)
    assert sorted(results) == list(range(len(results)))
    assert len(results) >= 5


async def test_ends_at_once_for_an_empty_source() -> None:
    """No items, no results, and no error."""
    sources: tuple[Source[int], ...] = ([], _paused([]))
    for source in sources:
        async with fan_out(Work(), source) as fan:
            assert [result async for result in fan] == []


async def test_raises_where_the_source_is_none() -> None:
    """What cannot be iterated over says so bare."""
    with pytest.raises(TypeError):
        await anext(fan_out(Work(), 5))  # type: ignore[arg-type] # on purpose


async def _cancelled_later() -> AsyncIterator[int]:
    yield 0
    raise asyncio.CancelledError


def _ending(_: int) -> int:
    raise StopAsyncIteration


async def test_never_takes_a_cancelled_source_for_one_that_is_used_up() -> None:
    """A source that cancels itself ends as an error, after what was read before."""
    seen: list[int] = []
    with pytest.raises(asyncio.CancelledError):
        await each(FanOut(Work(), _cancelled_later(), prepare=_same, concurrency=2), seen.append)
    assert seen == [0]


async def test_never_takes_an_odd_error_for_the_end() -> None:
    """A key that raises what ends an iteration is an error, and nothing is silently left out."""
    fan = FanOut(Work(), range(3), prepare=_ending, concurrency=2)
    with pytest.raises(RuntimeError, match="StopAsyncIteration"):
        await each(fan, print)


async def test_lets_one_read_at_a_time_and_passes_the_turn_on() -> None:
    """Even if the waiter that was just woken is cancelled: the next one acquires it."""
    turn, had = ReadLock(), list[int]()

    async def read(number: int) -> None:
        async with turn:
            had.append(number)
            await asyncio.sleep(1)
        if number == 0:
            second.cancel()  # in the very moment in which its turn comes

    first, second, third = (asyncio.ensure_future(read(number)) for number in range(3))
    await asyncio.sleep(0.5)
    assert had == [0]
    await asyncio.wait({first, second, third})
    assert second.cancelled()
    assert had == [0, 2]


async def test_acquires_a_free_lock_at_once() -> None:
    """Without a reader there are no waiters, so a quick source costs no iteration of the loop."""
    turn = ReadLock()
    waiting = asyncio.ensure_future(_pass(turn))
    async with turn:
        await asyncio.sleep(0)
    began = waiting.done()
    async with turn:
        pass
    assert not began
    assert not waiting.done()
    await waiting


async def _pass(turn: ReadLock) -> None:
    async with turn:
        pass
