"""Ctrl-C and SIGTERM: the first stops a run in good order, the second at once."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import click

from capillary_interactions.cli._exit_codes import INTERRUPTED

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
# One Ctrl-C may come twice: from the terminal, and passed on by the program that started this one.
_DEBOUNCE: Final = 0.3

_T = TypeVar("_T")


async def unless_interrupted(work: Coroutine[Any, Any, _T]) -> _T:
    """Await a coroutine; a signal cancels it and raises `Abort`, a second ends the program."""
    task = asyncio.ensure_future(work)

    def cancel() -> None:
        task.cancel()

    with GracefulStop(cancel).installed():
        await asyncio.wait({task})
    if task.cancelled():
        raise click.Abort
    return task.result()


class GracefulStop:
    """SIGINT and SIGTERM, as a request to stop.

    Args:
        first: Called at the first one.
        second: Called at the second one, before the process ends without any further message.
    """

    def __init__(
        self, first: Callable[[], None], second: Callable[[], None] = lambda: None
    ) -> None:
        self._first = first
        self._second = second
        self._requested_at: float | None = None

    @property
    def requested(self) -> bool:
        return self._requested_at is not None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals, where the system and the thread allow it."""
        loop = asyncio.get_running_loop()
        handled = []
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.request)
                handled.append(number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def request(self) -> None:
        now = time.monotonic()
        if self._requested_at is None:
            self._requested_at = now
            self._first()
        elif now - self._requested_at > _DEBOUNCE:
            self._second()
            os._exit(INTERRUPTED)
