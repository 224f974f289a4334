"""Which customer is asked next? Open rows in the list's order, read thousands at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

from attrs import define, field

from capillary_interactions._text.masking import repr_masked

_MAX_FETCHED: Final = 2000

_Rows = tuple[list[int], list[str]]
_Fetch = Callable[[int, int], Awaitable[_Rows]]


@define  # not frozen: one is made for every customer, and that would take three times as long
class Item:
    """A customer to ask for.

    Attributes:
        number: The first row with them.
        value: Their identifier.
        again: Whether they have been asked for before, in vain.
    """

    number: int
    value: str = field(repr=repr_masked)
    again: bool = False


class WorkQueue:
    """Open rows, as an async iterator; each is handed out once, until it is put back.

    Args:
        fetch: Gives open rows after a number, at most so many.
        after: A row up to which none is open.
        idle: Called when there is nothing more to hand out while something is still out.
    """

    def __init__(self, fetch: _Fetch, after: int, idle: Callable[[], None]) -> None:
        self._fetch = fetch
        self._fetched = after
        self._handed = after
        self._idle = idle
        # Two flat lists: the garbage collector would go through pairs.
        self._numbers: deque[int] = deque()
        self._values: deque[str] = deque()
        self._ahead: asyncio.Task[_Rows] | None = None
        self._out: dict[int, None] = {}
        # Rows that were handed out and have no outcome, and the order in which they first were:
        # that of the list, so that the lowest one need not be searched for at each write.
        self._unsettled: set[int] = set()
        self._order: deque[int] = deque()
        self._again: deque[Item] = deque()
        self._news = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._whole = False
        self.needs_rows = asyncio.Event()

    @property
    def in_progress(self) -> int:
        """How many have been handed out and have not come back."""
        return len(self._out)

    @property
    def low_watermark(self) -> int:
        """A row up to which none is open or out."""
        while self._order and self._order[0] not in self._unsettled:
            self._order.popleft()
        return self._order[0] - 1 if self._order else self._handed

    def mark_done(self, number: int) -> None:
        """One has come back with an outcome."""
        self._out.pop(number, None)
        self._unsettled.discard(number)
        if not self._news.is_set():
            self._news.set()

    def requeue(self, item: Item, *, again: bool = True) -> None:
        """One has come back without an outcome; it is handed out once more.

        Args:
            item: The customer.
            again: Whether the lookup was in vain; False if it was given up before it had ended.
        """
        self._again.append(Item(item.number, item.value, again=again or item.again))
        self._out.pop(item.number, None)
        self._news.set()

    def pop_nowait(self) -> Item | None:
        """One that is at hand, even during a pause; rather one that has never been asked for."""
        if self._numbers:
            return self._next()
        return self._dispatch(self._again.popleft()) if self._again else None

    def rows_added(self, *, whole: bool = False) -> None:
        """There are more rows than before, or there will be no more."""
        self._whole = self._whole or whole
        self._news.set()

    def wake(self) -> None:
        """Something has changed that `idle` may want to know."""
        self._news.set()

    def pause(self) -> None:
        """Hand out nothing."""
        self._running.clear()

    def resume(self) -> None:
        """Go on."""
        self._running.set()

    async def aclose(self) -> None:
        """Read nothing more."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait({self._ahead})

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if not self._running.is_set():
            await self._running.wait()
        while not (self._numbers or self._again):
            await self._fill()
            await self._running.wait()
        if self._again:
            return self._dispatch(self._again.popleft())
        return self._next()

    def _next(self) -> Item:
        return self._dispatch(Item(self._numbers.popleft(), self._values.popleft()))

    def _dispatch(self, item: Item) -> Item:
        self._out[item.number] = None
        if item.number > self._handed:
            self._handed = item.number
            self._unsettled.add(item.number)
            self._order.append(item.number)
            if len(self._order) > _MAX_FETCHED + 2 * len(self._unsettled):
                self._order = deque(each for each in self._order if each in self._unsettled)
        return item

    async def _fill(self) -> None:
        whole = self._whole
        self._news.clear()
        numbers, values = await self._next_rows()
        if numbers:
            self._numbers.extend(numbers)
            self._values.extend(values)
            self._fetched = numbers[-1]
            if len(numbers) == _MAX_FETCHED:
                self._ahead = asyncio.ensure_future(self._fetch(self._fetched, _MAX_FETCHED))
        elif not whole:
            await self._wait_for_more()
        elif self._out:
            self._idle()
            if self._out:
                await self._news.wait()
        elif not self._again:
            raise StopAsyncIteration

    async def _wait_for_more(self) -> None:
        self.needs_rows.set()
        try:
            await self._news.wait()
        finally:
            self.needs_rows.clear()

    async def _next_rows(self) -> _Rows:
        ahead, self._ahead = self._ahead, None
        return await (self._fetch(self._fetched, _MAX_FETCHED) if ahead is None else ahead)
