"""Progress of a long call, reported in the thread that waits for it."""

import queue
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from capillary_interactions.sync._client import InteractionsClient

_T = TypeVar("_T")


class ProgressRelay:
    """What the loop's thread calls, so that the waiting thread calls a function instead.

    While that is slower than the reports come, it gets the latest one only.
    """

    def __init__(self, function: Callable[..., object], messages: "queue.SimpleQueue[Any]") -> None:
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
    client: "InteractionsClient",
    function: Callable[..., Coroutine[Any, Any, _T]],
    *arguments: Any,
    progress: Callable[..., object] | None,
    **options: Any,
) -> _T:
    """Run what takes the asynchronous client first, and `progress`; what that raises cancels it."""
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    relay = None if progress is None else ProgressRelay(progress, messages)
    with client._binding.thread() as thread:  # noqa: SLF001 - of this room
        thread.check_caller()
        asynchronous = client._client  # noqa: SLF001
        called = partial(function, asynchronous, *arguments, progress=relay, **options)
        return thread.finish(thread.new_call(called, messages), ProgressRelay.deliver)
