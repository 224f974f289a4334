"""Is it the events that are wrong, or the settings?"""

import asyncio
import contextlib
from typing import Final, TypeGuard

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._config.validation import check_count
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._model.outcome import Outcome, Rejected, Unreadable
from capillary_interactions.integrations._consuming.blame import is_request_fault

# An event that nothing more is learnt about is put aside after so long.
_PATIENCE: Final = 30.0


class Distrust:
    """Takes a failure for its event's own once another event has shown that the settings work.

    With a wrong setting every event of a queue fails. None of them becomes a dead letter for it:
    they are held until there are too many.

    Args:
        most: Failures in a row after which it is the settings; None for never.
        verdict: What cannot be right then, and what was seen; `{count}` and `{last}` are filled in.

    Raises:
        ConfigurationError: `most` is no count.
    """

    def __init__(self, most: int | None, verdict: str) -> None:
        if most is not None:
            check_count("distrust_after", most)
        self._breaker = CircuitBreaker(most)
        self._verdict = verdict
        self._news = asyncio.Event()
        self._used_up = False
        self._stopping = False

    def clear(self) -> None:
        """The settings work: an event has succeeded."""
        self._breaker.record_answer(asyncio.get_running_loop().time())
        self._wake()

    def suspect(self, failure: str, *, sure: bool = False) -> None:
        """An event has failed as a wrong setting would make all of them fail.

        Args:
            failure: How.
            sure: Whether enough other events have shown that it is no event's own failure.

        Raises:
            ConfigurationError: It is the settings.
        """
        if self._breaker.max_failures is None:
            return
        self._breaker.record_failure(asyncio.get_running_loop().time())
        if sure or self._breaker.state is BreakerState.OPEN:
            seen = self._verdict.format(count=self._breaker.failures, last=failure)
            raise ConfigurationError(
                f"{seen}; distrust_after=None would make dead letters of these"
            )

    async def believes(self) -> bool:
        """Wait until it is known whether the event is at fault; else it is to be given back."""
        if self._breaker.max_failures is None:
            return True
        if not self._used_up and not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._news.wait()
        return not self._stopping

    def use_up(self) -> None:
        """There are no further events to learn from."""
        self._used_up = True
        self._wake()

    def stop(self) -> None:
        """What is still held is to be given back."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        # Only those that wait already: later ones wait for the next success.
        self._news.set()
        self._news = asyncio.Event()


def distrust_of_settings(most: int | None) -> Distrust:
    """Counts endings that a wrong setting explains and no event does."""
    return Distrust(
        most,
        "base_url and the other settings cannot be right: {count} lookups in a row ended as no "
        "event explains (last: {last})",
    )


def distrust_of_functions(most: int | None) -> Distrust:
    """Counts events of which `key` or `ordered_by` makes nothing."""
    return Distrust(
        most,
        "key= or ordered_by= does not fit these events: it failed for {count} in a row (last: "
        "{last}); look at what the source's events hold, and whether as text or as bytes",
    )


def is_odd(outcome: Outcome) -> TypeGuard[Rejected | Unreadable]:
    """Whether an ending is one that a wrong setting explains and no event does."""
    match outcome:
        case Rejected():
            return not is_request_fault(outcome)
        case Unreadable():
            return True
        case _:
            return False
