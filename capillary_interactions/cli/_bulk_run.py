"""What a run of `bulk` does with a job and without: signals, progress, and why it stopped."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, Final

from attrs import frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import (
    AuthenticationError,
    EndpointDownError,
    SettingsRefusedError,
)
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import StoppedEarlyError
from capillary_interactions.cli._progress import display_notices, display_progress
from capillary_interactions.cli._signals import GracefulStop
from capillary_interactions.cli._summaries import ProgressState
from capillary_interactions.jobs import CustomerList, JobError

DRAIN: Final = 30.0
_NO_STOP: Final = "take each for its customer's own: --give-up-after 0"


@frozen(kw_only=True)
class BulkOptions:
    """One list to look up.

    Attributes:
        customers: The list; None for the one that the job knows.
        config: The configuration, entered for the time of the run.
        timeout: Seconds for one customer, or None.
        limit: How many customers are asked for at most, or None for all.
        codes_masked: Whether one-time codes are masked in the results.
        bar: Whether progress is a bar.
    """

    customers: CustomerList | None
    config: Callable[[], AbstractAsyncContextManager[ClientConfig]]
    timeout: float | None = None
    limit: int | None = None
    codes_masked: bool = False
    bar: bool = False


class BulkRun(ABC):
    """The base of both runs."""

    def __init__(self, options: BulkOptions, console: Console) -> None:
        self._console = console
        self._bar = options.bar
        self._stop = GracefulStop(self._drain, self._abort)
        self._problem: str | None = None

    @abstractmethod
    def _drain(self) -> None:
        """The first Ctrl-C: send nothing more, and wait for what is in progress."""

    def _abort(self) -> None:
        """The second Ctrl-C."""
        restore_cursor(self._console)

    @abstractmethod
    def _state(self) -> ProgressState: ...

    def _announce_drain(self, awaited: str) -> None:
        announce_drain(self._console, awaited)

    @contextmanager
    def _stop_reason(self) -> Iterator[None]:
        """Keep the first error that is true of the complete run; it is shown at the end."""
        try:
            yield
        except AuthenticationError as error:
            self._stopped(f"the credentials are refused: {error}")
        except (EndpointDownError, StoppedEarlyError) as error:
            self._stopped(str(error))
        except SettingsRefusedError as error:
            self._stopped(f"{error}; correct it, or {_NO_STOP}")
        except JobError as error:
            if not error.begun:
                raise
            self._stopped(self._error_text(error))

    def _error_text(self, error: JobError) -> str:
        return str(error)

    def _stopped(self, problem: str) -> None:
        if self._problem is None:
            self._problem = problem

    @asynccontextmanager
    async def _displayed(self, client: InteractionsClient) -> AsyncIterator[None]:
        tasks: list[asyncio.Task[None]] = []
        if not self._console.quiet:
            progress = display_progress(self._console, self._state, bar=self._bar)
            notices = display_notices(self._console, client.snapshot)
            tasks = [asyncio.create_task(progress), asyncio.create_task(notices)]
        try:
            yield
        finally:
            for task in tasks:
                await cancel(task)


def announce_drain(console: Console, awaited: str) -> None:
    console.info(f"stopping: waiting up to {DRAIN:.0f} s for {awaited}; Ctrl-C again stops at once")


def restore_cursor(console: Console) -> None:
    """Leave a terminal with a cursor."""
    with suppress(Exception):
        console.rich.show_cursor()


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
