"""Where does everything happen that SQLite may take its time for? In one thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from capillary_interactions._client import cleanup

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkerThread:
    """One thread that does one thing after the other."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def __call__(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Do something there, and wait for it; what has begun is done, even if nobody waits."""
        return await self.submit(call, *arguments, **keywords)

    def submit(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Do something there; no task, so that the end of an event loop does not cancel it."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job")
        return asyncio.wrap_future(self._executor.submit(call, *arguments, **keywords))

    async def finish(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Do something there to its end, and raise a cancellation only then; see `outlast`."""
        return await outlast(self.submit(call, *arguments, **keywords))

    async def idle(self) -> None:
        """Wait until everything that was submitted is done; see `outlast`."""
        if self._executor is not None:
            await self.finish(bool)

    def close(self) -> None:
        """End when all is done that was asked for; whatever comes later has another thread."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)


async def outlast(future: asyncio.Future[_T]) -> _T:
    """What a future ends in, waited for however often the waiting task is cancelled meanwhile.

    Raises:
        CancelledError: The waiting task was cancelled; raised when the future is done.
        Exception: What the future ended in; a cancellation does not hide it.
    """
    try:
        await cleanup.outlast((future,))
    except asyncio.CancelledError:
        if future.cancelled() or future.exception() is None:
            raise
    return future.result()


async def run_in_thread(call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
    """Do something long in a thread of its own, so that nothing else has to wait for it."""
    thread = WorkerThread()
    try:
        return await thread(call, *arguments, **keywords)
    finally:
        thread.close()


async def run_cancellable(call: Callable[[Callable[[], bool]], _T]) -> _T:
    """Do something long aside that looks now and then whether it is still wanted.

    Whoever is cancelled while waiting for it waits until it has ended all the same.
    """
    thread, unwanted = WorkerThread(), threading.Event()
    doing = thread.submit(call, unwanted.is_set)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        unwanted.set()
        with suppress(Exception):
            await outlast(doing)
        raise
    finally:
        thread.close()
