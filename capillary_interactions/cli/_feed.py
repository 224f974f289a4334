"""How do rows come from a file or a pipe into the event loop, a few at a time?

A thread reads, for a file may be slow and a pipe may be silent; it never runs far ahead.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Final

from capillary_interactions.cli._rows import Row, Rows
from capillary_interactions.cli._text import ListError, lines

_CHUNK: Final = 1 << 16
_BATCH: Final = 256
_AHEAD: Final = 4


class _Unwanted(Exception):  # noqa: N818 - no error: the thread's way home
    pass


class Feed:
    """The rows of one list, to be iterated over once.

    Args:
        file: Binary, and unbuffered if it is a pipe; it stays open.
        rows: Makes rows from lines.
    """

    def __init__(self, file: IO[bytes], rows: Callable[[Iterable[str]], Rows]) -> None:
        self._file = file
        self._rows = rows
        self._loop = asyncio.get_running_loop()
        self._batches: deque[list[Row | None]] = deque()
        self._batch: list[Row | None] = []
        self._places = threading.Semaphore(_AHEAD)
        self._news = asyncio.Event()
        self._error: Exception | None = None
        self._arrived = 0
        self._ended = False
        self._stopped = False
        self.blanks = 0

    @property
    def total(self) -> int | None:
        """Rows in all, or None while that is not known."""
        return self._arrived if self._ended else None

    async def ready(self) -> None:
        """Begin to read, and wait for the first row.

        Raises:
            ListError: There is none.
        """
        # A daemon: it may sit in front of a silent pipe when everything else is over.
        threading.Thread(target=self._read, name="list", daemon=True).start()
        while not (self._arrived or self._ended or self._stopped):
            await self._wait()
        if not self._arrived and self._ended:
            raise self._error or ListError("it holds no rows")

    def stop(self) -> None:
        """Give no more rows."""
        self._stopped = True
        self._news.set()
        self._places.release()

    async def __aiter__(self) -> AsyncIterator[Row]:
        """The rows; blank lines are counted and left out."""
        while not self._stopped:
            if self._batches:
                batch = self._batches.popleft()
                self._places.release()
                for row in batch:
                    if self._stopped:
                        return
                    if row is None:
                        self.blanks += 1
                    else:
                        yield row
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _read(self) -> None:
        """Everything, and then the end; this and what it calls run in the thread."""
        error: Exception | None = None
        try:
            try:
                for row in self._rows(lines(self._chunks())):
                    self._batch.append(row)
                    if len(self._batch) >= _BATCH:
                        self._hand_on()
            except OSError as failed:
                error = ListError(f"it cannot be read: {failed.strerror or type(failed).__name__}")
            except ListError as wrong:
                error = wrong
            self._hand_on()
        except _Unwanted:
            return
        except Exception as unforeseen:  # noqa: BLE001 - raised again where the rows are taken
            error = unforeseen
        with suppress(_Unwanted):
            self._tell(self._end, error)

    def _chunks(self) -> Iterator[bytes]:
        while True:
            # What is there goes on its way first: the next read may take for ever.
            self._hand_on()
            chunk = self._file.read(_CHUNK)
            if not chunk:
                return
            yield chunk

    def _hand_on(self) -> None:
        if self._batch:
            self._places.acquire()
            if self._stopped:
                raise _Unwanted
            self._tell(self._arrive, self._batch)
            self._batch = []

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed
            raise _Unwanted from None

    def _arrive(self, batch: list[Row | None]) -> None:
        self._batches.append(batch)
        self._arrived += sum(row is not None for row in batch)
        self._news.set()

    def _end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._news.set()
