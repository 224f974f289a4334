"""How many requests of a credential may be under way at once, when this machine runs short? Pure.

Each request under way has a connection, and a machine has a limit of those: of open files, of
local ports. Like a congestion window the number falls at once to what is known to work, and grows
again one by one, for what was short may be free again.
"""

from typing import Final

from attrs import define, field

# Seconds without a shortage before the number grows, and between one step and the next.
_HOLD: Final = 10.0
_STEP: Final = 1.0


@define(eq=False)
class ConcurrencyLimit:
    """The requests that may be under way at once.

    Attributes:
        most: The setting.
        limit: How many it is now.
    """

    most: int
    limit: int = field(init=False)
    _grow_at: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with all of them."""
        self.limit = self.most

    @property
    def narrowed(self) -> bool:
        """Whether there are fewer than the setting allows."""
        return self.limit < self.most

    def narrow(self, now: float, in_flight: int) -> None:
        """A connection could not be opened while so many others were in use."""
        self.limit = max(1, min(self.limit, in_flight))
        self._grow_at = now + _HOLD

    def answered(self, now: float) -> None:
        """A request was answered: what there is is enough, and perhaps more would be."""
        if self.narrowed and now >= self._grow_at:
            self.limit += 1
            self._grow_at = now + _STEP
