"""How is one coroutine run over an endless source, a few at a time, with back-pressure both ways?

Knows nothing of HTTP. A fan-out holds a bounded number of items: read and not yet taken. It reads
its source only as results are taken, and leaves no task behind, however it is left.
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
from types import TracebackType
from typing import Generic, Self, TypeVar

_I = TypeVar("_I")
_P = TypeVar("_P")
_R = TypeVar("_R")

Source = Iterable[_I] | AsyncIterable[_I]


class _UsedUpError(Exception):
    """The source has no more items."""


def _told(odd: StopAsyncIteration) -> RuntimeError:
    # As in a generator (PEP 479): raised on, it would look like the end.
    error = RuntimeError("what is called for an item raised StopAsyncIteration")
    error.__cause__ = odd
    return error


class _Turn:
    """Whose turn it is to read: one at a time, and whoever comes while it is free has it.

    Not asyncio's lock, which lets nobody pass those who wait. After one wait for a slow source all
    would stand in line for good, and each read would cost a turn of the event loop.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self._taken:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():
                    self._wake()
                raise
        self._taken = True

    async def __aexit__(self, *_: object) -> None:
        self._taken = False
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class FanOut(Generic[_I, _P, _R]):
    """Results of a coroutine over the items of a source, as an async iterator to enter and leave.

    An error of the source comes after the results of what was read before it; an error of the
    coroutine comes after the results that are there, and cancels the rest. Either comes bare.

    Args:
        work: The coroutine function.
        source: The items, from an iterable or async iterable; may be endless.
        prepare: From an item to what is worked on; its errors count as the source's.
        at_once: Items worked on at once. Twice as many are held at most.
        ordered: Whether results come in the order of the source.
    """

    def __init__(
        self,
        work: Callable[[_P], Awaitable[_R]],
        source: Source[_I],
        *,
        prepare: Callable[[_I], _P],
        at_once: int,
        ordered: bool = False,
    ) -> None:
        self._work = work
        self._source = source
        self._prepare = prepare
        self._at_once = at_once
        self._ordered = ordered
        self._room = 2 * at_once
        self._read = 0
        self._given = 0
        self._ready: deque[_R] = deque()
        self._early: dict[int, _R] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._reading = _Turn()
        self._taken = asyncio.Event()
        self._news = asyncio.Event()
        self._puller: asyncio.Task[None] | None = None
        self._next: Callable[[], Awaitable[_I]] | None = None
        self._generator: AsyncGenerator[_I, None] | None = None
        self._iterator: Iterator[_I] | None = None
        self._stopped = False
        self._source_error: BaseException | None = None
        self._work_error: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is under way and wait until it is gone."""
        self._stopped = True
        workers = tuple(self._workers)
        for worker in workers:
            worker.cancel()
        if workers:
            await asyncio.wait(workers)
        generator, self._generator = self._generator, None
        if generator is not None:
            # Whatever it holds open is let go of now, not when the garbage is collected.
            await generator.aclose()

    def stop_reading(self, error: BaseException | None = None) -> None:
        """Read no more; what was read still ends, and then the error comes, if one is given."""
        if not self._stopped:
            self._stopped = True
            self._source_error = error
            if self._puller is not None:
                self._puller.cancel()
        self._taken.set()
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _R:
        if self._next is None and self._iterator is None:
            self._begin()
        while not self._ready:
            if self._work_error is not None:
                if self._early:
                    return self._early.pop(min(self._early))
                raise self._work_error
            if not self._workers:
                if self._source_error is not None:
                    raise self._source_error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        self._room += 1
        self._taken.set()
        return self._ready.popleft()

    def _begin(self) -> None:
        if isinstance(self._source, AsyncIterable):
            iterator: AsyncIterator[_I] = aiter(self._source)
            self._next = iterator.__anext__
            self._generator = iterator if isinstance(iterator, AsyncGenerator) else None
        else:
            self._iterator = iter(self._source)
        self._hire()

    def _hire(self) -> None:
        """One more worker, as long as there is work for it."""
        if not self._stopped and len(self._workers) < self._at_once:
            worker = asyncio.get_running_loop().create_task(self._run())
            self._workers.add(worker)
            worker.add_done_callback(self._leave)

    def _leave(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._news.set()

    async def _run(self) -> None:
        while (taken := await self._take()) is not None:
            number, item = taken
            self._hire()
            try:
                result = await self._work(item)
            except Exception as error:  # noqa: BLE001 - the work's own, raised by __anext__
                self._fail(error)
                return
            self._give(number, result)

    async def _take(self) -> tuple[int, _P] | None:
        """The next item and its number; None where nothing more is read."""
        async with self._reading:
            while self._room <= 0 and not self._stopped:
                self._taken.clear()
                await self._taken.wait()
            if self._stopped:
                return None
            try:
                item = self._prepare(await self._pull())
            except _UsedUpError:
                self._stopped = True
                return None
            except StopAsyncIteration as odd:
                self.stop_reading(_told(odd))
                return None
            except (Exception, asyncio.CancelledError) as error:
                # Nobody here cancels as long as more is wanted, so a cancellation is the source's
                # own, and must not look like its end. Either is raised by __anext__.
                if self._stopped and isinstance(error, asyncio.CancelledError):
                    raise
                self.stop_reading(error)
                return None
            finally:
                self._puller = None
            self._room -= 1
            self._read += 1
            return self._read - 1, item

    async def _pull(self) -> _I:
        if self._next is not None:
            self._puller = asyncio.current_task()
            try:
                return await self._next()
            except StopAsyncIteration:
                raise _UsedUpError from None
        for item in self._iterator or ():
            return item
        raise _UsedUpError

    def _fail(self, error: Exception) -> None:
        if self._work_error is None:
            self._work_error = error
        self._stopped = True
        self._taken.set()
        for worker in self._workers:
            if worker is not asyncio.current_task():
                worker.cancel()
        self._news.set()

    def _give(self, number: int, result: _R) -> None:
        if not self._ordered:
            self._ready.append(result)
        else:
            self._early[number] = result
            while self._given in self._early:
                self._ready.append(self._early.pop(self._given))
                self._given += 1
        self._news.set()
