"""Is it the events that are wrong, or the settings?"""

import asyncio
import contextlib
from typing import Final, TypeGuard

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._config.validation import check_count
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._model.outcome import Outcome, Rejected, Unreadable
from capillary_interactions._protocol.codes import is_request_fault, meaning_of_rejection

# After so long, a failure that no other event has explained is taken for the event's own.
_EVIDENCE_TIMEOUT: Final = 30.0
SETTINGS_ARE_WRONG: Final = (
    "{settings} cannot be right: {count} lookups in a row ended as no event explains (last: {last})"
)
FUNCTIONS_ARE_WRONG: Final = (
    "key= or ordered_by= does not fit these events: it failed for {count} in a row (last: "
    "{last}); look at what the source's events hold, and whether as text or as bytes"
)


class MisconfigurationGuard:
    """Takes a failure for its event's own once another event has shown that the settings work.

    With a wrong setting every event of a queue fails. None of them becomes a dead letter for it:
    they are held until there are too many.

    Args:
        max_failures: Failures in a row after which the settings are wrong; None for never.
        problem: The error's text, with `{count}`, `{last}` and, in one about settings,
            `{settings}`.

    Raises:
        ConfigurationError: `max_failures` is no count.
    """

    def __init__(self, max_failures: int | None, problem: str) -> None:
        if max_failures is not None:
            check_count("distrust_after", max_failures)
        self._breaker = CircuitBreaker(max_failures)
        self._problem = problem
        self._evidence = asyncio.Event()
        self._exhausted = False
        self._stopping = False

    def record_success(self) -> None:
        self._breaker.record_answer(asyncio.get_running_loop().time())
        self._wake()

    def record_failure(self, failure: str, *, sure: bool = False, settings: str = "") -> None:
        """An event has failed as a wrong setting would make all of them fail.

        Args:
            failure: How.
            sure: Whether enough other events have shown that it is no event's own failure.
            settings: Which settings it suggests to be wrong.

        Raises:
            ConfigurationError: The settings are wrong.
        """
        if self._breaker.max_failures is None:
            return
        self._breaker.record_failure(asyncio.get_running_loop().time())
        if sure or self._breaker.state is BreakerState.OPEN:
            problem = self._problem.format(
                count=self._breaker.failures, last=failure, settings=settings
            )
            raise ConfigurationError(
                f"{problem}; distrust_after=None would make dead letters of these"
            )

    async def confirms_event_fault(self) -> bool:
        """Wait until the failure may be taken for its event's own; False if it is given back."""
        if self._breaker.max_failures is None:
            return True
        if not self._exhausted and not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVIDENCE_TIMEOUT):
                    await self._evidence.wait()
        return not self._stopping

    def source_exhausted(self) -> None:
        self._exhausted = True
        self._wake()

    def stop(self) -> None:
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        # Only those that wait already: later ones wait for the next success.
        self._evidence.set()
        self._evidence = asyncio.Event()


def suspected_settings(outcome: Rejected | Unreadable) -> str:
    """Which settings would explain an ending."""
    meaning = meaning_of_rejection(outcome) if isinstance(outcome, Rejected) else None
    named = "" if meaning is None else meaning.settings
    return named or "base_url and the other settings"


def suggests_misconfiguration(outcome: Outcome) -> TypeGuard[Rejected | Unreadable]:
    """Whether an ending is one that a wrong setting explains and no event does."""
    if isinstance(outcome, Rejected):
        return not is_request_fault(outcome)
    return isinstance(outcome, Unreadable)
