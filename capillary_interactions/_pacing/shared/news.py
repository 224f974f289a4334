"""What a process has learned and not sent to its store yet; times are those of its loop's clock."""

import math
from typing import Self

from attrs import evolve, frozen

from capillary_interactions._pacing.shared.schedule import Demand


@frozen(kw_only=True)
class News:
    """Facts to be sent with the next exchange.

    Attributes:
        refused_at: When the latest request was sent that the server has refused for its rate.
        blocked_until: Nothing may be sent before this.
        gain: Requests a second by which the rate has risen.
        ceiling: Requests a second that the server leaves until `ceiling_until`, or None.
        ceiling_until: In the past where the ceiling has ended.
    """

    refused_at: float = -math.inf
    blocked_until: float = -math.inf
    gain: float = 0.0
    ceiling: float | None = None
    ceiling_until: float = -math.inf

    @property
    def is_urgent(self) -> bool:
        """Whether other processes must know at once: of a refusal, or of a pause."""
        return max(self.refused_at, self.blocked_until) > -math.inf

    def merge(self, later: Self) -> Self:
        """These and later ones."""
        latest = self if later.ceiling is None else later
        return evolve(
            latest,
            refused_at=max(self.refused_at, later.refused_at),
            blocked_until=max(self.blocked_until, later.blocked_until),
            gain=self.gain + later.gain,
        )

    def add_to(self, demand: Demand, now: float) -> Demand:
        """A demand that also says them."""
        refused = self.refused_at > -math.inf
        has_ceiling = self.ceiling is not None
        return evolve(
            demand,
            throttled=max(0.0, now - self.refused_at) if refused else -1.0,
            pause=max(0.0, self.blocked_until - now),
            gain=self.gain,
            ceiling=self.ceiling or 0.0,
            ceiling_for=max(0.0, self.ceiling_until - now) if has_ceiling else -1.0,
        )
