"""The customers to ask for: open rows in the list's order, fetched thousands at a time."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

from attrs import define, field

from capillary_interactions._text.masking import repr_masked

_MAX_FETCHED: Final = 2000

_Rows = list[tuple[int, str]]
_Fetch = Callable[[int, int], Awaitable[_Rows]]


@define  # not frozen, which takes three times as long: one is made for each customer
class Item:
    """A customer as sent, by their first row; `again` if an earlier lookup had no answer."""

    number: int
    value: str = field(repr=repr_masked)
    again: bool = False


class WorkQueue:
    """Open rows, as an async iterator; each is dispatched once, unless it is requeued.

    Args:
        fetch: Returns open rows after a number, up to a limit.
        after: A row up to which none is open.
        on_idle: Called when there is nothing more to dispatch while some are in progress.
        limit: How many customers are dispatched at most; None for all.

    Attributes:
        limited: Whether it ends with rows left that the limit does not allow.
        needs_rows: Set while it waits for rows.
    """

    def __init__(
        self,
        fetch: _Fetch,
        after: int,
        on_idle: Callable[[], None],
        limit: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._last_fetched = after
        self._last_dispatched = after
        self._on_idle = on_idle
        self._rows: deque[tuple[int, str]] = deque()
        self._prefetch: asyncio.Task[_Rows] | None = None
        self._in_progress: set[int] = set()
        # Rows that were dispatched and have no outcome, and all in the order in which they were
        # dispatched first: that of the list, so that the lowest one need not be searched for.
        self._not_done: set[int] = set()
        self._order: deque[int] = deque()
        self._requeued: deque[Item] = deque()
        self._changed = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._complete = False
        self._left = math.inf if limit is None else limit
        self.limited = False
        self.needs_rows = asyncio.Event()

    @property
    def in_progress(self) -> int:
        """How many are dispatched and neither done nor requeued."""
        return len(self._in_progress)

    @property
    def low_watermark(self) -> int:
        """A row up to which none is open or in progress."""
        while self._order and self._order[0] not in self._not_done:
            self._order.popleft()
        return self._order[0] - 1 if self._order else self._last_dispatched

    def mark_done(self, number: int) -> None:
        self._in_progress.discard(number)
        self._not_done.discard(number)
        if not self._changed.is_set():
            self._changed.set()

    def requeue(self, item: Item, *, again: bool = True) -> None:
        """A lookup has ended without an outcome; the customer is dispatched once more.

        `again` is whether it had no answer; False if it was cancelled.
        """
        self._requeued.append(Item(item.number, item.value, again=again or item.again))
        self._in_progress.discard(item.number)
        self._changed.set()

    def pop_nowait(self) -> Item | None:
        """Dispatch a fetched row, even while paused; preferably one of a first lookup."""
        if self._rows and self._left:
            return self._next()
        return self._dispatch(self._requeued.popleft()) if self._requeued else None

    def rows_added(self, *, complete: bool = False) -> None:
        """There are more rows in the store than before, or these are all."""
        self._complete = self._complete or complete
        self._changed.set()

    def wake(self) -> None:
        """Call `on_idle` again, if there is nothing to dispatch."""
        self._changed.set()

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    async def aclose(self) -> None:
        if self._prefetch is not None:
            self._prefetch.cancel()
            await asyncio.wait({self._prefetch})

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if not self._running.is_set():
            await self._running.wait()
        while not ((self._rows and self._left) or self._requeued):
            await self._fill()
            await self._running.wait()
        if self._requeued:
            return self._dispatch(self._requeued.popleft())
        return self._next()

    def _next(self) -> Item:
        self._left -= 1
        return self._dispatch(Item(*self._rows.popleft()))

    def _dispatch(self, item: Item) -> Item:
        self._in_progress.add(item.number)
        if item.number > self._last_dispatched:
            self._last_dispatched = item.number
            self._not_done.add(item.number)
            self._order.append(item.number)
            if len(self._order) > _MAX_FETCHED + 2 * len(self._not_done):
                self._order = deque(number for number in self._order if number in self._not_done)
        return item

    async def _fill(self) -> None:
        complete = self._complete
        self._changed.clear()
        if self._rows:
            self.limited = True
        elif await self._fetch_rows():
            return
        if not (complete or self.limited):
            await self._wait_for_rows()
        elif self._in_progress:
            self._on_idle()
            if self._in_progress:
                await self._changed.wait()
        elif not self._requeued:
            raise StopAsyncIteration

    async def _fetch_rows(self) -> bool:
        prefetch, self._prefetch = self._prefetch, None
        rows = await (prefetch or self._fetch_next())
        if rows:
            self._rows.extend(rows)
            self._last_fetched, _ = rows[-1]
            if len(rows) == _MAX_FETCHED:
                self._prefetch = asyncio.ensure_future(self._fetch_next())
        return bool(rows)

    async def _wait_for_rows(self) -> None:
        self.needs_rows.set()
        try:
            await self._changed.wait()
        finally:
            self.needs_rows.clear()

    async def _fetch_next(self) -> _Rows:
        return await self._fetch(self._last_fetched, _MAX_FETCHED)
