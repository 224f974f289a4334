"""Which worker reads the source? One at a time."""

import asyncio
from collections import deque


class ReadLock:
    """Whose turn it is to read: one at a time, and whoever comes while it is free has it.

    Not asyncio's lock, which lets nobody pass those who wait. After one wait for a slow source all
    would stand in line for good, and each read would cost a turn of the event loop.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self._taken:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():
                    self._wake()
                raise
        self._taken = True

    async def __aexit__(self, *_: object) -> None:
        self._taken = False
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
