"""Is a client open, and which thread runs it? For a client and its views together."""

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from capillary_interactions._client.lifecycle import ClosedClientError
from capillary_interactions.sync._call import ClosedLoopError
from capillary_interactions.sync._loop_thread import LoopThread, hold_loop_thread

_T = TypeVar("_T")
_CLOSED: Final = "the client is closed; enter it again with `with`"


class Binding:
    """A client's hold on the thread of the event loop, from its first call until it is closed.

    Args:
        aclose: Closes the client; called in the loop, with the seconds of a drain.
    """

    def __init__(self, aclose: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self._aclose = aclose
        self._lock = threading.RLock()
        self._closing = threading.RLock()
        self._thread: LoopThread | None = None
        self._holder = object()
        self._closed = False

    def reopen(self) -> None:
        """Allow calls again, once another thread has closed it to the end."""
        with self._closing, self._lock:
            self._closed = False

    @contextmanager
    def thread(self) -> Iterator[LoopThread]:
        """The thread, for a call.

        Raises:
            RuntimeError: The client is closed, or is closed meanwhile.
        """
        try:
            yield self._thread or self._bind()
        except (ClosedLoopError, ClosedClientError):
            raise RuntimeError(_CLOSED) from None

    def _bind(self) -> LoopThread:
        with self._lock:
            if self._closed:
                raise RuntimeError(_CLOSED)
            if self._thread is None:
                self._thread = hold_loop_thread(self._holder, self._aclose)
                arguments = (self._thread, self._holder, self._aclose)
                self._finalizer = weakref.finalize(self, _abandon, *arguments)
                self._finalizer.atexit = False  # the thread closes all clients then
            return self._thread

    def read(self, function: Callable[[], _T]) -> _T:
        """Call a function that only reads, in the loop's thread if there is one."""
        thread = self._thread
        if thread is not None and thread.process == os.getpid():
            with suppress(ClosedLoopError):
                return thread.call(function)
        return function()

    def close(self, drain: float) -> None:
        """Close the client, and let go of the thread; nothing in a fork of its process."""
        thread = self._thread
        if thread is not None:
            if thread.process != os.getpid():
                return  # and its locks may be held by threads that are not here
            thread.check_caller()
        with self._closing:
            with self._lock:
                self._closed = True
                thread, self._thread = self._thread, None
                holder, self._holder = self._holder, object()
            if thread is None:
                return
            self._finalizer.detach()
            try:
                with suppress(ClosedLoopError):  # closed at the end of the interpreter
                    thread.run(self._aclose, drain)
            finally:
                thread.release(holder)


def _abandon(
    thread: LoopThread, holder: object, aclose: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    """Close a client that was collected, without waiting."""
    if thread.process != os.getpid():
        return
    with suppress(ClosedLoopError):
        thread.schedule(thread.new_call(aclose))
    thread.release(holder, wait=False)
    warnings.warn(
        "a synchronous InteractionsClient was never closed", ResourceWarning, stacklevel=2
    )
