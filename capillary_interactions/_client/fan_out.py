"""A pool of workers over a source that may be endless, with back-pressure in both directions.

It holds a bounded number of items that were read and whose results were not taken, reads the source
only as results are taken, and leaves no task behind.
"""

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
)
from typing import Final, Generic, Self, TypeVar

from capillary_interactions._client.cleanup import finish, wait_until_done
from capillary_interactions._client.read_lock import ReadLock

_I = TypeVar("_I")
_P = TypeVar("_P")
_R = TypeVar("_R")

# anyio cancels a task only while what it awaits is not done. If each iteration of the event loop
# brings a result, that is never so; therefore an iteration is awaited now and then.
_CHECKPOINT: Final = 16
# Errors that are dropped if the stream was left before they were raised.
_SUPPRESSIBLE: Final = (Exception, asyncio.CancelledError)

Source = Iterable[_I] | AsyncIterable[_I]


class _SourceExhaustedError(Exception):
    """The source has no more items."""


def _as_raisable(error: BaseException) -> BaseException:
    """An error as `__anext__` may raise it; one that would look like the end is replaced."""
    if not isinstance(error, StopAsyncIteration):
        return error
    # As in a generator (PEP 479).
    raised = RuntimeError("what is called for an item raised StopAsyncIteration")
    raised.__cause__ = error
    return raised


def _is_closed_by_interpreter(error: BaseException) -> bool:
    """Whether a worker's coroutine is being closed by the interpreter, its event loop gone."""
    if not isinstance(error, GeneratorExit):
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


class FanOut(Generic[_I, _P, _R]):
    """The results of `work` for the items of a source, as an async iterator to enter and leave.

    An error of the source is raised after the results of what was read before it; an error of
    `work` after the results that are complete, and cancels the rest. Both are raised bare, whatever
    their class: a `BaseException` is not taken for the end either.

    Args:
        work: Called with what `prepare` returns, which is called with an item as it is read.
        source: The items.
        prepare: Its errors count as the source's.
        concurrency: Items worked on at once. Twice as many are held at most.
        ordered: Whether results come in the order of the source.
    """

    def __init__(
        self,
        work: Callable[[_P], Awaitable[_R]],
        source: Source[_I],
        *,
        prepare: Callable[[_I], _P],
        concurrency: int,
        ordered: bool = False,
    ) -> None:
        self._work = work
        self._source = source
        self._prepare = prepare
        self._concurrency = concurrency
        self._ordered = ordered
        self._free_slots = 2 * concurrency
        self._read = 0
        self._next_index = 0
        self._ready: deque[_R] = deque()
        self._out_of_order: dict[int, _R] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._read_lock = ReadLock()
        self._result_taken = asyncio.Event()
        self._changed = asyncio.Event()
        self._reading_task: asyncio.Task[None] | None = None
        self._next: Callable[[], Awaitable[_I]] | None = None
        self._generator: AsyncGenerator[_I, None] | None = None
        self._iterator: Iterator[_I] | None = None
        self._stopped = False
        self._closing = False
        self._source_error: BaseException | None = None
        self._work_error: BaseException | None = None
        self._raised = False
        self._waits = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel the workers and wait for their end, even if cancelled meanwhile."""
        self._stopped = self._closing = True
        await finish(self._close())

    async def _close(self) -> None:
        workers = tuple(self._workers)
        for worker in workers:
            if worker is not self._reading_task or not worker.cancelling():
                # Not while the source closes: a second cancellation would interrupt that.
                worker.cancel()
        try:
            await wait_until_done(workers)
        finally:
            generator, self._generator = self._generator, None
            if generator is not None:
                # What it holds open is closed now, not by the garbage collector.
                await generator.aclose()
        error = self._source_error if self._work_error is None else self._work_error
        if error is not None and not self._raised and not isinstance(error, _SUPPRESSIBLE):
            # Ctrl-C as the stream was left, or a test's own failure, is never suppressed.
            raise error

    def untaken(self) -> list[_R]:
        """Take the results that are complete and have not been taken."""
        results = [
            *self._ready,
            *(self._out_of_order[index] for index in sorted(self._out_of_order)),
        ]
        self._ready.clear()
        self._out_of_order.clear()
        return results

    def stop_reading(self, error: BaseException | None = None) -> None:
        """Read no more; an error is raised after the results of what was read."""
        if not self._stopped:
            self._stopped = True
            self._source_error = error
            if self._reading_task is not None:
                self._reading_task.cancel()
        self._result_taken.set()
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _R:
        if self._next is None and self._iterator is None:
            self._start()
        while not self._ready:
            if self._work_error is not None:
                if self._out_of_order:
                    return self._out_of_order.pop(min(self._out_of_order))
                self._raised = True
                raise self._work_error
            if not self._workers:
                if self._source_error is not None:
                    self._raised = True
                    raise self._source_error
                raise StopAsyncIteration
            await self._wait_for_change()
        self._free_slots += 1
        self._result_taken.set()
        return self._ready.popleft()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
        self._waits += 1
        if not self._waits % _CHECKPOINT:
            await asyncio.sleep(0)

    def _start(self) -> None:
        if isinstance(self._source, AsyncIterable):
            iterator: AsyncIterator[_I] = aiter(self._source)
            self._next = iterator.__anext__
            self._generator = iterator if isinstance(iterator, AsyncGenerator) else None
        else:
            self._iterator = iter(self._source)
        self._start_worker()

    def _start_worker(self) -> None:
        if not self._stopped and len(self._workers) < self._concurrency:
            worker = asyncio.get_running_loop().create_task(self._run())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_done)

    def _worker_done(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if worker.cancelled() and not self._stopped:
            # By other code, while it waited for the lock: the stream is incomplete.
            self._fail(asyncio.CancelledError())
        self._changed.set()

    async def _run(self) -> None:
        while True:
            taken = self._read_now() if self._can_read_now() else await self._next_item()
            if taken is None:
                return
            number, item = taken
            self._start_worker()
            try:
                result = await self._work(item)
            except BaseException as error:
                if self._is_own(error, stopping=self._closing):
                    raise
                self._fail(error)
                return
            self._deliver(number, result)

    @staticmethod
    def _is_own(error: BaseException, *, stopping: bool) -> bool:
        """Whether it is the end of the worker itself, and no error of what it called."""
        cancelled = stopping and isinstance(error, asyncio.CancelledError)
        return cancelled or _is_closed_by_interpreter(error)

    def _can_read_now(self) -> bool:
        """Whether a plain iterable is read without waiting."""
        return (
            self._iterator is not None
            and self._free_slots > 0
            and not self._read_lock.is_locked
            and not self._stopped
        )

    def _read_now(self) -> tuple[int, _P] | None:
        """The next item of a plain iterable and its number; None where nothing more is read."""
        try:
            for item in self._iterator or ():
                return self._numbered(self._prepare(item))
        except BaseException as error:
            if self._is_own(error, stopping=self._stopped):
                raise
            self._fail_reading(error)
            return None
        self._stopped = True
        return None

    async def _next_item(self) -> tuple[int, _P] | None:
        """The next item and its number; None where nothing more is read."""
        async with self._read_lock:
            while self._free_slots <= 0 and not self._stopped:
                self._result_taken.clear()
                await self._result_taken.wait()
            if self._stopped:
                return None
            if self._next is None:
                return self._read_now()
            self._reading_task = asyncio.current_task()
            try:
                return self._numbered(self._prepare(await self._read_source(self._next)))
            except _SourceExhaustedError:
                self._stopped = True
            except BaseException as error:
                # A cancellation is the source's own unless the reading was stopped, and must not
                # look like its end.
                if self._is_own(error, stopping=self._stopped):
                    raise
                self._fail_reading(error)
            finally:
                self._reading_task = None
            return None

    def _numbered(self, item: _P) -> tuple[int, _P]:
        self._free_slots -= 1
        self._read += 1
        return self._read - 1, item

    @staticmethod
    async def _read_source(read: Callable[[], Awaitable[_I]]) -> _I:
        try:
            return await read()
        except StopAsyncIteration:
            raise _SourceExhaustedError from None

    def _fail_reading(self, error: BaseException) -> None:
        if self._stopped and self._source_error is None and not isinstance(error, Exception):
            self._source_error = error
        self.stop_reading(_as_raisable(error))

    def _fail(self, error: BaseException) -> None:
        if self._work_error is None:
            self._work_error = _as_raisable(error)
        self._stopped = self._closing = True
        self._result_taken.set()
        for worker in self._workers:
            if worker is not asyncio.current_task():
                worker.cancel()
        self._changed.set()

    def _deliver(self, number: int, result: _R) -> None:
        if not self._ordered:
            self._ready.append(result)
        else:
            self._out_of_order[number] = result
            while self._next_index in self._out_of_order:
                self._ready.append(self._out_of_order.pop(self._next_index))
                self._next_index += 1
        self._changed.set()
