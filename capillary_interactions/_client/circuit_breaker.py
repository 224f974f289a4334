"""Does the endpoint answer at all? A circuit breaker that is fed with how lookups end."""

from collections.abc import Callable
from enum import Enum, auto

from attrs import define, field


class BreakerState(Enum):
    """Whether requests are sent to the endpoint."""

    CLOSED = auto()
    OPEN = auto()
    PROBING = auto()


def _no_delay(_: int) -> float:
    return 0.0


@define(eq=False)
class CircuitBreaker:
    """Closed, it lets lookups through; too many failures in a row open it until a probe is due.

    While probing, the first failure opens it again; in any state, an answer closes it.

    Attributes:
        max_failures: Failures in a row that open it, or None for any number.
        max_silence: Seconds since the last answer after which a failure opens it, or None.
        probe_delay: From the number of probes since it was closed to seconds before the next one.
        on_change: Called with each new state.
        answered_at: When the last answer came, or when lookups began.
        failures: Failures since the last answer.
    """

    max_failures: int | None
    max_silence: float | None = None
    probe_delay: Callable[[int], float] = _no_delay
    on_change: Callable[[BreakerState], None] | None = None
    answered_at: float = 0.0
    state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    failures: int = field(default=0, init=False)
    _probes: int = field(default=0, init=False)
    _probe_at: float = field(default=0.0, init=False)

    def record_answer(self, now: float) -> None:
        """A lookup has ended with an answer."""
        self.failures = self._probes = 0
        self.answered_at = now
        self._change(BreakerState.CLOSED)

    def record_failure(self, now: float, retry_after: float = 0.0) -> None:
        """A lookup has ended without an answer; none is expected for `retry_after` seconds."""
        self.failures += 1
        self._probe_at = max(self._probe_at, now + retry_after)
        if self.state is BreakerState.PROBING or self._is_down(now):
            if self.state is not BreakerState.OPEN:
                self._probe_at = max(self._probe_at, now + self.probe_delay(self._probes))
            self._change(BreakerState.OPEN)

    def remaining_pause(self, now: float) -> float:
        """Seconds for which nothing is to be asked; 0 while it is not open."""
        return max(0.0, self._probe_at - now) if self.state is BreakerState.OPEN else 0.0

    def start_probe(self) -> None:
        """Ask in spite of what has failed, if it is open."""
        if self.state is BreakerState.OPEN:
            self._probes += 1
            self._change(BreakerState.PROBING)

    def probe_failed(self, now: float) -> None:
        """A probe has ended without an answer; the next one is due after its own delay.

        Lookups in progress may have failed while it ran: their delay began before its end.
        """
        self._probe_at = max(self._probe_at, now + self.probe_delay(self._probes))
        self._change(BreakerState.OPEN)

    def _is_down(self, now: float) -> bool:
        many = self.max_failures is not None and self.failures >= self.max_failures
        return many or (self.max_silence is not None and now - self.answered_at >= self.max_silence)

    def _change(self, state: BreakerState) -> None:
        if state is not self.state:
            self.state = state
            if self.on_change is not None:
                self.on_change(state)
