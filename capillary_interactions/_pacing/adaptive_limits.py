"""The rate and the concurrency that a credential has learned; clock readings are arguments."""

import math
from typing import Final

from attrs import Factory, define, field

# Without a hint of the server's: the first pause, and the longest.
_FIRST_PAUSE: Final = 2.0
_MAX_PAUSE: Final = 60.0
# Throttled again within this: the rate itself is too high, not only the moment.
REPEAT_WINDOW: Final = 120.0
DECREASE: Final = 0.7
MIN_RATE: Final = 0.5
# Back up in steps: quickly while well below the rate that was throttled, then in small ones.
_STEP_EVERY: Final = 25
_STEP: Final = 0.05
_NEAR_STEP_EVERY: Final = 100
_NEAR_STEP: Final = 0.01
_NEAR: Final = 0.9
# Seconds without a shortage of connections before there is one more, and between two steps.
_HOLD: Final = 10.0
_GROW_EVERY: Final = 1.0


@define
class AdaptiveRate:
    """The shared cool-down and the rate of one credential, from what the server answers (AIMD).

    Attributes:
        configured: Requests a second that the setting allows; the rate never exceeds it.
        max_pause: No cool-down is longer than this, whatever a server asks for.
        rate: Requests a second that seem to be allowed now.
        blocked_until: The clock's reading before which nothing is sent.
        ceiling: Requests a second that the server's headers leave until `ceiling_until`.
    """

    configured: float
    max_pause: float = 3600.0
    rate: float = field(default=Factory(lambda self: self.configured, takes_self=True), init=False)
    blocked_until: float = field(default=-math.inf, init=False)
    ceiling: float | None = field(default=None, init=False)
    ceiling_until: float = field(default=-math.inf, init=False)
    _throttled_at: float = field(default=-math.inf, init=False)
    _pauses: int = field(default=0, init=False)
    _successes: int = field(default=0, init=False)
    _last_throttled_rate: float | None = field(default=None, init=False)

    def throttled(self, now: float, sent_at: float, hint: float | None) -> None:
        """A request was refused for its rate: all pause, and repeated refusals lower the rate.

        Args:
            now: The clock's reading.
            sent_at: When the refused request was sent. One sent before the last pause began belongs
                to the same cascade: it neither lowers the rate nor doubles the pause.
            hint: Seconds to pause as the server asked for, or None.
        """
        again = sent_at > self._throttled_at
        if again:
            if now - self._throttled_at <= REPEAT_WINDOW:
                self._decrease()
            self._throttled_at = now
            self._successes = 0
        if hint is not None and hint > 0:
            pause = hint
        elif again:
            pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._pauses, 10))
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
        top = self._last_throttled_rate
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
        reset = min(reset, self.max_pause)
        if reset <= 0:
            self.ceiling = None
            return
        if remaining < 1:
            self._block(now, reset)
        elif remaining / reset <= self.current_rate(now):
            self.ceiling, self.ceiling_until = remaining / reset, now + reset

    def follow(
        self,
        *,
        rate: float,
        blocked_until: float,
        throttled_at: float,
        ceiling: float | None,
        ceiling_until: float,
    ) -> None:
        """Take in what all processes that share the quota have learned."""
        if rate < self.rate:
            self._last_throttled_rate = self.rate
        self.rate = rate
        self.blocked_until = max(self.blocked_until, blocked_until)
        self._throttled_at = max(self._throttled_at, throttled_at)
        self.ceiling, self.ceiling_until = ceiling, ceiling_until

    def current_rate(self, now: float) -> float:
        """Requests a second to send at: the rate, or less while the server says so."""
        if self.ceiling is None or now >= self.ceiling_until:
            return self.rate
        return min(self.rate, self.ceiling)

    def rate_after_pause(self, now: float) -> float:
        """The rate at the end of a pause, if there is one, and else now."""
        return self.current_rate(max(now, self.blocked_until))

    def pause(self, now: float) -> float:
        """Seconds for which nothing may be sent."""
        return max(0.0, self.blocked_until - now)

    def _block(self, now: float, pause: float) -> None:
        self.blocked_until = max(self.blocked_until, now + min(pause, self.max_pause))

    def _decrease(self) -> None:
        self._last_throttled_rate = self.rate
        self.rate = max(min(MIN_RATE, self.configured), self.rate * DECREASE)


@define
class AdaptiveConcurrency:
    """The requests that may be in flight, where this machine runs out of connections.

    Each has a connection, and a machine has a limit of those: of open files, of local ports. Like
    a congestion window the limit falls at once to what is known to work, and grows one by one.
    """

    configured: int
    limit: int = field(default=Factory(lambda self: self.configured, takes_self=True), init=False)
    _grow_at: float = field(default=0.0, init=False)

    def exhausted(self, now: float, in_flight: int) -> None:
        """A connection could not be opened with `in_flight` requests in flight."""
        self.limit = max(1, min(self.limit, in_flight))
        self._grow_at = now + _HOLD

    def answered(self, now: float) -> None:
        """A request was answered: the connections suffice, and perhaps one more is available."""
        if self.limit < self.configured and now >= self._grow_at:
            self.limit += 1
            self._grow_at = now + _GROW_EVERY
