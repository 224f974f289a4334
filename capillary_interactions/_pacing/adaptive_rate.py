"""What does a "too many requests" mean for everybody else? The shared cool-down and the rate.

Rules only: clock readings come as arguments.
"""

from typing import Final

from attrs import define, field

# Without a hint of the server's: the first pause, and the longest.
_PAUSE_FIRST: Final = 2.0
_PAUSE_MOST: Final = 60.0
# Throttled again within this: the rate itself is too high, not only the moment.
_MEMORY: Final = 120.0
_CUT: Final = 0.7
_FLOOR: Final = 0.5
# Back up in steps: quickly while well below the rate that was throttled, then feeling the way.
_STEP_EVERY: Final = 25
_STEP: Final = 0.05
_NEAR_STEP_EVERY: Final = 100
_NEAR_STEP: Final = 0.01
_NEAR: Final = 0.9


@define
class AdaptiveRate:
    """The state of one credential's quota, as its answers tell it.

    Attributes:
        configured: Requests a second that the setting allows; the rate never exceeds it.
        longest_pause: No cool-down is longer than this, whatever a server asks for.
        rate: Requests a second that seem to be allowed now.
        blocked_until: The clock's reading before which nothing is sent.
    """

    configured: float
    longest_pause: float = 3600.0
    rate: float = field(init=False)
    blocked_until: float = field(default=float("-inf"), init=False)
    _throttled_at: float = field(default=float("-inf"), init=False)
    _pauses: int = field(default=0, init=False)
    _successes: int = field(default=0, init=False)
    _too_high: float | None = field(default=None, init=False)
    _ceiling: float | None = field(default=None, init=False)
    _ceiling_until: float = field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        """Begin at the configured rate."""
        self.rate = self.configured

    def throttled(self, now: float, sent_at: float, hint: float | None) -> None:
        """A request was refused for its rate: everybody pauses, and repeated refusals slow down.

        Args:
            now: The clock's reading.
            sent_at: When the refused request left. One that left before the last pause began
                belongs to the same cascade: it cuts nothing and doubles nothing.
            hint: Seconds to pause as the server asked for, or None.
        """
        again = sent_at > self._throttled_at
        if again:
            if now - self._throttled_at <= _MEMORY:
                self._cut()
            self._throttled_at = now
            self._successes = 0
        if hint is not None and hint > 0:
            pause = hint
        elif again:
            pause = min(_PAUSE_MOST, _PAUSE_FIRST * 2.0 ** min(self._pauses, 10))
            self._pauses += 1
        else:
            return
        self._block(now, pause)

    def answered(self, now: float) -> None:
        """A request was answered: pauses start small again, and the rate may rise."""
        self._pauses = 0
        if self.rate >= self.configured or now < self.blocked_until:
            return
        self._successes += 1
        # Beyond the rate that was throttled, without being so again: it is out of date.
        top = self._too_high
        near = top is not None and _NEAR * top <= self.rate <= top
        every, step = (_NEAR_STEP_EVERY, _NEAR_STEP) if near else (_STEP_EVERY, _STEP)
        if self._successes >= every:
            self._successes = 0
            self.rate = min(self.configured, self.rate + step * self.configured)

    def quota_left(self, now: float, remaining: float, reset: float) -> None:
        """What the server says is left of the quota; never more than what is configured.

        Args:
            now: The clock's reading.
            remaining: Requests left.
            reset: Seconds until there are more; with 0 there are, and only the rate counts again.
        """
        reset = min(reset, self.longest_pause)
        if reset <= 0:
            self._ceiling = None
            return
        if remaining < 1:
            self._block(now, reset)
        elif remaining / reset <= self.effective(now):
            self._ceiling, self._ceiling_until = remaining / reset, now + reset

    def effective(self, now: float) -> float:
        """Requests a second to send at: the rate, or less while the server says so."""
        if self._ceiling is None or now >= self._ceiling_until:
            return self.rate
        return min(self.rate, self._ceiling)

    def pause(self, now: float) -> float:
        """Seconds for which nothing may be sent."""
        return max(0.0, self.blocked_until - now)

    def _block(self, now: float, pause: float) -> None:
        self.blocked_until = max(self.blocked_until, now + min(pause, self.longest_pause))

    def _cut(self) -> None:
        self._too_high = self.rate
        self.rate = max(min(_FLOOR, self.configured), self.rate * _CUT)
