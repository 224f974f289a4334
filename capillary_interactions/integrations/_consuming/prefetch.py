"""Messages fetched a few at a time, only when wanted, so that none is lost in between."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, Generic, Self, TypeVar

_LOGGER: Final = logging.getLogger("capillary_interactions")
_M = TypeVar("_M")


class PrefetchBuffer(Generic[_M]):
    """The next message, from batches that are fetched while a reader waits for one.

    A reader may be cancelled: the fetch goes on for the next one. What has been fetched and not
    been read is returned at the end.

    Args:
        fetch: Some messages, or none after a short while: the end waits for it.
        return_message: Called at the end with each message that has not been read.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[_M]]],
        return_message: Callable[[_M], Awaitable[None]],
    ) -> None:
        self._fetch = fetch
        self._return_message = return_message
        self._ready: deque[_M] = deque()
        self._fetching: asyncio.Task[Sequence[_M]] | None = None

    async def next(self) -> _M:
        """Wait for the next message."""
        while not self._ready:
            await self._fill()
        return self._ready.popleft()

    async def _fill(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(_start(self._fetch))
        fetching = self._fetching
        await asyncio.wait({fetching})
        # Two may wait for it, where a source is closed while it is read: one takes what has come.
        if self._fetching is fetching:
            self._fetching = None
            self._ready.extend(fetching.result())

    def put(self, message: _M) -> None:
        """Let a message be read, again or for the first time."""
        self._ready.append(message)

    def drop(self, unwanted: Callable[[_M], bool]) -> None:
        """Forget messages that another reader has by now."""
        self._ready = deque(message for message in self._ready if not unwanted(message))

    async def aclose(self) -> None:
        """Wait for the fetch under way, and return what has not been read."""
        try:
            if self._fetching is not None:
                await self._fill()
        finally:
            while self._ready:
                await self._return_message(self._ready.popleft())


async def _start(fetch: Callable[[], Awaitable[Sequence[_M]]]) -> Sequence[_M]:
    return await fetch()


class Heartbeat:
    """Calls `send` every `interval` seconds; what it raises is logged, and it is called again."""

    def __init__(self, interval: float, send: Callable[[], Awaitable[None]]) -> None:
        self._interval = interval
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        # Before Python 3.12 `asyncio.wait_for`, by which redis-py sends, may swallow it.
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._closing:
            await asyncio.sleep(self._interval)
            try:
                await self._send()
            except Exception as error:  # noqa: BLE001 - the broker's own; the reader will meet it
                _LOGGER.warning("a heartbeat to a broker failed: %s", type(error).__name__)


class PrefetchingSource(ABC, Generic[_M]):
    """An async source to enter, iterate over and leave, which fetches in batches."""

    def __init__(self, *, heartbeat_interval: float) -> None:
        self._buffer: PrefetchBuffer[_M] = PrefetchBuffer(self._fetch, self._return)
        self._heartbeat = Heartbeat(heartbeat_interval, self._send_heartbeats)

    @abstractmethod
    async def _open(self) -> None:
        """Get ready to fetch."""

    @abstractmethod
    async def _fetch(self) -> Sequence[_M]:
        """Fetch some messages, or none after a short while."""

    @abstractmethod
    async def _return(self, message: _M) -> None:
        """Give the broker a message back that has not been read."""

    @abstractmethod
    async def _send_heartbeats(self) -> None:
        """Show the broker that messages are still worked on."""

    async def _close(self) -> None:
        """End what else there is to end, once nothing is fetched any more."""

    async def __aenter__(self) -> Self:
        await self._open()
        self._heartbeat.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with AsyncExitStack() as stack:
            # The last to end: messages that are being returned still need it.
            stack.push_async_callback(self._heartbeat.aclose)
            stack.push_async_callback(self._close)
            await self._buffer.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _M:
        return await self._buffer.next()
