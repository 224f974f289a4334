"""What does an observer see? One typed event for each thing worth seeing.

No event holds an identifier, a URL or a credential: credentials are told apart by their place in
`ClientConfig.auth`, counted from 0, and lookups by a number that no other in this process has (or
0 where nobody was watching when it began). Observers are plain callables.
"""

import logging
from collections.abc import Callable
from itertools import count
from typing import Final

from attrs import frozen

LOGGER: Final = logging.getLogger("capillary_interactions")
# Of all clients together: one observer may watch several.
_NUMBERS: Final = count(1)


@frozen(kw_only=True)
class LookupBegan:
    """A lookup has been asked for; seen in the task and the context of whoever asks.

    Attributes:
        lookup: Its number.
    """

    lookup: int


@frozen(kw_only=True)
class AttemptBegan:
    """A request is about to leave.

    Of equal lookups that share one request, it belongs to the one that was asked for first.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sends it.
        attempt: Which request of its lookup, counted from 1.
        waited: Seconds it waited for quota, a cool-down or a place.
    """

    lookup: int
    credential: int
    attempt: int
    waited: float


@frozen(kw_only=True)
class AttemptEnded:
    """A request is over; seen in the same task as its beginning.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sent it.
        attempt: Which request of its lookup, counted from 1.
        ending: "found", "not_found", "rejected", "unreadable", "denied" (the credential is
            refused), "throttled", "failed" (no answer, or one that may pass) or "cancelled".
        status: The HTTP status, or None without an answer.
        duration: Seconds from leaving to the last byte of the answer.
        request_id: The server's name for the request, or None.
    """

    lookup: int
    credential: int
    attempt: int
    ending: str
    status: int | None
    duration: float
    request_id: str | None


@frozen(kw_only=True)
class Throttled:
    """The server refused a request for its rate.

    Attributes:
        credential: Whose rate.
        retry_after: Seconds to wait as the server asked for, or None.
        cool_down: Seconds for which this credential now sends nothing.
    """

    credential: int
    retry_after: float | None
    cool_down: float


@frozen(kw_only=True)
class CooledDown:
    """A cool-down is over; the first request after it leaves.

    Attributes:
        credential: Whose.
        rate: Requests a second it goes on with.
    """

    credential: int
    rate: float


@frozen(kw_only=True)
class RateChanged:
    """A credential sends at another rate from now on.

    Attributes:
        credential: Whose rate.
        before: Requests a second until now.
        after: Requests a second from now on.
    """

    credential: int
    before: float
    after: float


@frozen(kw_only=True)
class RetryScheduled:
    """A failed request will be sent again.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sent it.
        attempt: Which request of its page failed, counted from 1.
        delay: Seconds until it queues again.
        reason: How it failed.
        status: The HTTP status, or None without an answer.
    """

    lookup: int
    credential: int
    attempt: int
    delay: float
    reason: str
    status: int | None


@frozen(kw_only=True)
class BudgetSpent:
    """A failed request is not sent again, for too many others were, nor are those that follow.

    Told once, until the budget has recovered and a request has been sent again.

    Attributes:
        credential: Whose budget.
        reason: How the first such request failed.
    """

    credential: int
    reason: str


@frozen(kw_only=True)
class TokenRefreshed:
    """A new OAuth token has come.

    Attributes:
        credential: Whose.
        lifetime: Seconds for which it is valid.
    """

    credential: int
    lifetime: float


@frozen(kw_only=True)
class CredentialRefused:
    """A credential was refused and is left out from now on.

    Attributes:
        credential: Which.
        reason: What the server said.
        left: How many credentials are still in use.
    """

    credential: int
    reason: str
    left: int


@frozen(kw_only=True)
class LookupEnded:
    """A lookup has its outcome.

    Attributes:
        lookup: Its number.
        ending: "found", "not_found", "rejected", "unreadable" or "unavailable".
        attempts: Requests sent for it.
        elapsed: Seconds from asking to ending.
        waited: Seconds of it spent waiting for quota or a cool-down.
    """

    lookup: int
    ending: str
    attempts: int
    elapsed: float
    waited: float


@frozen(kw_only=True)
class LookupBroken:
    """A lookup ends without an outcome: it is cancelled, or raises.

    Attributes:
        lookup: Its number.
        error: The name of the exception's type.
    """

    lookup: int
    error: str


Event = (
    LookupBegan
    | AttemptBegan
    | AttemptEnded
    | Throttled
    | CooledDown
    | RateChanged
    | RetryScheduled
    | BudgetSpent
    | TokenRefreshed
    | CredentialRefused
    | LookupEnded
    | LookupBroken
)

Observer = Callable[[Event], None]


class Observers:
    """Whoever wants to see events, the log included.

    Args:
        observers: Called with each event, in order, in the event loop: they should be quick.
    """

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        self._complained = False

    @property
    def attentive(self) -> bool:
        """Whether anybody sees the events that every request brings."""
        return bool(self._observers) or LOGGER.isEnabledFor(logging.DEBUG)

    def begun(self) -> int:
        """Show that a lookup begins, and give its number."""
        if not self.attentive:
            return 0
        number = next(_NUMBERS)
        self.emit(LookupBegan(lookup=number))
        return number

    def emit(self, event: Event) -> None:
        """Show an event to every observer; one that raises harms nothing."""
        log(event)
        for observer in self._observers:
            try:
                observer(event)
            except Exception as raised:  # noqa: BLE001 - whatever an observer does, lookups go on
                self._complain(raised)

    def _complain(self, raised: Exception) -> None:
        # Once, and without its text, which may repeat anything.
        if not self._complained:
            self._complained = True
            LOGGER.error(
                "an observer raised %s; further ones are not logged", type(raised).__name__
            )


def log(event: Event) -> None:
    """One line for what a person should know, and at DEBUG one for each request."""
    match event:
        case RetryScheduled():
            LOGGER.info(
                "retry in %.2f s after attempt %d: %s", event.delay, event.attempt, event.reason
            )
        case Throttled():
            LOGGER.warning(
                "credential %d is throttled: nothing is sent for %.1f s",
                event.credential,
                event.cool_down,
            )
        case CooledDown():
            LOGGER.info("credential %d goes on at %.2f/s", event.credential, event.rate)
        case RateChanged():
            LOGGER.info(
                "credential %d: rate from %.2f/s to %.2f/s",
                event.credential,
                event.before,
                event.after,
            )
        case BudgetSpent():
            LOGGER.warning(
                "retry budget of credential %d is spent: %s", event.credential, event.reason
            )
        case CredentialRefused():
            LOGGER.error(
                "credential %d is refused (%s); %d left", event.credential, event.reason, event.left
            )
        case _:
            LOGGER.debug("%s", event)
