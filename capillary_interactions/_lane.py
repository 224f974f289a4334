"""One credential with everything that is its own: pace, retry budget, headers, and its record."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, field

from capillary_interactions._auth import Auth
from capillary_interactions._errors import AuthenticationError
from capillary_interactions._events import (
    BudgetSpent,
    CooledDown,
    CredentialRefused,
    RateChanged,
    Throttled,
)
from capillary_interactions._observers import Observers
from capillary_interactions._pace import Pace
from capillary_interactions._retry import Budget
from capillary_interactions._wire import Denied

_LOGGER: Final = logging.getLogger("capillary_interactions")


@define(eq=False)
class Lane:
    """The state of one credential.

    Attributes:
        place: Its place among the client's credentials, counted from 0.
        auth: Its headers.
        pace: When its next request may leave.
        budget: Its tokens for retries.
        answered: Whether it has ever had an answer, so that a 403 is not about the credential.
        refused: Why it is left out, or None while it is in use.
        requests: Requests sent.
        retries: Requests sent again after a failure.
        throttled: Requests refused for their rate.
        shortage: What this machine lacks, while fewer requests are under way for it; else None.
    """

    place: int
    auth: Auth
    pace: Pace
    budget: Budget
    observers: Observers
    answered: bool = False
    refused: AuthenticationError | None = None
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    shortage: str | None = None
    _rate: float = field(init=False)
    _cooling: bool = field(default=False, init=False)
    _out_of_budget: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Remember the rate, to tell when it changes."""
        self._rate = self.pace.rate

    @property
    def leave(self) -> Callable[[], Awaitable[None]] | None:
        """What to await before a request goes on the wire, if the pace counts there."""
        return getattr(self.pace, "leave", None)

    def leaves(self) -> None:
        """A request leaves."""
        self.requests += 1
        if self._cooling and not self.pace.state().cool_down:
            self._cooling = False
            self.observers.emit(CooledDown(credential=self.place, rate=self.pace.rate))

    def stays(self) -> None:
        """One that was about to leave has not left."""
        self.requests -= 1

    def runs_short(self, reason: str) -> None:
        """A request could not leave, for this machine lacks something; logged once at a time."""
        run_short = getattr(self.pace, "run_short", None)
        if run_short is not None:
            run_short()
        if self.shortage is None:
            _LOGGER.warning("credential %d sends fewer requests at once: %s", self.place, reason)
        self.shortage = reason

    def retried(self) -> None:
        """A failed request will be sent again."""
        self.retries += 1
        self._out_of_budget = False

    def cannot_retry(self, reason: str) -> None:
        """The budget does not reach for a retry; told once until it does again."""
        if not self._out_of_budget:
            self._out_of_budget = True
            self.observers.emit(BudgetSpent(credential=self.place, reason=reason))

    def was_throttled(self, sent_at: float, hint: float | None) -> None:
        """The server refused a request for its rate."""
        self.throttled += 1
        self.pace.throttled(sent_at, hint)
        cool_down = self.pace.state().cool_down
        begins, self._cooling = not self._cooling, cool_down > 0
        self.observers.emit(
            Throttled(credential=self.place, retry_after=hint, cool_down=cool_down, begins=begins)
        )
        self.tell_rate()

    def was_answered(self) -> None:
        """The server answered the question itself."""
        self.pace.answered()
        if self.shortage is not None and not getattr(self.pace, "is_short", False):
            self.shortage = None
        if self.pace.rate != self._rate:
            self.tell_rate()

    def tell_rate(self) -> None:
        """Show a change of the rate to whoever watches."""
        before, self._rate = self._rate, self.pace.rate
        if before != self._rate:
            self.observers.emit(RateChanged(credential=self.place, before=before, after=self._rate))


class Lanes:
    """All credentials, and which of them sends next.

    Args:
        lanes: At least one.
        observers: Told when one is left out.
    """

    def __init__(self, lanes: tuple[Lane, ...], observers: Observers) -> None:
        self._all = lanes
        self._open = lanes
        self._observers = observers

    @property
    def all(self) -> tuple[Lane, ...]:
        """Every credential, in the order of the setting."""
        return self._all

    @property
    def rate(self) -> float:
        """Requests a second of all credentials in use together."""
        return sum(lane.pace.rate for lane in self._open)

    @property
    def cool_down(self) -> float:
        """Seconds for which none of the credentials in use sends anything."""
        return min(lane.pace.state().cool_down for lane in self._open)

    def soonest(self) -> Lane:
        """The credential that can send soonest, of those that are not refused."""
        if len(self._open) == 1:
            return self._open[0]
        return min(self._open, key=lambda lane: (lane.pace.delay(), lane.requests))

    def relieve(self, lane: Lane) -> None:
        """A credential pauses: whoever waits for it goes to the others, if there are others."""
        if len(self._open) > 1:
            lane.pace.dissolve()

    def refuse(self, lane: Lane, denied: Denied) -> None:
        """Leave a credential out.

        Raises:
            AuthenticationError: It was the last one. All are tried again from then on, for
                somebody may mend the credentials while the program runs.
        """
        error = AuthenticationError(denied.reason, denied.status, denied.code)
        if lane.refused is None:
            lane.refused = error
            left = tuple(other for other in self._all if other.refused is None)
            self._observers.emit(
                CredentialRefused(credential=lane.place, reason=denied.reason, left=len(left))
            )
            self._open = left
        if self._open:
            lane.pace.dissolve()
        else:
            for other in self._all:
                other.refused = None
            self._open = self._all
            raise error
