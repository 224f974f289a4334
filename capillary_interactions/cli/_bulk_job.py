"""A run of `bulk` by a job on disk, into a file."""

import asyncio
import math
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from attrs import frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._bulk_run import DRAIN, BulkOptions, BulkRun, cancel
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    USAGE,
    CannotStartError,
    StoppedEarlyError,
    code_of,
)
from capillary_interactions.cli._progress import clock
from capillary_interactions.cli._summaries import (
    ProgressState,
    how_to_continue,
    job_summary,
    next_job_steps,
)
from capillary_interactions.jobs import (
    MANY_UNKNOWN,
    Job,
    JobChangedError,
    JobError,
    JobStatus,
    JobStoreError,
    NoJobError,
    Progress,
    Report,
    StopRules,
    WrongListError,
    unknown_hint,
)


@frozen(kw_only=True)
class JobOptions(BulkOptions):
    """One list to look up by a job."""

    out: Path
    network: str | None = None
    type: str | None = None
    stops: StopRules
    refresh: timedelta | None = None
    restart: bool = False
    for_spreadsheets: bool = False


def job_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.job")


async def run_job(options: JobOptions, console: Console) -> int:
    """Start or resume a job, and write its results when it is done; the exit code.

    Raises:
        CannotStartError: Nothing has been asked.
        StoppedEarlyError: The host's name does not resolve.
    """
    return await _JobRun(options, console).run()


class _JobRun(BulkRun):
    def __init__(self, options: JobOptions, console: Console) -> None:
        super().__init__(options, console)
        self._options = options
        self._path = job_of(options.out)
        self._job = Job.open(
            self._path, options.customers, network=options.network, type=options.type
        )
        self._running: asyncio.Task[Report] | None = None
        self._progress = ProgressState(done=0, total=None, endings={})
        self._paused: str | None = None
        self._hinted = False
        self._changed = False
        self._done_before = 0
        self._whole_before: int | None = None

    async def run(self) -> int:
        try:
            with self._stop.installed():
                async with self._options.config() as config, self._job:
                    return await self._run_with_client(config)
        except JobError as error:
            # Once the run has begun, its errors are shown with its figures.
            full = isinstance(error, JobStoreError) and error.full
            kind = StoppedEarlyError if full else CannotStartError
            raise kind(self._error_text(error)) from None

    async def _run_with_client(self, config: ClientConfig) -> int:
        with suppress(NoJobError):
            self._announce(await self._job.status())
        if not self._stop.requested:
            async with InteractionsClient(config) as client:
                await self._run_job(client)
        if self._running is None or self._running.cancelled():
            self._console.info("interrupted before anybody was asked for")
            return INTERRUPTED
        report = await self._job.report()
        path, out = str(self._path), str(self._options.out)
        written = report.complete and self._problem is None and await self._write()
        self._print_summary(report, config.rate.per)
        if written:
            self._console.info(f"written to {out}; {path} keeps the job")
            return 1 if report.run.kept else code_of(report.status.endings)
        if self._changed:
            return USAGE
        if self._problem is None and not report.complete and not self._stop.requested:
            self._console.info(how_to_continue(path, out, limit=self._options.limit))
            return code_of(report.status.endings)
        self._console.info(how_to_continue(path, out, complete=report.complete))
        return INTERRUPTED if self._problem is None else STOPPED_EARLY

    def _announce(self, status: JobStatus) -> None:
        """Show what there is of the job, and what is done with it."""
        rows = f"{self._path}: {pluralise(status.done, 'row')} done"
        if self._options.restart:
            # Its rows are not those of this run, so they are not subtracted at the end.
            self._console.info(f"beginning anew, once the list can be read; forgotten is {rows}")
            if status.forgotten:
                self._console.info(
                    "customers who were forgotten (`jobs forget`) are asked for again, unless they "
                    "are taken out of the list"
                )
            return
        self._done_before = status.done
        self._whole_before = status.rows if status.whole else None
        self._console.info(f"going on with {rows}")

    async def _run_job(self, client: InteractionsClient) -> None:
        self._running = asyncio.create_task(
            self._job.run(
                client,
                timeout=self._options.timeout,
                limit=self._options.limit,
                refresh=self._options.refresh,
                stops=self._options.stops,
                progress=self._on_progress,
                restart=self._options.restart,
            )
        )
        async with self._displayed(client):
            try:
                await asyncio.wait({self._running})
            finally:
                await cancel(self._running)
        if not self._running.cancelled():
            with self._stop_reason():
                self._running.result()

    def _error_text(self, error: JobError) -> str:
        if isinstance(error, JobChangedError):
            self._changed = True
            return f"{error}; or --restart, which forgets what {self._path} holds"
        if isinstance(error, WrongListError):
            return f"{error}; --accept-rejected goes on all the same"
        return str(error)

    async def _write(self) -> bool:
        try:
            await self._job.export(
                self._options.out,
                mask_codes=self._options.codes_masked,
                for_spreadsheets=self._options.for_spreadsheets,
            )
        except JobError as error:
            self._stopped(str(error))
            return False
        return True

    def _print_summary(self, report: Report, window: float) -> None:
        if self._problem is not None:
            self._console.error(f"error: {self._problem}")
        rows = report.status.rows
        added = 0 if self._whole_before is None else rows - self._whole_before
        lines = [*job_summary(report, self._done_before, window, added)]
        if self._problem is None and self._paused is not None:
            lines.append(f"there were no answers any more: {self._paused}")
        for line in (*lines, *next_job_steps(report)):
            self._console.info(line)

    def _state(self) -> ProgressState:
        return self._progress

    def _on_progress(self, progress: Progress) -> None:
        status = progress.status
        total = status.rows - status.forgotten if status.whole else None
        done = status.done - status.stale
        self._progress = ProgressState(done=done, total=total, endings=status.endings)
        hint = unknown_hint(status.endings, MANY_UNKNOWN)
        if hint is not None and not self._hinted:
            self._hinted = True
            self._console.info(hint)
        if (progress.paused is None) != (self._paused is None):
            self._console.info(
                "answers again: going on"
                if progress.paused is None
                else self._pause_text(progress.paused)
            )
        self._paused = progress.paused

    def _pause_text(self, reason: str) -> str:
        give_up_after, until = self._options.stops.give_up_after, ""
        if give_up_after != math.inf:
            now = datetime.now().astimezone()
            until = f" until {clock(now + timedelta(seconds=give_up_after), now)} (--patience)"
        meanwhile = f"one customer now and then is asked for{until}"
        return f"pausing: no answers any more ({reason}); {meanwhile}"

    def _drain(self) -> None:
        if self._job.is_running:
            self._announce_drain("what is under way")
            self._job.stop(DRAIN)
        elif self._running is not None and not self._running.done():
            self._running.cancel()
        elif self._running is not None:
            self._console.info(
                f"all has been asked for: writing {self._options.out} first; Ctrl-C again stops at "
                f"once and leaves it as it was ({self._path} keeps the job)"
            )
