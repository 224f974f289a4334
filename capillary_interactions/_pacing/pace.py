"""What does the client ask of a pace, whoever keeps it? The shared quota is another one."""

from typing import Protocol

from attrs import frozen


def late(wait: float) -> str:
    """Why a caller is refused whose slot would come in so many seconds, after its deadline."""
    return f"the deadline comes before a slot of the quota (in {wait:.1f} s)"


class SlotAfterDeadlineError(Exception):
    """The caller's deadline would pass before its turn comes.

    Attributes:
        wait: Seconds after which there would be a slot.
    """

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


class WaiterEvictedError(Exception):
    """The queue was dissolved, or a turn is void: another credential may come sooner."""


@frozen(kw_only=True)
class PaceState:
    """What a pace looks like at one moment.

    Attributes:
        rate: Requests a second that it lets through.
        slots_left: Requests that could leave at once.
        waiting: Callers in its queue.
        in_flight: Requests under way.
        cool_down: Seconds for which nothing leaves.
    """

    rate: float
    slots_left: int
    waiting: int
    in_flight: int
    cool_down: float


class Pace(Protocol):
    """What the client asks of a pace; the shared quota is another one."""

    async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
        """Wait for a slot and a place.

        Args:
            deadline: The loop's time by which the slot must come, or None.
            interactive: Whether a person waits, so that it goes before those for whom nobody does.

        Raises:
            TooLateError: The slot would come after the deadline; raised as soon as that is known.
            ElsewhereError: The queue was dissolved.
        """
        ...

    def evict_waiters(self) -> None:
        """Send whoever waits to another pace, in their order."""
        ...

    def release(self) -> None:
        """Give the place back; the request is over."""
        ...

    def throttled(self, sent_at: float, hint: float | None) -> None:
        """A request that left at `sent_at` was refused for its rate."""
        ...

    def answered(self) -> None:
        """A request was answered."""
        ...

    def quota_left(self, remaining: float, reset: float) -> None:
        """The server told what is left of the quota."""
        ...

    @property
    def rate(self) -> float:
        """Requests a second that it lets through."""
        ...

    def delay(self) -> float:
        """Seconds that a newcomer would wait."""
        ...

    def state(self) -> PaceState:
        """What it looks like now."""
        ...
