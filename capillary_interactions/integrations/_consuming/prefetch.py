"""How are messages fetched a few at a time, only when wanted, so that none is lost in between?"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

_LOGGER: Final = logging.getLogger("capillary_interactions")
_M = TypeVar("_M")


class PrefetchBuffer(Generic[_M]):
    """The next message, from batches that are fetched while somebody waits for one.

    Whoever waits may be cancelled: what is being fetched then is kept. What has been fetched and
    not been taken is given back at the end.

    Args:
        fetch: Some messages, or none after a short while: the end waits for it.
        give_back: Called at the end with each message that nobody has taken.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[_M]]],
        give_back: Callable[[_M], Awaitable[None]],
    ) -> None:
        self._fetch = fetch
        self._give_back = give_back
        self._ready: deque[_M] = deque()
        self._fetching: asyncio.Task[Sequence[_M]] | None = None

    async def next(self) -> _M:
        """The next message, however long that takes."""
        while not self._ready:
            await self._filled()
        return self._ready.popleft()

    async def _filled(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(_called(self._fetch))
        fetching = self._fetching
        await asyncio.wait({fetching})
        # Two may wait for it, where a source is left while it is read: one takes what has come.
        if self._fetching is fetching:
            self._fetching = None
            self._ready.extend(fetching.result())

    def put_back(self, message: _M) -> None:
        """Give a message out, again or for the first time."""
        self._ready.append(message)

    def drop(self, unwanted: Callable[[_M], bool]) -> None:
        """Forget messages that belong to somebody else by now."""
        self._ready = deque(each for each in self._ready if not unwanted(each))

    async def aclose(self) -> None:
        """Wait for what is being fetched, and give back what nobody has taken."""
        try:
            if self._fetching is not None:
                await self._filled()
        finally:
            while self._ready:
                await self._give_back(self._ready.popleft())


async def _called(fetch: Callable[[], Awaitable[Sequence[_M]]]) -> Sequence[_M]:
    return await fetch()


class Heartbeat:
    """Tells a broker now and then that messages are still worked on.

    Args:
        every: Seconds between two words.
        tell: Says it; what it raises is left to the next time, and to whoever reads.
    """

    def __init__(self, every: float, tell: Callable[[], Awaitable[None]]) -> None:
        self._every = every
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._tell()
            except Exception as error:  # noqa: BLE001 - the broker's own; the reader will meet it
                _LOGGER.warning("a broker was not told that work goes on: %s", type(error).__name__)


class PrefetchingSource(ABC, Generic[_M]):
    """An async source to enter, iterate over and leave, which fetches in batches.

    Args:
        keep_every: Seconds between two words to the broker that work goes on.
    """

    def __init__(self, *, keep_every: float) -> None:
        self._batches: PrefetchBuffer[_M] = PrefetchBuffer(self._fetch, self._give_back)
        self._keeper = Heartbeat(keep_every, self._keep)

    @abstractmethod
    async def _enter(self) -> None:
        """Get ready to fetch."""

    @abstractmethod
    async def _fetch(self) -> Sequence[_M]:
        """As for `Batches`."""

    @abstractmethod
    async def _give_back(self, message: _M) -> None:
        """As for `Batches`."""

    @abstractmethod
    async def _keep(self) -> None:
        """As for `Keeper`."""

    async def _leave(self) -> None:
        """Whatever else there is to end, once nothing is fetched any more."""

    async def __aenter__(self) -> Self:
        await self._enter()
        self._keeper.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        async with AsyncExitStack() as leaving:
            # The last to end: what is given back is kept until then.
            leaving.push_async_callback(self._keeper.aclose)
            leaving.push_async_callback(self._leave)
            await self._batches.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _M:
        return await self._batches.next()
