"""Where the state of a shared quota is kept: what `SharedPace` asks of a file, or of Redis."""

from typing import Protocol

from capillary_interactions._pacing.shared.schedule import Demand, Reply


class StoreError(Exception):
    """An exchange failed.

    Attributes:
        reason: Why, in a few words; holds no password, and ends up in outcomes and logs.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SlotStore(Protocol):
    """Keeps the `Schedule` of one key, and applies `Schedule.exchange` to it in one atomic step.

    A store is made with a `SharedQuota` and a key (`quota_key`): different keys never share a
    state, the same key always does. Where there is no state yet, or none that can be believed, it
    begins with `Schedule.begin`. One at a time calls `exchange`; a store serves one event loop
    after the other.
    """

    def exchange_now(self, demand: Demand) -> Reply | None:
        """Do the step at once, or return None where that would wait; then `exchange` does it.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    async def exchange(self, demand: Demand) -> Reply:
        """Do the step; cancelled when it takes longer than the operation timeout.

        A cancelled or failed exchange may have been done: its slots are lost, nothing else.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    async def close(self) -> None:
        """Release what the store holds; called once, in the loop of the last exchange."""
        ...
