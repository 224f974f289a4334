"""`Job`: run a bulk job, see how far it is, reopen rows, export results."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.validation import check_age, check_count, check_seconds
from capillary_interactions._model.vocabulary import InteractionType, Network, parse_enum
from capillary_interactions.jobs._export.job_results import JobResults
from capillary_interactions.jobs._export.target_guard import delete_job
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._report.write_report import write_report
from capillary_interactions.jobs._run.job_outcomes import JobOutcomes
from capillary_interactions.jobs._run.job_run import JobRun, RunOptions
from capillary_interactions.jobs._run.resume import JobRequest, prepare
from capillary_interactions.jobs._run.stop_rules import StopRules
from capillary_interactions.jobs._status import JobStatus, Progress, Report
from capillary_interactions.jobs._store.job_file import (
    JobFile,
    not_begun,
    result_despite_cancellation,
)

_FAILURES_SHOWN: Final = 10
_DRAIN_TIMEOUT: Final = 30.0


class Job(JobResults, JobOutcomes):
    """A bulk job on disk: it can be killed at any moment and goes on where it was.

    Made by `Job.open`, and entered with `async with`. Every row of its list ends in exactly one
    recorded outcome. SQLite is used in a thread of its own, and never blocks the event loop.

    A list that has more rows at its end than before is looked up from there on. Rows count, not
    bytes: a program may have written the whole file anew.

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
        super().__init__(JobFile(path))
        self._customers = customers
        self._network = network
        self._type = type
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
                then the one it began with; once read, it is not looked at for more rows.
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
        """Open it, if it exists."""
        try:
            await self._file.open()
        except BaseException:
            await self._file.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it; a run of another task is stopped first, and records what has ended."""
        try:
            if self._run is not None and self._ended is not None:
                self._run.stop(0.0)
                await result_despite_cancellation(self._ended)
        finally:
            await self._file.aclose()

    @property
    def is_running(self) -> bool:
        """Whether a run of this object has started to send requests, so that `stop` ends it."""
        return self._run is not None

    async def run(
        self,
        client: InteractionsClient,
        *,
        in_flight: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of each lookup, not of this
        share: float | None = None,
        limit: int | None = None,
        refresh: timedelta | None = None,
        stops: StopRules | None = None,
        progress: Callable[[Progress], None] | None = None,
        restart: bool = False,
    ) -> Report:
        """Look up every customer that has no recorded outcome, and record the outcome.

        A customer in several rows is looked up once. An outcome is recorded within a third of a
        second; where `stops` may pause the run, up to a thousand lookups without an answer wait
        for the next answer, as they are repeated after a pause. If the run is cancelled, however
        often, what has ended by then is recorded before it raises.

        Args:
            client: Sends the requests, within its quota.
            in_flight: Lookups in progress at once; see `InteractionsClient.stream`.
            timeout: Seconds each lookup may take; see there.
            share: The part of the rate that is used at most; see there.
            limit: How many customers are looked up at most. The run then ends as if that were all;
                the others stay open, and the next run goes on with them.
            refresh: Customers whose outcome is older are looked up again, too, as after
                `retry(older_than=refresh)`.
            stops: When to pause or to stop; the defaults of `StopRules` by default.
            progress: Called a few times a second.
            restart: Whether to delete what is recorded and begin anew; that is done when the list
                has given its first rows, so a list that cannot be read costs nothing.

        Returns:
            The job after the run; `report.complete` is true if every row has its outcome.

        Raises:
            JobChangedError: The rows that the job has read of the list, or the settings, are not
                those it began with.
            JobInUseError: Another process or task is running it.
            JobStoreError: Its file cannot be written.
            ListError: The list cannot be read, or not any further; the rows before are done.
            WrongListError: Too many of the first rows are rejected.
            AuthenticationError: The credentials are refused.
            ConfigurationError: The limit is no whole number of 1 or more, `refresh` is no age, or
                the API refuses a setting for one customer after another; see `StopRules`.
            EndpointDownError: There has been no answer for too long.
        """
        if limit is not None:
            check_count("limit", limit)
        options = RunOptions(
            in_flight=in_flight,
            timeout=timeout,
            share=share,
            limit=limit,
            refresh=None if refresh is None else check_age("refresh", refresh),
            stops=stops or StopRules(),
            progress=progress,
        )
        async with self._file.locked():
            with not_begun():
                self._run = await self._prepare(client, options, restart=restart)
            self._ended = asyncio.get_running_loop().create_future()
            try:
                await self._run.run()
            finally:
                self._run = None
                self._ended.set_result(None)
            # Before the lock is released: the next run's figures would be read otherwise.
            return await self.report()

    async def discard(self) -> None:
        """Remove the job's file, if there is one, and temporary files of its exports.

        Raises:
            JobInUseError: It is being run.
            JobStoreError: It is no job's file, or cannot be removed.
        """
        async with self._file.locked():
            await self._file.close()
            await self._file.thread(delete_job, self.path)

    def stop(self, drain: float = _DRAIN_TIMEOUT) -> None:
        """Stop the run: it starts no further lookups, and `run` returns soon.

        Args:
            drain: Seconds for the lookups in progress; what has not ended by then stays open.
        """
        check_seconds("drain", drain, zero=True)
        if self._run is not None:
            self._run.stop(drain)

    async def status(self) -> JobStatus:
        """How far it is; also while another process runs it.

        Raises:
            NoJobError: There is no such job.
        """
        return await self._file.thread(self._file.require_open().status)

    async def report(self) -> Report:
        """The job so far, with the figures of the last run.

        Raises:
            NoJobError: There is no such job.
        """
        store = self._file.require_open()
        return await self._file.thread(store.report, _FAILURES_SHOWN)

    async def write_report(self, path: str | os.PathLike[str]) -> None:
        """Write a report page into a file, completely or not at all; also during a run.

        One HTML file that loads nothing and runs nothing: how the rows ended, pace and quota over
        time, the slowest minutes, messages by channel, status and month, the first failures.
        Customers are masked.

        Args:
            path: The file; it is replaced in one step.

        Raises:
            ExportError: It cannot be written, or matplotlib (the extra `report`) is not installed.
            NoJobError: There is no such job.
        """
        self._file.require_open()
        await asyncio.to_thread(write_report, self.path, Path(path))

    async def _prepare(
        self, client: InteractionsClient, options: RunOptions, *, restart: bool
    ) -> JobRun:
        file = self._file
        request = JobRequest(file.path, self._customers, self._network, self._type, restart)
        prepared = await prepare(request, file.store, file.thread, client.config)
        file.store = prepared.store
        await file.claim()
        return JobRun(
            prepared.store,
            file.thread,
            prepared.feed,
            template=prepared.template,
            client=client,
            options=options,
        )
