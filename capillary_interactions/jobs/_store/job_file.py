"""A job's file as seen from the event loop: opened, locked, and used in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from capillary_interactions._client import cleanup
from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions.jobs._errors import JobError, NoJobError
from capillary_interactions.jobs._store.file_lock import FileLock
from capillary_interactions.jobs._store.store import Store

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkerThread:
    """A single worker thread for blocking calls, which it runs in order."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def __call__(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Call a function there, and return its result; once started, it runs to its end."""
        return await self.submit(call, *arguments, **keywords)

    def submit(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Call a function there; no task, so that the end of an event loop does not cancel it."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job")
        return asyncio.wrap_future(self._executor.submit(call, *arguments, **keywords))

    async def finish(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Call a function there, and raise a cancellation only when it has returned."""
        return await result_despite_cancellation(self.submit(call, *arguments, **keywords))

    def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)


async def result_despite_cancellation(future: asyncio.Future[_T]) -> _T:
    """Wait for a future to its end, however often the waiting task is cancelled.

    Raises:
        CancelledError: The waiting task was cancelled; raised when the future is done.
        Exception: What the future raises; a cancellation does not hide it.
    """
    try:
        await cleanup.wait_until_done((future,))
    except asyncio.CancelledError:
        if future.cancelled() or future.exception() is None:
            raise
    return future.result()


async def run_cancellable(call: Callable[[Callable[[], bool]], _T]) -> _T:
    """Call a long function in a thread of its own; a cancellation waits until it has returned.

    Args:
        call: Called with a function that returns whether it was cancelled.
    """
    thread, cancelled = WorkerThread(), threading.Event()
    future = thread.submit(call, cancelled.is_set)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancelled.set()
        with suppress(Exception):
            await result_despite_cancellation(future)
        raise
    finally:
        thread.close()


@contextmanager
def not_begun() -> Iterator[None]:
    """Mark errors of the job as raised before its run sent a request."""
    try:
        yield
    except JobError as error:
        error.begun = False
        raise


class JobFile:
    """A job's file, which need not exist yet.

    Attributes:
        path: The file.
        thread: The only one in which the store may be used.
        store: The file, opened, or None.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.thread = WorkerThread()
        self.store: Store | None = None
        self._lock = FileLock(path)

    async def open(self) -> None:
        """Open the file, if it exists and is not open yet."""
        running_loop()
        if self.store is not None:
            return
        opening = self.thread.submit(_open_existing, self.path)
        try:
            await result_despite_cancellation(opening)
        finally:
            if not opening.cancelled() and opening.exception() is None:
                self.store = opening.result()

    async def close(self) -> None:
        store, self.store = self.store, None
        if store is not None:
            await self.thread.finish(store.close)

    async def aclose(self) -> None:
        try:
            await self.close()
        finally:
            self.thread.close()

    def require_open(self) -> Store:
        """Return the opened file, or raise `NoJobError` if it does not exist."""
        if self.store is None:
            raise NoJobError(f"there is no job at {self.path}")
        return self.store

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Let no other process or task change the job; the file is opened again.

        Raises:
            JobInUseError: One is running it.
            JobStoreError: The folder cannot be written to.
        """
        with not_begun():
            self._lock.acquire()
        try:
            # Another process may have created or removed the file since it was opened here.
            await self.close()
            await self.open()
            await self.claim()
            yield
        finally:
            try:
                # A cancelled call may still be running in the thread.
                await self.thread.finish(self._release)
            finally:
                self._lock.release()

    async def claim(self) -> None:
        """Lock the opened file itself, if it exists; see `FileGuard.claim`."""
        if self.store is not None:
            with not_begun():
                await self.thread(self.store.guard.claim)

    def _release(self) -> None:
        if self.store is not None:
            self.store.guard.release()


def _open_existing(path: Path) -> Store | None:
    # Not suppressed by the caller: a cancellation meanwhile would be lost with the error.
    try:
        return Store(path)
    except NoJobError:
        return None
