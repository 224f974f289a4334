"""Changes of a credential's rate: as observers see them, and as a server's headers cause them."""

from typing import Final

from attrs import define, field

from capillary_interactions._client.observers import Observers
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.quota_headers import QuotaPolicy, RemainingQuota, slowing
from capillary_interactions._protocol.quota_resets import Resets
from capillary_interactions.events import RateChanged

# Smaller changes of the rate are not reported.
_PERCEPTIBLE: Final = 0.01
# A short window runs low again and again; that is reported once, and anew after this many seconds.
_QUIET: Final = 10.0
_ENOUGH: Final = "there is more of the quota again, as the server's headers say"


@define(eq=False)
class ServerLimits:
    """Reports each change of a credential's rate, and lowers it as the server's headers ask.

    Attributes:
        reason: The server's headers, while they lower the rate; else None.
        reported_rate: The rate of the last event.
        slowed_at: The loop's time at which headers last lowered the rate; None once they do not.
    """

    credential: int
    pace: Pace
    observers: Observers
    reason: str | None = field(default=None, init=False)
    reported_rate: float = field(init=False)
    slowed_at: float | None = field(default=None, init=False)
    _full_rate: float = field(init=False)
    _resets: Resets = field(factory=Resets, init=False)
    _until: float = field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        self.reported_rate = self._full_rate = self.pace.rate

    def update(self, policies: tuple[QuotaPolicy, ...], *, sent_at: float, now: float) -> None:
        """Take in the quota policies that an answer's headers name."""
        counting = self._resets.read(policies, self._full_rate, now)
        left = slowing(counting, self._full_rate, slowed=now < self._until)
        if left is not None:
            self._slow_down(left, now)
        elif self.slowed_at is not None:
            if policies and sent_at > self.slowed_at:
                # By the newest answer there is enough again, perhaps sooner than it said.
                self.pace.quota_left(policies[0].remaining, 0.0)
                self._until = now
            if abs(now - self.slowed_at) >= _QUIET and not self.pace.state().cool_down:
                self.slowed_at = self.reason = None
                self.report(_ENOUGH)

    def report(self, reason: str | None = None) -> None:
        """Emit an event for a change of the rate, unless it is imperceptible."""
        after = self.pace.rate
        # While headers slow it down, each answer changes it a little.
        if self.slowed_at is None and after != self.reported_rate and self._differs(after):
            self._emit_change(after, reason)

    def _differs(self, after: float) -> bool:
        return (
            abs(after - self.reported_rate) > _PERCEPTIBLE * self.reported_rate
            or after == self._full_rate
        )

    def _slow_down(self, left: RemainingQuota, now: float) -> None:
        # Of a cool-down that a refusal began, observers have seen the refusal.
        throttled = self.pace.state().cool_down > 0
        self.pace.quota_left(left.remaining, left.reset)
        paused = self.pace.state().cool_down > 0
        began, self.slowed_at = self.slowed_at is None, now
        self._until = now + left.reset
        after = 0.0 if paused else self.pace.rate
        if began and not throttled and after < self.reported_rate:
            self.reason = left.reason
            self._emit_change(after, left.reason)

    def _emit_change(self, after: float, reason: str | None) -> None:
        before, self.reported_rate = self.reported_rate, after
        self.observers.emit(
            RateChanged(credential=self.credential, before=before, after=after, reason=reason)
        )
