"""The pace of one credential that several processes share: slots come from a store."""

from collections.abc import Callable
from typing import Literal

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.shared.store import SlotStore

Fallback = Literal["stop", "local"]


class SharedPace(LocalPace):
    """The pace of one credential, whose quota is shared by all processes that use one store.

    Its methods are described in `Pace`. While the store is out of order after three failures in a
    row, waiting ends with `NoSlotError` (`fallback="stop"`), or this process keeps to its part of
    the quota (`fallback="local"`); it returns to the store by itself.

    Args:
        limit: The quota of all processes together.
        max_in_flight: Requests of this process that may be in flight.
        store: Where the state of the quota is kept; made with `SharedQuota.of(limit, max_pause)`.
        max_pause: No cool-down is longer than this many seconds.
        timeout: Seconds that an exchange with the store may take.
        fallback: What to do without the store.
        expected_workers: By how many processes the quota is divided with `fallback="local"`.
        on_outage: Called when an outage begins, with its reason, and with None when it ends.
    """

    def __init__(
        self,
        limit: RateLimit,
        max_in_flight: int,
        store: SlotStore,
        *,
        max_pause: float = 3600.0,
        timeout: float = 1.0,
        fallback: Fallback = "stop",
        expected_workers: int = 1,
        on_outage: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        super().__init__(limit, max_in_flight, max_pause)

    async def close(self) -> None:
        """Give unused slots back, and close the store; for the end of the client."""
