"""Items on their way from the thread that reads a source to the loop that looks them up."""

import asyncio
import threading
from collections import deque
from typing import Any, Self

from capillary_interactions._model.query import Identifier, InvalidMobileError, Query


class _End:
    """The last item: the source is exhausted, or has failed."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


class Feed:
    """An async iterable of the items that another thread puts in; it does not bound them.

    Its queries were made by that thread, too: `key` returns that of the item which was read last,
    as a stream calls it once for each item, right after it was read.
    """

    def __init__(self) -> None:
        self._entries: deque[tuple[Any, object]] = deque()
        self._lock = threading.Lock()
        self._waiter: asyncio.Future[None] | None = None
        self._query: object = None

    def put(self, item: Any, query: object) -> None:
        """Add an item and its query, or the `InvalidMobileError` that came in place of it."""
        with self._lock:
            self._entries.append((item, query))
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def end(self, error: Exception | None = None) -> None:
        """Add no further items; an error is raised after the last one."""
        if isinstance(error, StopAsyncIteration):
            # It would look like the end of this iterable.
            raised = RuntimeError("the source, or key, raised StopAsyncIteration")
            raised.__cause__ = error
            error = raised
        self.put(_End(error), None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while (waiter := self._wait_for_entry()) is not None:
            await waiter
        item, self._query = self._entries.popleft()
        if not isinstance(item, _End):
            return item
        if item.error is not None:
            raise item.error
        raise StopAsyncIteration

    def _wait_for_entry(self) -> asyncio.Future[None] | None:
        with self._lock:
            if self._entries:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            return self._waiter

    def key(self, _: Any) -> Query | Identifier:
        """The query of the item that was read last."""
        query = self._query
        if isinstance(query, InvalidMobileError):
            raise query
        return query  # type: ignore[return-value]  # the stream checks what it is


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
