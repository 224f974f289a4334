"""How late the timers of this machine are: what no client can make up for."""

import asyncio
from typing import Self


class Lateness:
    """Measures how late this machine's timers are, beyond the usual two milliseconds.

    Attributes:
        share: The share of the time that timers of a fiftieth of a second have lost.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start measuring."""
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})

    async def _tick(self) -> None:
        loop, lost = asyncio.get_running_loop(), 0.0
        started_at = now = loop.time()
        while True:
            await asyncio.sleep(0.02)
            before, now = now, loop.time()
            lost += max(0.0, now - before - 0.022)
            self.share = lost / (now - started_at)
