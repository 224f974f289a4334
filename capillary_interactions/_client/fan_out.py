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
from typing import Final, Generic, Self, TypeVar

from capillary_interactions._client.cleanup import finish, outlast
from capillary_interactions._client.read_lock import ReadLock

_I = TypeVar("_I")
_P = TypeVar("_P")
_R = TypeVar("_R")

# anyio cancels a task only while what it awaits is not done. Where each turn of the event loop
# brings a result, that is never the case, so that now and then a turn is awaited.
_CHECKPOINT: Final = 16
# Errors that nobody need see who has left the stream before they were raised.
_KEPT: Final = (Exception, asyncio.CancelledError)

Source = Iterable[_I] | AsyncIterable[_I]


class _UsedUpError(Exception):
    """The source has no more items."""


def _raisable(error: BaseException) -> BaseException:
    """An error as `__anext__` may raise it; one that would look like the end is replaced."""
    if not isinstance(error, StopAsyncIteration):
        return error
    # As in a generator (PEP 479).
    raised = RuntimeError("what is called for an item raised StopAsyncIteration")
    raised.__cause__ = error
    return raised


def _is_thrown_away(error: BaseException) -> bool:
    """Whether a worker's coroutine is being closed by the interpreter, its event loop gone."""
    if not isinstance(error, GeneratorExit):
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


class FanOut(Generic[_I, _P, _R]):
    """Results of a coroutine over the items of a source, as an async iterator to enter and leave.

    An error of the source comes after the results of what was read before it; an error of the
    coroutine comes after the results that are there, and cancels the rest. Either comes bare,
    whatever its class: a `BaseException` is not taken for the end either.

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
        self._reading = ReadLock()
        self._taken = asyncio.Event()
        self._news = asyncio.Event()
        self._puller: asyncio.Task[None] | None = None
        self._next: Callable[[], Awaitable[_I]] | None = None
        self._generator: AsyncGenerator[_I, None] | None = None
        self._iterator: Iterator[_I] | None = None
        self._stopped = False
        self._closing = False
        self._source_error: BaseException | None = None
        self._work_error: BaseException | None = None
        self._raised = False
        self._heard = 0

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
        """Cancel what is under way and wait until it is gone, though cancelled meanwhile."""
        self._stopped = self._closing = True
        await finish(self._close())

    async def _close(self) -> None:
        workers = tuple(self._workers)
        for worker in workers:
            if worker is not self._puller or not worker.cancelling():
                # Not while the source closes itself: a second one would end that half done.
                worker.cancel()
        try:
            await outlast(workers)
        finally:
            generator, self._generator = self._generator, None
            if generator is not None:
                # Whatever it holds open is let go of now, not when the garbage is collected.
                await generator.aclose()
        error = self._source_error if self._work_error is None else self._work_error
        if error is not None and not self._raised and not isinstance(error, _KEPT):
            # Ctrl-C as the stream was left, or a test's own failure: not for us to swallow.
            raise error

    def untaken(self) -> list[_R]:
        """Results that are there and have not been taken; they are taken now."""
        results = [*self._ready, *(self._early[place] for place in sorted(self._early))]
        self._ready.clear()
        self._early.clear()
        return results

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
                self._raised = True
                raise self._work_error
            if not self._workers:
                if self._source_error is not None:
                    self._raised = True
                    raise self._source_error
                raise StopAsyncIteration
            await self._hear()
        self._room += 1
        self._taken.set()
        return self._ready.popleft()

    async def _hear(self) -> None:
        """Wait until a result has come, or the end."""
        self._news.clear()
        await self._news.wait()
        self._heard += 1
        if not self._heard % _CHECKPOINT:
            await asyncio.sleep(0)

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
        if worker.cancelled() and not self._stopped:
            # By somebody else, while it waited for its turn to read: the stream is incomplete.
            self._fail(asyncio.CancelledError())
        self._news.set()

    async def _run(self) -> None:
        while (taken := await self._take()) is not None:
            number, item = taken
            self._hire()
            try:
                result = await self._work(item)
            except BaseException as error:
                if self._is_own(error, stopping=self._closing):
                    raise
                self._fail(error)
                return
            self._give(number, result)

    @staticmethod
    def _is_own(error: BaseException, *, stopping: bool) -> bool:
        """Whether it is the end of the worker itself, and no error of what it called."""
        cancelled = stopping and isinstance(error, asyncio.CancelledError)
        return cancelled or _is_thrown_away(error)

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
            except BaseException as error:
                # A cancellation is the source's own unless the reading was stopped, and must not
                # look like its end.
                if self._is_own(error, stopping=self._stopped):
                    raise
                self._fail_to_read(error)
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

    def _fail_to_read(self, error: BaseException) -> None:
        if self._stopped and self._source_error is None and not isinstance(error, Exception):
            self._source_error = error
        self.stop_reading(_raisable(error))

    def _fail(self, error: BaseException) -> None:
        if self._work_error is None:
            self._work_error = _raisable(error)
        self._stopped = self._closing = True
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
