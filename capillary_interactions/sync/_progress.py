"""Progress of a long call, reported in the thread that waits for it."""

import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, TypeVar

from capillary_interactions.sync._loop_thread import LoopThread

_T = TypeVar("_T")


class ProgressRelay:
    """What the loop's thread calls, so that the waiting thread calls a function instead.

    While that is slower than the reports come, it gets the latest one only.
    """

    def __init__(self, function: Callable[..., object], messages: "SimpleQueue[Any]") -> None:
        self._function = function
        self._messages = messages
        self._lock = threading.Lock()
        self._latest: tuple[Any, ...] | None = None

    def __call__(self, *arguments: Any) -> None:
        """Report, in the loop's thread."""
        with self._lock:
            is_awaited, self._latest = self._latest is not None, arguments
        if not is_awaited:
            self._messages.put(self)

    def deliver(self) -> None:
        """Call the function, in the thread that waits."""
        with self._lock:
            arguments, self._latest = self._latest or (), None
        self._function(*arguments)


def run_with_progress(
    thread: LoopThread,
    function: Callable[..., Coroutine[Any, Any, _T]],
    progress: Callable[..., object] | None,
) -> _T:
    """Run a coroutine function that takes `progress`; what that raises cancels it."""
    thread.check_caller()
    messages: SimpleQueue[Any] = SimpleQueue()
    relay = None if progress is None else ProgressRelay(progress, messages)
    return thread.start(function(progress=relay), messages).result(ProgressRelay.deliver)
