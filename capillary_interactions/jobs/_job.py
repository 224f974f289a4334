"""What can be done with a job: run it, look at it, take endings back, write results."""

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._model.vocabulary import InteractionType, Network, parse_enum
from capillary_interactions.jobs._errors import JobError
from capillary_interactions.jobs._export.exporter import ExportStyle, export
from capillary_interactions.jobs._export.target_guard import delete_job
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._report.write_report import write_report
from capillary_interactions.jobs._run.job_run import JobRun, RunOptions
from capillary_interactions.jobs._run.resume import JobRequest, prepare
from capillary_interactions.jobs._run.stop_rules import StopRules
from capillary_interactions.jobs._status import JobStatus, Progress, Report
from capillary_interactions.jobs._store.job_file import JobFile
from capillary_interactions.jobs._store.reopen import reopened
from capillary_interactions.jobs._store.worker_thread import outlast, run_cancellable, run_in_thread

_SHOWN: int = 10
_DRAIN: float = 30.0


class Job:
    """A bulk job on disk: it can be killed at any moment and goes on where it was.

    Made by `Job.open`, and entered with `async with`. Every row of its list ends in exactly one
    recorded outcome. Whatever holds up SQLite holds up a thread, never the event loop.

    Example:
        customers = CustomerList("customers.csv", identifier="mobile")
        async with (
            InteractionsClient(ClientConfig.from_env()) as client,
            Job.open("customers.job", customers) as job,
        ):
            report = await job.run(client)
            await job.export("answers.parquet")
    """

    def __init__(
        self,
        path: Path,
        customers: CustomerList | None,
        network: Network | None,
        type: InteractionType | None,  # noqa: A002 - the API's word
    ) -> None:
        self._customers = customers
        self._network = network
        self._type = type
        self._access = JobFile(path)
        self._run: JobRun | None = None
        self._ended: asyncio.Future[None] | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        customers: CustomerList | None = None,
        *,
        network: Network | str | None = None,
        type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    ) -> Self:
        """A job, new or there already.

        Args:
            path: Its file, a SQLite database that only its owner can read. It is made by `run`.
            customers: The list; may be left out for a job that is there already, whose list is
                then the one it began with.
            network: Only interactions of this network.
            type: Only interactions of this type.

        Raises:
            ValueError: The network or the type is none.
        """
        return cls(
            Path(path),
            customers,
            None if network is None else parse_enum(Network, network, "network"),
            None if type is None else parse_enum(InteractionType, type, "type"),
        )

    async def __aenter__(self) -> Self:
        """Open it, if it is there."""
        try:
            await self._access.open()
        except BaseException:
            await self._access.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it; a run that another task has begun is stopped first, and records what it has."""
        await self._close()

    async def _close(self) -> None:
        try:
            if self._run is not None and self._ended is not None:
                self._run.stop(0.0)
                await outlast(self._ended)
        finally:
            await self._access.aclose()

    @property
    def path(self) -> Path:
        """Its file."""
        return self._access.path

    @property
    def is_running(self) -> bool:
        """Whether a run of this object's has begun to ask, so that `stop` ends it."""
        return self._run is not None

    async def run(
        self,
        client: InteractionsClient,
        *,
        in_flight: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of each lookup, not of this
        share: float | None = None,
        stops: StopRules | None = None,
        progress: Callable[[Progress], None] | None = None,
        restart: bool = False,
    ) -> Report:
        """Ask for every customer that has no recorded outcome, and record how it ends.

        Customers that stand in several rows are asked for once. What ends is recorded within a
        third of a second; lookups without an answer wait for the next answer where `stops` may
        pause the run, a thousand at most, for a pause asks for them again. If the run is
        cancelled, however often, what has ended by then is recorded before it raises.

        Args:
            client: Asks, within its quota.
            in_flight: Lookups under way at once; see `InteractionsClient.stream`.
            timeout: Seconds each lookup may take; see there.
            share: The part of the rate that is used at most; see there.
            stops: When to pause or to stop; the defaults of `StopRules` by default.
            progress: Called a few times a second.
            restart: Whether to forget what there is of the job and begin anew; that is done when
                the list has given its first rows, so a list that cannot be read costs nothing.

        Returns:
            What has become of it; `report.complete` tells whether it is done.

        Raises:
            JobChangedError: The list or the settings are not those the job began with.
            JobInUseError: It is being run by somebody else.
            JobStoreError: Its file cannot be written.
            ListError: The list cannot be read, or not any further; the rows before are done.
            WrongListError: Too many of the first rows are rejected.
            AuthenticationError: The credentials are refused.
            EndpointDownError: There has been no answer for too long.
        """
        wishes = RunOptions(
            in_flight=in_flight,
            timeout=timeout,
            share=share,
            stops=stops or StopRules(),
            progress=progress,
        )
        async with self._access.locked():
            try:
                self._run = await self._prepared(client, wishes, restart=restart)
            except JobError as wrong:
                wrong.begun = False
                raise
            self._ended = asyncio.get_running_loop().create_future()
            try:
                await self._run.go()
            finally:
                self._run = None
                self._ended.set_result(None)
            # Before somebody else can begin another run, whose figures these would be.
            return await self.report()

    async def discard(self) -> None:
        """Remove the job's file, if there is one, and what is left of results half written.

        Raises:
            JobInUseError: It is being run.
            JobStoreError: It is no job's file, or cannot be removed.
        """
        async with self._access.locked():
            await self._access.close()
            await self._access.thread(delete_job, self.path)

    def stop(self, drain: float = _DRAIN) -> None:
        """End the run that is under way: it asks for nothing more, and `run` returns soon.

        Args:
            drain: Seconds for the lookups under way; what has not ended by then stays open.
        """
        check_seconds("drain", drain, zero=True)
        if self._run is not None:
            self._run.stop(drain)

    async def status(self) -> JobStatus:
        """How far it is; also while another process runs it.

        Raises:
            NoJobError: There is no such job.
        """
        return await self._access.thread(self._access.opened().status)

    async def report(self) -> Report:
        """What has become of it so far, with the figures of the last run.

        Raises:
            NoJobError: There is no such job.
        """
        store = self._access.opened()
        return await self._access.thread(store.report, _SHOWN)

    async def retry(self, endings: Iterable[str] = ("unavailable",)) -> int:
        """Forget some outcomes, so that the next run asks for these rows again.

        Args:
            endings: Which ones, by their names ("unavailable", "unreadable", ...).

        Returns:
            How many rows are open again. Rows that could not be asked at all are not among them.

        Raises:
            ValueError: There is no such ending.
            JobInUseError: It is being run.
            JobStoreError: There is no such job, or it cannot be written.
        """
        chosen = reopened(endings)
        async with self._access.locked():
            return await self._access.thread(self._access.opened().reopen, chosen)

    async def retry_damaged(self) -> int:
        """Forget outcomes that cannot be read, like `retry`; how many rows are open again."""
        async with self._access.locked():
            return await self._access.thread(self._access.opened().reopen_damaged)

    async def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - what everybody calls it
        mask_codes: bool = False,
        for_spreadsheets: bool = False,
    ) -> int:
        """Write the outcomes there are into a file, whole or not at all.

        JSON lines hold one object a row of the list, as `to_jsonable(outcome)` gives it. CSV,
        Parquet and SQLite hold one row a message, with the columns of the list; customers without
        messages have a row too. Rows that are still open are left out. It may be called while the
        job is being run, and any number of times.

        Args:
            path: The file; what it holds is replaced in one step. Its ending tells the format:
                .jsonl, .csv, .parquet or .sqlite, the first two also with .gz or .zst behind it.
            format: "jsonl", "csv", "parquet" or "sqlite", for a name that does not tell.
            mask_codes: Whether what may be one-time codes in subjects is masked.
            for_spreadsheets: Whether a CSV is for people who open it in a spreadsheet: marked as
                UTF-8, with an apostrophe before texts that would be run as formulas, or lose a
                plus, zeros or digits. Programs want none of this.

        Returns:
            How many rows of the list it holds.

        Raises:
            ExportError: It cannot be written, the format is unknown, or it is a job or the list.
            NoJobError: There is no such job.
        """
        self._access.opened()
        style = ExportStyle(form=format, codes_masked=mask_codes, for_spreadsheets=for_spreadsheets)
        return await run_cancellable(partial(export, self.path, Path(path), style=style))

    async def write_report(self, path: str | os.PathLike[str]) -> None:
        """Write a page to look at into a file, whole or not at all; it may be called during a run.

        One HTML file that loads nothing and runs nothing: how the rows ended, pace and quota over
        time, the slowest minutes, messages by channel, status and month, the first failures.
        Customers are masked.

        Args:
            path: The file; what it holds is replaced in one step.

        Raises:
            ExportError: It cannot be written, or matplotlib (the extra `report`) is not installed.
            NoJobError: There is no such job.
        """
        self._access.opened()
        await run_in_thread(write_report, self.path, Path(path))

    async def _prepared(
        self, client: InteractionsClient, wishes: RunOptions, *, restart: bool
    ) -> JobRun:
        access = self._access
        wanted = JobRequest(access.path, self._customers, self._network, self._type, restart)
        ready = await prepare(wanted, access.store, access.thread, client.config)
        access.store = ready.store
        await access.claim()
        return JobRun(
            ready.store,
            access.thread,
            ready.feed,
            template=ready.template,
            client=client,
            wishes=wishes,
        )
