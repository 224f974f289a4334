"""When may a request that has its turn go on the wire? A second bucket, where requests leave.

A request that opens a connection first leaves some time after its turn. Its slot has come free by
then, and if the next one finds a connection open, both arrive at once: twice the rate. Here they
stand in line again, with their connections, and leave at the pace.
"""

import asyncio
from collections.abc import Callable

from capillary_interactions._pacing.bucket import Bucket
from capillary_interactions._pacing.pace import WaiterEvictedError


class SendGate:
    """The requests of one credential, on their way to the wire.

    Args:
        capacity: How much the bucket holds.
        rate: Requests that leak a second.
        pause: From the loop's time to the seconds for which nothing may leave; asked at each step,
            so that a rate or a pause that has changed meanwhile is known here, too.
    """

    def __init__(self, capacity: float, rate: float, pause: Callable[[float], float]) -> None:
        self._bucket = Bucket(capacity, rate)
        self._pause = pause
        self._line = asyncio.Lock()

    async def leave(self) -> None:
        """Wait until a request may go on the wire; in the order in which they come.

        Raises:
            ElsewhereError: A pause has begun: its turn is void, and it stands in the queue again.
        """
        loop = asyncio.get_running_loop()
        async with self._line:
            while (delay := self._delay(loop.time())) > 0:  # noqa: ASYNC110 - a time, no event
                await asyncio.sleep(delay)
            self._bucket.take(loop.time())

    def fill(self, now: float) -> None:
        """See `Bucket.fill`."""
        self._bucket.fill(now)

    def change_rate(self, now: float, rate: float) -> None:
        """See `Bucket.change_rate`."""
        self._bucket.change_rate(now, rate)

    def clear(self) -> None:
        """Whoever stood in line did so in another event loop."""
        self._line = asyncio.Lock()

    def _delay(self, now: float) -> float:
        if self._pause(now):
            raise WaiterEvictedError
        return self._bucket.delay(now)
