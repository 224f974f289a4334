"""When does a credential's rate change, and when do a server's headers slow it down?"""

from typing import Final

from attrs import define, field

from capillary_interactions._client.observers import Observers
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.quota_headers import QuotaPolicy, RemainingQuota, slowing
from capillary_interactions._protocol.quota_resets import Resets
from capillary_interactions.events import RateChanged

# A change of the rate by less than this is none that a person could see.
_PERCEPTIBLE: Final = 0.01
# A short window runs low again and again; that is shown once, until it has not for so long.
_QUIET: Final = 10.0
_ENOUGH: Final = "there is more of the quota again, as the server's headers say"


@define(eq=False)
class ServerLimits:
    """What observers have seen of a credential's rate, and whether headers lower it.

    Args:
        credential: Its place among the client's credentials.
        pace: What paces it.
        observers: See each change.

    Attributes:
        reason: What the server's headers say, while they lower the rate; else None.
    """

    credential: int
    pace: Pace
    observers: Observers
    reason: str | None = field(default=None, init=False)
    _shown: float = field(init=False)
    _full_rate: float = field(init=False)
    _since: float | None = field(default=None, init=False)
    _resets: Resets = field(factory=Resets, init=False)
    _until: float = field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        """Remember the rate, to show when it changes."""
        self._shown = self._full_rate = self.pace.rate

    def hinted(self, told: tuple[QuotaPolicy, ...], *, sent_at: float, now: float) -> None:
        """What an answer's headers say of the quota.

        Args:
            told: Each policy that they tell of.
            sent_at: When its request left.
            now: The loop's time.
        """
        counting = self._resets.read(told, self._full_rate, now)
        left = slowing(counting, self._full_rate, slowed=now < self._until)
        if left is not None:
            self._slow_down(left, now)
        elif self._since is not None:
            if told and sent_at > self._since:
                # The server's last word: there is enough again, perhaps sooner than it said.
                self.pace.quota_left(told[0].remaining, 0.0)
                self._until = now
            if abs(now - self._since) >= _QUIET and not self.pace.state().cool_down:
                self._since = self.reason = None
                self.show(_ENOUGH)

    def show(self, reason: str | None = None) -> None:
        """Show a change of the rate to observers, if it is one that can be seen."""
        after = self.pace.rate
        # While headers slow it down, each answer changes it a little.
        if self._since is None and after != self._shown and self._differs(after):
            self._change(after, reason)

    def _differs(self, after: float) -> bool:
        return abs(after - self._shown) > _PERCEPTIBLE * self._shown or after == self._full_rate

    def _slow_down(self, left: RemainingQuota, now: float) -> None:
        # Of a cool-down that a refusal began, observers have seen the refusal.
        throttled = self.pace.state().cool_down > 0
        self.pace.quota_left(left.remaining, left.reset)
        paused = self.pace.state().cool_down > 0
        began, self._since = self._since is None, now
        self._until = now + left.reset
        after = 0.0 if paused else self.pace.rate
        if began and not throttled and after < self._shown:
            self.reason = left.reason
            self._change(after, left.reason)

    def _change(self, after: float, reason: str | None) -> None:
        before, self._shown = self._shown, after
        self.observers.emit(
            RateChanged(credential=self.credential, before=before, after=after, reason=reason)
        )
