"""The observers of a client, and the log: who receives the events."""

import logging
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from capillary_interactions._model.outcome import Outcome
from capillary_interactions.events import (
    BudgetSpent,
    CooledDown,
    CredentialRefused,
    Event,
    LookupBegan,
    LookupBroken,
    LookupEnded,
    Observer,
    RateChanged,
    RetryScheduled,
    SharedQuotaLost,
    SharedQuotaRestored,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGER: Final = logging.getLogger("capillary_interactions")
# Else Python prints a library's warnings to standard error where logging is not configured.
_LOGGER.addHandler(logging.NullHandler())
# One sequence for all clients: an observer may watch several.
_LOOKUP_IDS: Final = count(1)


class Observers:
    """Passes events to the observers and to the log.

    Args:
        observers: Called with each event, in order, in the event loop: they should be quick.

    Attributes:
        enabled: Whether anything receives the events that every request brings.
    """

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        self._error_logged = False
        self.enabled: Callable[[], bool] = (
            (lambda: True) if observers else partial(_LOGGER.isEnabledFor, logging.DEBUG)
        )

    def start_lookup(self) -> int:
        """The number of a new lookup, whose first event is emitted; 0 if nothing receives it."""
        if not self.enabled():
            return 0
        number = next(_LOOKUP_IDS)
        self.emit(LookupBegan(lookup=number))
        return number

    def end_lookup(self, number: int, outcome: Outcome) -> None:
        """Emit the last event of a lookup."""
        self.emit(
            LookupEnded(
                lookup=number,
                ending=outcome.ending,
                attempts=outcome.attempts,
                elapsed=outcome.elapsed,
                waited=outcome.waited,
            )
        )

    def fail_lookup(self, number: int, error: BaseException) -> None:
        """Emit the last event of a lookup without an outcome."""
        if number:
            self.emit(LookupBroken(lookup=number, error=type(error).__name__))

    def emit(self, event: Event) -> None:
        """Pass an event on; an observer that raises has no effect."""
        log(event)
        for observer in self._observers:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - an observer's error must not end a lookup
                self._log_observer_error(error)

    def _log_observer_error(self, error: Exception) -> None:
        # Once, and without its text, which may hold anything.
        if not self._error_logged:
            self._error_logged = True
            _LOGGER.error(
                "an observer raised %s; further ones are not logged", type(error).__name__
            )


def log(event: Event) -> None:
    """Log one line for what matters to a person, and at DEBUG one for each request."""
    match event:
        case RetryScheduled():
            _LOGGER.info(
                "retry in %.2f s after attempt %d: %s", event.delay, event.attempt, event.reason
            )
        case Throttled(begins=True):
            _LOGGER.warning(
                "credential %d is throttled: nothing is sent for %.1f s",
                event.credential,
                event.cool_down,
            )
        case CooledDown():
            _LOGGER.info("credential %d goes on at %.2f/s", event.credential, event.rate)
        case RateChanged(reason=str()):
            level = logging.WARNING if event.after < event.before else logging.INFO
            _LOGGER.log(
                level,
                "credential %d: rate from %.2f/s to %.2f/s: %s",
                event.credential,
                event.before,
                event.after,
                event.reason,
            )
        case RateChanged():
            _LOGGER.info(
                "credential %d: rate from %.2f/s to %.2f/s",
                event.credential,
                event.before,
                event.after,
            )
        case BudgetSpent():
            _LOGGER.warning(
                "retry budget of credential %d is spent: %s", event.credential, event.reason
            )
        case CredentialRefused():
            _LOGGER.error(
                "credential %d is refused (%s); %d left", event.credential, event.reason, event.left
            )
        case SharedQuotaLost():
            _LOGGER.warning(
                "credential %d has lost its shared quota and sends at %.2f/s: %s",
                event.credential,
                event.rate,
                event.reason,
            )
        case SharedQuotaRestored():
            _LOGGER.info(
                "credential %d has its shared quota again after %.1f s",
                event.credential,
                event.outage,
            )
        case _:
            _LOGGER.debug("%s", event)
