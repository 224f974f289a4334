"""Batches that a thread reads, handed over to the event loop a few at a time.

A thread reads, as a file may be slow and a pipe may be silent; it never reads far ahead.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, TypeVar

_MAX_AHEAD: Final = 1

_T = TypeVar("_T")


class _Stopped(Exception):  # noqa: N818 - no error: it ends the thread
    pass


class ThreadFeed(Generic[_T]):
    """Batches that a thread produces, to be iterated over once, in the event loop that made it.

    Args:
        produce: Runs in the thread, and passes each batch to the function it is called with, which
            blocks until there is room for it. The iteration raises what it raises.
    """

    def __init__(self, produce: Callable[[Callable[[_T], None]], None]) -> None:
        self._produce = produce
        self._loop = asyncio.get_running_loop()
        self._batches: deque[_T] = deque()
        self._free_slots = threading.Semaphore(_MAX_AHEAD)
        self._changed = asyncio.Event()
        self._error: Exception | None = None
        self._started = False
        self._ended = False
        self._stopped = False

    def start(self) -> None:
        """Start the thread, if it is not started yet."""
        if not self._started:
            self._started = True
            # A daemon: a silent pipe may block it when everything else is over.
            threading.Thread(target=self._run, name="list", daemon=True).start()

    async def wait_first(self) -> None:
        """Start the thread, and wait until there is a batch or will be none.

        Raises:
            Exception: What the thread has raised before there was any.
        """
        self.start()
        while not (self._batches or self._ended or self._stopped):
            await self._wait()
        if not self._batches and self._error is not None:
            raise self._error

    @property
    def has_batch(self) -> bool:
        """Whether there is a batch that is not taken yet."""
        return bool(self._batches)

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()
        self._free_slots.release()

    async def __aiter__(self) -> AsyncIterator[_T]:
        self.start()
        while not self._stopped:
            if self._batches:
                self._free_slots.release()
                yield self._batches.popleft()
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self._produce(self._put)
        except _Stopped:
            return
        except Exception as exc:  # noqa: BLE001 - the iteration raises it
            error = exc
        self._call_in_loop(self._on_end, error)

    def _put(self, batch: _T) -> None:
        self._free_slots.acquire()
        if self._stopped or not self._call_in_loop(self._on_batch, batch):
            raise _Stopped

    def _call_in_loop(self, call: Callable[..., None], *arguments: object) -> bool:
        """Schedule a callback in the event loop, from the thread; False if that is closed."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return False
        return True

    def _on_batch(self, batch: _T) -> None:
        self._batches.append(batch)
        self._changed.set()

    def _on_end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._changed.set()
