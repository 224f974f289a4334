"""What does Ctrl-C do? The first ends a run in good order, the second at once."""

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
_ECHO: Final = 0.3

T = TypeVar("T")


async def unless_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Do something to its end; a signal cancels it, and the second one ends the program.

    Raises:
        Abort: It was cancelled.
    """
    task = asyncio.ensure_future(work)
    stop = GracefulStop(lambda: _cancel(task), lambda: None)
    with stop.listening():
        await asyncio.wait({task})
    if task.cancelled():
        raise click.Abort
    return task.result()


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()


class GracefulStop:
    """SIGINT and SIGTERM, as a wish that the run may look at.

    Args:
        first: Called at the first one.
        second: Called at the second one, before the process ends without any further word.
    """

    def __init__(self, first: Callable[[], None], second: Callable[[], None]) -> None:
        self._first = first
        self._second = second
        self._asked: float | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody wants the run to end."""
        return self._asked is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the signals."""
        loop = asyncio.get_running_loop()
        heard = []
        # Not in every thread and not on every system can signals be heard.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.ask)
                heard.append(number)
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)

    def ask(self) -> None:
        """Want the run to end."""
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            self._first()
        elif now - self._asked > _ECHO:
            self._second()
            os._exit(INTERRUPTED)
