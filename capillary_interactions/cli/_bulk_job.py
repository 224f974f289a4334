"""How does a list go through a job on disk into a file?"""

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from attrs import frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import AuthenticationError, EndpointDownError
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    USAGE,
    CannotStartError,
    StoppedEarlyError,
    code_of,
)
from capillary_interactions.cli._job_words import next_steps, summary, way_on
from capillary_interactions.cli._notices import clock, notify
from capillary_interactions.cli._progress import display_progress
from capillary_interactions.cli._signals import GracefulStop
from capillary_interactions.cli._summaries import ProgressState
from capillary_interactions.jobs import (
    CustomerList,
    Job,
    JobChangedError,
    JobError,
    JobStoreError,
    NoJobError,
    Progress,
    Report,
    StopRules,
    WrongListError,
)
from capillary_interactions.jobs._status import MANY_UNKNOWN, unknown_hint

_DRAIN: Final = 30.0


@frozen(kw_only=True)
class JobOptions:
    """One list to look up by a job.

    Attributes:
        customers: The list, or None for the one that the job knows.
        out: Where the results go.
        network: Only interactions of this network, or None.
        type: Only interactions of this type, or None.
        reachable: The configuration, entered for the time of the run.
        stops: When to pause and to stop.
        timeout: Seconds for one customer, or None.
        restart: Whether to forget what there is of the job.
        codes_masked: Whether one-time codes are masked in the results.
        for_spreadsheets: Whether the results are a CSV for spreadsheets.
        bar: Whether progress is a bar.
    """

    customers: CustomerList | None
    out: Path
    network: str | None = None
    type: str | None = None
    reachable: Callable[[], AbstractAsyncContextManager[ClientConfig]]
    stops: StopRules
    timeout: float | None = None
    restart: bool = False
    codes_masked: bool = False
    for_spreadsheets: bool = False
    bar: bool = False

    @property
    def path(self) -> Path:
        """Where the job is."""
        return job_of(self.out)


def job_of(out: Path) -> Path:
    """The job behind a file of results."""
    return out.with_name(f"{out.name}.job")


async def run_job(bulk: JobOptions, voice: Console) -> int:
    """Begin a job or go on with it, and write its results when it is done; the exit code.

    Raises:
        CannotStartError: Nothing has been asked.
        StoppedEarlyError: The host's name does not resolve.
    """
    return await _JobRun(bulk, voice).go()


class _JobRun:
    def __init__(self, bulk: JobOptions, voice: Console) -> None:
        self._bulk = bulk
        self._voice = voice
        self._stop = GracefulStop(self._wind_down, self._leave)
        self._job = Job.open(bulk.path, bulk.customers, network=bulk.network, type=bulk.type)
        self._asking: asyncio.Task[Report] | None = None
        self._moment = ProgressState(done=0, total=None, rate=0.0, endings={})
        self._paused: str | None = None
        self._hinted = False
        self._before = 0
        self._window = 0.0
        self._problem: str | None = None
        self._code: int | None = None

    async def go(self) -> int:
        try:
            with self._stop.listening():
                async with self._bulk.reachable() as config, self._job:
                    self._window = config.rate.per
                    return await self._through(config)
        except JobError as wrong:
            # What has begun is told by then.
            full = isinstance(wrong, JobStoreError) and wrong.full
            kind = StoppedEarlyError if full else CannotStartError
            raise kind(self._told(wrong)) from None

    async def _through(self, config: ClientConfig) -> int:
        with suppress(NoJobError):
            self._tell_before((await self._job.status()).done)
        if not self._stop.asked:  # so early that there was nothing yet to stop
            async with InteractionsClient(config) as client:
                await self._ask(client)
        if not self._has_run():
            self._voice.say("interrupted before anybody was asked for")
            return INTERRUPTED
        report = await self._job.report()
        written = await self._write() if report.complete and self._problem is None else False
        return self._tell(report, written=written)

    def _tell_before(self, done: int) -> None:
        """Say what there is of the job, and what becomes of it."""
        held = f"{self._bulk.path}: {pluralise(done, 'row')} done"
        if self._bulk.restart:
            # Its rows are not those of this run, so they are not taken off at its end.
            self._voice.say(f"beginning anew, once the list can be read; forgotten is {held}")
            return
        self._before = done
        self._voice.say(f"going on with {held}")

    async def _ask(self, client: InteractionsClient) -> None:
        shown = [] if self._voice.quiet else [self._show(), notify(self._voice, client.snapshot)]
        tasks = [asyncio.create_task(each) for each in shown]
        self._asking = asyncio.create_task(
            self._job.run(
                client,
                timeout=self._bulk.timeout,
                stops=self._bulk.stops,
                progress=self._see,
                restart=self._bulk.restart,
            )
        )
        try:
            await asyncio.wait({self._asking})
        finally:
            for task in (*tasks, self._asking):
                task.cancel()
                await asyncio.wait({task})
        if not self._asking.cancelled():
            self._judge(self._asking.exception())

    def _has_run(self) -> bool:
        """Whether there is anything new to tell; not if the first Ctrl-C came before that."""
        return self._asking is not None and not self._asking.cancelled()

    def _judge(self, error: BaseException | None) -> None:
        match error:
            case None:
                pass
            case AuthenticationError():
                self._problem = f"the credentials are refused: {error}"
            case EndpointDownError():
                self._problem = str(error)
            case JobError() if error.begun:
                self._problem = self._told(error)
                self._code = USAGE if isinstance(error, JobChangedError) else None
            case _:
                raise error

    def _told(self, wrong: JobError) -> str:
        if isinstance(wrong, JobChangedError):
            return f"{wrong}; or --restart, which forgets what {self._bulk.path} holds"
        if isinstance(wrong, WrongListError):
            return f"{wrong}; --accept-rejected goes on all the same"
        return str(wrong)

    async def _write(self) -> bool:
        try:
            await self._job.export(
                self._bulk.out,
                mask_codes=self._bulk.codes_masked,
                for_spreadsheets=self._bulk.for_spreadsheets,
            )
        except JobError as failed:
            self._problem = str(failed)
            return False
        return True

    def _tell(self, report: Report, *, written: bool) -> int:
        say, out = self._voice.say, str(self._bulk.out)
        if self._problem is not None:
            self._voice.complain(f"error: {self._problem}")
        for line in summary(report, self._before, self._window):
            say(line)
        if self._problem is None and self._paused is not None:
            say(f"there were no answers any more: {self._paused}")
        for step in next_steps(report):
            say(step)
        if written:
            say(f"written to {out}; {self._bulk.path} keeps the job")
            return code_of(report.status.endings)
        if self._code is not None:
            return self._code
        say(way_on(str(self._bulk.path), out, whole=report.complete))
        return INTERRUPTED if self._problem is None else STOPPED_EARLY

    def _see(self, progress: Progress) -> None:
        status = progress.status
        total = status.rows if status.whole else None
        self._moment = ProgressState(
            done=status.done, total=total, rate=0.0, endings=status.endings
        )
        hint = unknown_hint(status.endings, MANY_UNKNOWN)
        if hint is not None and not self._hinted:
            self._hinted = True
            self._voice.say(hint)
        if (progress.paused is None) != (self._paused is None):
            self._voice.say(
                "answers again: going on"
                if progress.paused is None
                else self._pausing(progress.paused)
            )
        self._paused = progress.paused

    def _pausing(self, reason: str) -> str:
        patience = self._bulk.stops.give_up_after
        until = ""
        if patience != math.inf:
            now = datetime.now().astimezone()
            until = f" until {clock(now + timedelta(seconds=patience), now)} (--patience)"
        meanwhile = f"one customer now and then is asked for{until}"
        return f"pausing: no answers any more ({reason}); {meanwhile}"

    async def _show(self) -> None:
        await display_progress(self._voice, lambda: self._moment, bar=self._bulk.bar)

    def _wind_down(self) -> None:
        """At the first Ctrl-C: ask for nothing more, and wait for what is under way."""
        if self._job.is_running:
            self._voice.say(
                f"stopping: waiting up to {_DRAIN:.0f} s for what is under way; "
                "Ctrl-C again stops at once"
            )
            self._job.stop(_DRAIN)
        elif self._asking is not None and not self._asking.done():
            self._asking.cancel()
        elif self._asking is not None:
            self._voice.say(
                f"all has been asked for: writing {self._bulk.out} first; Ctrl-C again stops at "
                f"once and leaves it as it was ({self._bulk.path} keeps the job)"
            )

    def _leave(self) -> None:
        """At the second Ctrl-C: the job can take that; leave a terminal with a cursor behind."""
        with suppress(Exception):
            self._voice.console.show_cursor()
