"""How do outcomes get into the store: soon, many at a time, and without holding anybody up?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._store.records import OutcomeBatch

_EVERY: Final = 0.25
_MOST: Final = 1000
_TOO_MANY: Final = 3 * _MOST


class OutcomeWriter:
    """Outcomes on their way into the store.

    Args:
        write: Keeps some of them, and is over when they are kept.
        failed: Called with the error when that has failed; nothing is written afterwards.
        tick: Waited for after each turn, whether there was anything to write or not.
    """

    def __init__(
        self,
        write: Callable[[OutcomeBatch], Awaitable[None]],
        failed: Callable[[Exception], None],
        tick: Callable[[], Awaitable[None]],
    ) -> None:
        self._write = write
        self._failed = failed
        self._tick = tick
        self._waiting = OutcomeBatch()
        self._writing = asyncio.Lock()
        self._full = asyncio.Event()
        self._error: Exception | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, number: int, outcome: Outcome) -> None:
        """Take the outcome for a customer.

        Raises:
            Exception: What an earlier one could not be written for.
        """
        if self._error is not None:
            raise self._error
        self._waiting.add(number, outcome)
        if len(self._waiting.numbers) >= _MOST:
            self._full.set()

    @property
    def is_full(self) -> bool:
        """Whether it is time to wait for `flush`."""
        return len(self._waiting.numbers) >= _TOO_MANY

    async def flush(self) -> None:
        """Write what is there, all of it, even if nobody waits for it any more.

        Raises:
            Exception: It cannot be written.
        """
        writing = asyncio.get_running_loop().create_task(self._flush())
        writing.add_done_callback(_is_known)
        await asyncio.shield(writing)

    async def _flush(self) -> None:
        async with self._writing:
            self._full.clear()
            if self._error is not None:
                raise self._error
            pending, self._waiting = self._waiting, OutcomeBatch()
            if not pending.numbers:
                return
            try:
                await self._write(pending)
            except Exception as error:
                self._error = error
                raise

    async def aclose(self) -> None:
        """Write what is left, and no more.

        Raises:
            Exception: It cannot be written.
        """
        self._task.cancel()
        await asyncio.wait({self._task})
        await self.flush()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), _EVERY)
            try:
                await self.flush()
                await self._tick()
            except Exception as error:  # noqa: BLE001 - whoever runs the job raises it
                self._error = self._error or error
                self._failed(self._error)
                return


def _is_known(writing: "asyncio.Task[None]") -> None:
    """Keep the loop from telling of an error that the recorder itself remembers."""
    if not writing.cancelled():
        writing.exception()
