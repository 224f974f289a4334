"""Who sees the events? The observers of a client, and the log."""

import logging
from itertools import count
from typing import Final

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
    Throttled,
)

_LOGGER: Final = logging.getLogger("capillary_interactions")
# Else Python prints a library's warnings to standard error where no logging is set up.
_LOGGER.addHandler(logging.NullHandler())
# Of all clients together: one observer may watch several.
_NUMBERS: Final = count(1)


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
        return bool(self._observers) or _LOGGER.isEnabledFor(logging.DEBUG)

    def begun(self) -> int:
        """Show that a lookup begins, and give its number."""
        if not self.attentive:
            return 0
        number = next(_NUMBERS)
        self.emit(LookupBegan(lookup=number))
        return number

    def ended(self, lookup: int, outcome: Outcome) -> None:
        """Show what a lookup has ended in."""
        if self.attentive:
            self.emit(
                LookupEnded(
                    lookup=lookup,
                    ending=outcome.ending,
                    attempts=outcome.attempts,
                    elapsed=outcome.elapsed,
                    waited=outcome.waited,
                )
            )

    def broken(self, lookup: int, error: BaseException) -> None:
        """Show what a lookup has raised in place of an outcome."""
        if self.attentive:
            self.emit(LookupBroken(lookup=lookup, error=type(error).__name__))

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
            _LOGGER.error(
                "an observer raised %s; further ones are not logged", type(raised).__name__
            )


def log(event: Event) -> None:
    """One line for what a person should know, and at DEBUG one for each request."""
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
        case _:
            _LOGGER.debug("%s", event)
