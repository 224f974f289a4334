"""Writing outcomes to the store: soon, in batches, and without delaying lookups."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._store.records import OutcomeBatch

_INTERVAL: Final = 0.25
_FULL_BATCH: Final = 1000
_MAX_BUFFERED: Final = 3 * _FULL_BATCH


class OutcomeWriter:
    """A buffer of outcomes, with a task that writes it several times a second.

    Args:
        write: Writes a batch.
        on_error: Called with an error of that or of `on_flush`; nothing is written afterwards.
        on_flush: Awaited at each interval, whether there was anything to write or not.
    """

    def __init__(
        self,
        write: Callable[[OutcomeBatch], Awaitable[None]],
        on_error: Callable[[Exception], None],
        on_flush: Callable[[], Awaitable[None]],
    ) -> None:
        self._write = write
        self._on_error = on_error
        self._on_flush = on_flush
        self._buffer = OutcomeBatch()
        self._lock = asyncio.Lock()
        self._batch_full = asyncio.Event()
        self._error: Exception | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, number: int, outcome: Outcome) -> None:
        """Add the outcome for the customer of a row; raises if an earlier one was not written."""
        if self._error is not None:
            raise self._error
        self._buffer.add(number, outcome)
        if len(self._buffer.numbers) >= _FULL_BATCH:
            self._batch_full.set()

    @property
    def is_full(self) -> bool:
        """Whether the caller should wait for `flush` before it adds more."""
        return len(self._buffer.numbers) >= _MAX_BUFFERED

    async def flush(self) -> None:
        """Write the buffer, to the end even if the caller is cancelled."""
        writing = asyncio.get_running_loop().create_task(self._flush())
        writing.add_done_callback(_retrieve_error)
        await asyncio.shield(writing)

    async def _flush(self) -> None:
        async with self._lock:
            self._batch_full.clear()
            if self._error is not None:
                raise self._error
            batch, self._buffer = self._buffer, OutcomeBatch()
            if not batch.numbers:
                return
            try:
                await self._write(batch)
            except Exception as error:
                self._error = error
                raise

    async def aclose(self) -> None:
        """Write what is left, and end the task."""
        self._task.cancel()
        await asyncio.wait({self._task})
        await self.flush()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._batch_full.wait(), _INTERVAL)
            try:
                await self.flush()
                await self._on_flush()
            except Exception as error:  # noqa: BLE001 - the run of the job raises it
                self._error = self._error or error
                self._on_error(self._error)
                return


def _retrieve_error(writing: "asyncio.Task[None]") -> None:
    """Keep asyncio from logging an error that the writer itself keeps."""
    if not writing.cancelled():
        writing.exception()
