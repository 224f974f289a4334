"""How does what a thread reads come into the event loop, a few batches at a time?

A thread reads, for a file may be slow and a pipe may be silent; it never runs far ahead.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, TypeVar

_MAX_AHEAD: Final = 1

_T = TypeVar("_T")


class _Stopped(Exception):  # noqa: N818 - no error: the thread's way home
    pass


class ThreadFeed(Generic[_T]):
    """Batches that a thread makes, to be iterated over once, in the event loop it is made in.

    Args:
        produce: Runs in the thread, and gives each batch to the function it is called with, which
            returns when there is room for it. What it raises comes out of the iteration.
    """

    def __init__(self, produce: Callable[[Callable[[_T], None]], None]) -> None:
        self._produce = produce
        self._loop = asyncio.get_running_loop()
        self._batches: deque[_T] = deque()
        self._free_slots = threading.Semaphore(_MAX_AHEAD)
        self._changed = asyncio.Event()
        self._error: Exception | None = None
        self._begun = False
        self._ended = False
        self._stopped = False

    def start(self) -> None:
        """Begin to read."""
        if not self._begun:
            self._begun = True
            # A daemon: it may sit in front of a silent pipe when everything else is over.
            threading.Thread(target=self._run, name="list", daemon=True).start()

    async def wait_first(self) -> None:
        """Begin to read, and wait until there is a batch or will be none.

        Raises:
            Exception: What the thread has raised before there was any.
        """
        self.start()
        while not (self._batches or self._ended or self._stopped):
            await self._wait()
        if not self._batches and self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Give no more."""
        self._stopped = True
        self._changed.set()
        self._free_slots.release()

    async def __aiter__(self) -> AsyncIterator[_T]:
        """The batches."""
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
        """Everything, and then the end; this and what it calls run in the thread."""
        error: Exception | None = None
        try:
            self._produce(self._put)
        except _Stopped:
            return
        except Exception as raised:  # noqa: BLE001 - raised again where the batches are taken
            error = raised
        self._call_in_loop(self._end, error)

    def _put(self, batch: _T) -> None:
        self._free_slots.acquire()
        if self._stopped:
            raise _Stopped
        if not self._call_in_loop(self._on_batch, batch):
            raise _Stopped

    def _call_in_loop(self, call: Callable[..., None], *arguments: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _on_batch(self, batch: _T) -> None:
        self._batches.append(batch)
        self._changed.set()

    def _end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._changed.set()
