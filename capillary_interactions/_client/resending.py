"""Does an attempt go on after a request that has not reached the server?"""

import asyncio
from typing import Final

from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._protocol.attempt_result import AttemptResult

# Old connections that one attempt gets over; more than that is trouble like any other.
_STALE_MOST: Final = 8
# Where this machine runs short, one attempt waits about a minute in all: 0.05 s doubling to 1 s.
MAX_SHORTAGES: Final = 64
_SHORT_FIRST: Final = 0.05
_SHORT_MOST: Final = 1.0


async def has_another(deadline: Deadline, result: AttemptResult, before: int) -> bool:
    """Whether this attempt goes on, after a request that has not reached the server."""
    if result.stale:
        # Nothing is wrong but an old connection: again at once, paced and counted.
        return before < _STALE_MOST
    return result.shortage and before < MAX_SHORTAGES and await _outlast(deadline, before)


async def _outlast(deadline: Deadline, before: int) -> bool:
    """Wait until this machine may have what it lacked; False where there is no time for it."""
    delay = min(_SHORT_MOST, _SHORT_FIRST * 2.0 ** min(before, 10))
    left = deadline.remaining(asyncio.get_running_loop().time())
    if left is not None and left <= delay:
        return False
    await asyncio.sleep(delay)
    return True
