"""A run of `cluster`: the engine in a thread, and signals and progress beside it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import AuthenticationError, CapillaryError
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._bulk_run import DRAIN, announce_drain, cancel, restore_cursor
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    CannotStartError,
    StoppedEarlyError,
    code_of,
)
from capillary_interactions.cli._progress import display_progress
from capillary_interactions.cli._signals import GracefulStop
from capillary_interactions.cli._summaries import ProgressState, cluster_summary
from capillary_interactions.engines import (
    ClusterCounts,
    ClusterRequest,
    ClusterRun,
    Engine,
    EngineError,
    StoppedError,
)
from capillary_interactions.jobs import JobError, WrongListError


@frozen(kw_only=True)
class ClusterOptions:
    """One list to look up by an engine.

    Attributes:
        request: The list and the folder.
        start: Starts the engine.
        engine: Its name.
        out: The folder, as the user has written it.
        config: The configuration, entered for the time of the run.
        bar: Whether progress is a bar.
    """

    request: ClusterRequest
    start: Callable[[], Engine]
    engine: str
    out: str
    config: Callable[[], AbstractAsyncContextManager[ClientConfig]]
    bar: bool


async def run_cluster(options: ClusterOptions, console: Console) -> int:
    """Start a run, or go on with it; the exit code.

    Raises:
        CannotStartError: Nothing has been asked.
        StoppedEarlyError: The host's name does not resolve, or the list looks wrong.
    """
    return await _ClusterCommand(options, console).run()


class _ClusterCommand:
    def __init__(self, options: ClusterOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._stop = GracefulStop(self._drain, self._abort)
        self._run: ClusterRun | None = None

    async def run(self) -> int:
        async with self._options.config() as config:
            try:
                with (
                    self._stop.installed(),
                    ClusterRun(self._options.request, config) as self._run,
                ):
                    return await self._prepared(self._run)
            except JobError as error:
                kind = StoppedEarlyError if isinstance(error, WrongListError) else CannotStartError
                raise kind(_error_text(error)) from None

    async def _prepared(self, run: ClusterRun) -> int:
        try:
            counts = await asyncio.to_thread(run.prepare)
        except StoppedError:
            self._console.info("interrupted before anybody was asked for")
            return INTERRUPTED
        self._announce(counts)
        began, problem = time.monotonic(), None
        async with self._displayed(run, counts):
            try:
                await asyncio.to_thread(run.run, self._options.start)
            except (EngineError, JobError) as error:
                problem = error
        return self._ended(run, counts, problem or run.problem, time.monotonic() - began)

    def _ended(
        self,
        run: ClusterRun,
        counts: ClusterCounts,
        problem: CapillaryError | None,
        seconds: float,
    ) -> int:
        out = self._options.out
        if problem is not None:
            self._console.error(f"error: {_error_text(problem)}")
        for line in cluster_summary(counts, seconds):
            self._console.info(line)
        if run.complete:
            self._console.info(f"written to {out}; {out}/_run keeps what has ended")
            return code_of(counts.endings)
        self._console.info("stopped early: the same command again goes on")
        return INTERRUPTED if problem is None else STOPPED_EARLY

    def _announce(self, counts: ClusterCounts) -> None:
        options = self._options
        workers = pluralise(options.request.workers, "worker")
        self._console.info(
            f"{pluralise(counts.rows, 'row')} in {pluralise(counts.parts, 'part')}, "
            f"{counts.done_before:,} rows done before; {workers} ({options.engine})"
        )

    @asynccontextmanager
    async def _displayed(self, run: ClusterRun, counts: ClusterCounts) -> AsyncIterator[None]:
        def state() -> ProgressState:
            endings = run.progress()
            share = endings.total() / max(counts.customers, 1)
            done = counts.rejected + round(share * (counts.rows - counts.rejected))
            return ProgressState(done=min(done, counts.rows), total=counts.rows, endings=endings)

        if self._console.quiet:
            yield
            return
        progress = display_progress(self._console, state, bar=self._options.bar)
        task = asyncio.create_task(progress)
        try:
            yield
        finally:
            await cancel(task)

    def _drain(self) -> None:
        announce_drain(self._console, "what is under way")
        if self._run is not None:
            self._run.stop()
        asyncio.get_running_loop().call_later(DRAIN, self._give_up)

    def _give_up(self) -> None:
        # The engine's thread waits for its workers, which end with this process.
        self._abort()
        os._exit(INTERRUPTED)

    def _abort(self) -> None:
        restore_cursor(self._console)


def _error_text(error: CapillaryError) -> str:
    if isinstance(error, AuthenticationError):
        return f"the credentials are refused: {error}"
    if isinstance(error, WrongListError):
        return f"{error}; --accept-rejected goes on all the same"
    return str(error)
