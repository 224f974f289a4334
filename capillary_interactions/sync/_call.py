"""A coroutine in the loop's thread, as seen by the thread that waits for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from capillary_interactions._text.tracebacks import clear

if TYPE_CHECKING:
    from queue import SimpleQueue

_T = TypeVar("_T")

# The last message of every call.
END: Final = object()


class ClosedLoopError(RuntimeError):
    """All clients were closed meanwhile, or the interpreter is ending."""

    def __init__(self) -> None:
        super().__init__("the event loop of the synchronous clients has ended")


class Call(Generic[_T]):
    """A coroutine that another thread has started, and waits for.

    Args:
        function: Makes the coroutine; called in the loop.
        loop: Where it is to run.
        messages: What the coroutine posts for the waiting thread; `END` is the last one.
    """

    def __init__(
        self,
        function: Callable[[], Coroutine[Any, Any, _T]],
        loop: asyncio.AbstractEventLoop,
        messages: "SimpleQueue[Any]",
    ) -> None:
        self.messages: Final = messages
        self._function = function
        self._loop = loop
        self._task: asyncio.Task[_T] | None = None

    def start(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Start it; called in the loop, in the context of the thread that waits."""
        self._task = task = self._loop.create_task(self._run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._end)

    async def _run(self) -> _T:
        return await self._function()

    def _end(self, task: asyncio.Task[_T]) -> None:
        if not task.cancelled():
            task.exception()  # else asyncio logs an error of a call whose thread has left
        self.messages.put(END)

    def cancel(self) -> None:
        """Cancel it, from any thread, without waiting for its end."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop has ended, and all calls before it
            self.messages.put(END)

    def _cancel(self) -> None:
        if self._task is None:
            # Interrupted before its start was scheduled, which would come first in the loop.
            self.drop()
        elif not self._task.cancel():
            # It has ended, and the waiting thread may have been interrupted as it took that.
            self.messages.put(END)

    def drop(self) -> None:
        """End it, as it cannot be started."""
        self.messages.put(END)

    def abandon(self) -> None:
        """Cancel it, wait for its end, and drop its messages and its result."""
        self.cancel()
        self.wait()
        self.messages.put(END)  # for others who wait

    def wait(self, on_message: Callable[[Any], object] | None = None) -> None:
        """Wait for its end.

        Args:
            on_message: Called in this thread with each message.
        """
        while (message := self.messages.get()) is not END:
            if on_message is not None:
                on_message(message)

    def ended(self) -> _T:
        """The result of a call that has ended."""
        if self._task is None:
            raise ClosedLoopError
        try:
            return self._task.result()
        except asyncio.CancelledError:
            # No error of this thread's, and no `Exception`: it would pass most handlers.
            raise ClosedLoopError from None
        except Exception as error:
            clear(error, (__package__ or "",))
            raise
