"""Is it the events that are wrong, or the settings?"""

import asyncio
import contextlib
from typing import Final, TypeGuard

from capillary_interactions._check import whole
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._outcome import Found, NotFound, Outcome, Rejected, Unreadable
from capillary_interactions.integrations._blame import is_asked_wrongly

# An event that nothing more is learnt about is put aside after so long.
_PATIENCE: Final = 30.0


class Distrust:
    """Believes in the fault of an event when another has been answered.

    With a wrong setting every event of a queue is rejected. None of them is put aside for it: they
    are held until there are too many.

    Args:
        most: Endings in a row that a wrong setting explains and no event does, after which it is
            the settings; None for never.

    Raises:
        ConfigurationError: `most` is no count.
    """

    def __init__(self, most: int | None) -> None:
        self._most = None if most is None else whole("distrust_after", most)
        self._in_a_row = 0
        self._news = asyncio.Event()
        self._used_up = False
        self._stopping = False

    def learn(self, outcome: Outcome) -> None:
        """Take note of how a lookup ended.

        Raises:
            ConfigurationError: It is the settings.
        """
        if isinstance(outcome, Found | NotFound):
            self._in_a_row = 0
            self._tell()
        elif _is_odd(outcome) and self._most is not None:
            self._in_a_row += 1
            if self._in_a_row >= self._most:
                raise ConfigurationError(
                    f"base_url and the other settings cannot be right: {self._in_a_row} lookups in "
                    f"a row ended as no event explains (last: {outcome.ending}: {outcome.reason}); "
                    "distrust_after=None would make dead letters of these"
                )

    async def believes(self, outcome: Rejected | Unreadable) -> bool:
        """Wait until it is known whether the event is at fault; else it is to be given back."""
        if self._most is None or not _is_odd(outcome):
            return True
        if not self._used_up and not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._news.wait()
        return not self._stopping

    def use_up(self) -> None:
        """There are no further events to learn from."""
        self._used_up = True
        self._tell()

    def stop(self) -> None:
        """Whatever is still held is to be given back."""
        self._stopping = True
        self._tell()

    def _tell(self) -> None:
        # Only those that wait already: who comes later waits for the next answer.
        self._news.set()
        self._news = asyncio.Event()


def _is_odd(outcome: Outcome) -> TypeGuard[Rejected | Unreadable]:
    match outcome:
        case Rejected():
            return not is_asked_wrongly(outcome)
        case Unreadable():
            return True
        case _:
            return False
