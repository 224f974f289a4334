"""Which worker reads a source now? A lock that is not fair: without a queue while it is free."""

import asyncio
from collections import deque


class ReadLock:
    """A lock that is acquired at once while it is free, even if there are waiters.

    `asyncio.Lock` is fair: after one wait for a slow source all workers would queue for good, and
    each read would cost an iteration of the event loop.
    """

    def __init__(self) -> None:
        self.is_locked = False
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self.is_locked:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():
                    self._wake()
                raise
        self.is_locked = True

    async def __aexit__(self, *_: object) -> None:
        self.is_locked = False
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
