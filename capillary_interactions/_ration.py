"""A stream's part of the rate: a smaller bucket that it passes before the common gate."""

import asyncio
from typing import Final

from aiolimiter import AsyncLimiter

from capillary_interactions._check import seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._lanes import Lanes
from capillary_interactions._masking import show_given
from capillary_interactions._pace import TooLateError

# One at a time, and half of the next one's time for timers that fire late: without it, a share of
# 40 a second would lose a tenth.
_CATCH_UP: Final = 1.5


class Ration:
    """Lets one stream use a part of the rate, whatever that rate is at the moment.

    Args:
        share: The part, more than 0 and at most 1.
        lanes: Whose rate, all together.

    Raises:
        ConfigurationError: The share is no such part.
    """

    def __init__(self, share: float, lanes: Lanes) -> None:
        if seconds("share", share) > 1:
            raise ConfigurationError(f"share must be at most 1, not {show_given(share)}")
        self._share = share
        self._lanes = lanes
        self._rate = 0.0
        self._limiter: AsyncLimiter | None = None

    async def acquire(self, deadline: float | None) -> None:
        """Wait for a part of the rate.

        Raises:
            TooLateError: The deadline came first.
        """
        limiter = self._current()
        if deadline is None or limiter.has_capacity():
            await limiter.acquire()
            return
        try:
            async with asyncio.timeout_at(deadline):
                await limiter.acquire()
        except TimeoutError:
            raise TooLateError(1 / self._rate) from None

    def _current(self) -> AsyncLimiter:
        rate = self._share * self._lanes.rate
        if self._limiter is None or rate != self._rate:
            self._rate = rate
            self._limiter = AsyncLimiter(_CATCH_UP, _CATCH_UP / rate)
        return self._limiter
