"""Jobs on disk, for code without an event loop."""

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Self

from capillary_interactions._model.vocabulary import IdentifierName, InteractionType, Network
from capillary_interactions.jobs import (
    CustomerList,
    Forgotten,
    JobStatus,
    Progress,
    Report,
    StopRules,
)
from capillary_interactions.jobs import Job as AsyncJob
from capillary_interactions.sync._client import InteractionsClient
from capillary_interactions.sync._job_results import JobResults
from capillary_interactions.sync._loop_thread import hold_loop_thread
from capillary_interactions.sync._progress import run_with_progress


class Job(JobResults):
    """A bulk job on disk: it can be killed at any moment and goes on where it was.

    Made by `Job.open`, and entered with `with`. Every row of its list ends in exactly one recorded
    outcome. Its calls block the thread that makes them.

    Example:
        customers = CustomerList("customers.csv", identifier="mobile")
        with (
            InteractionsClient(ClientConfig.from_env()) as client,
            Job.open("customers.job", customers) as job,
        ):
            report = job.run(client)
            job.export("answers.parquet")
    """

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
        return cls(AsyncJob.open(path, customers, network=network, type=type))

    def __enter__(self) -> Self:
        """Open it, if it exists."""
        self._thread = hold_loop_thread(self._holder)
        try:
            self._thread.run(self._job.__aenter__)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; a run of another thread is stopped first, and records what has ended."""
        try:
            if self._thread is not None and self._thread.can_be_waited_for:
                self._thread.run(self._job.__aexit__)
        finally:
            self._release()

    def _release(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.release(self._holder)

    @property
    def is_running(self) -> bool:
        """Whether a run of this object has started to send requests, so that `stop` ends it."""
        return self._job.is_running

    def run(
        self,
        client: InteractionsClient,
        *,
        in_flight: int | None = None,
        timeout: float | None = None,
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
        for the next answer, as they are repeated after a pause. If the run is interrupted in this
        thread, as by Ctrl-C, or by an error of `progress`, what has ended by then is recorded
        before it raises.

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
            progress: Called a few times a second, in this thread.
            restart: Whether to delete what is recorded and begin anew; that is done when the list
                has given its first rows, so a list that cannot be read costs nothing.

        Returns:
            The job after the run; `report.complete` is true if every row has its outcome.

        Raises:
            JobChangedError: The rows that the job has read of the list, or the settings, are not
                those it began with.
            JobInUseError: Another process or thread is running it.
            JobStoreError: Its file cannot be written.
            ListError: The list cannot be read, or not any further; the rows before are done.
            WrongListError: Too many of the first rows are rejected.
            AuthenticationError: The credentials are refused.
            ConfigurationError: The limit is no whole number of 1 or more, `refresh` is no age, or
                the API refuses a setting for one customer after another; see `StopRules`.
            EndpointDownError: There has been no answer for too long.
        """
        self._check()
        return run_with_progress(
            client,
            self._job.run,
            progress=progress,
            in_flight=in_flight,
            timeout=timeout,
            share=share,
            limit=limit,
            refresh=refresh,
            stops=stops,
            restart=restart,
        )

    def discard(self) -> None:
        """Remove the job's file, if there is one, and temporary files of its exports.

        Raises:
            JobInUseError: It is being run.
            JobStoreError: It is no job's file, or cannot be removed.
        """
        with self._used() as thread:
            thread.run(self._job.discard)

    def stop(self, drain: float = 30.0) -> None:
        """Stop the run: it starts no further lookups, and `run` returns soon.

        Args:
            drain: Seconds for the lookups in progress; what has not ended by then stays open.
        """
        with self._used() as thread:
            thread.call(self._job.stop, drain)

    def status(self) -> JobStatus:
        """How far it is; also while another process runs it.

        Raises:
            NoJobError: There is no such job.
        """
        with self._used() as thread:
            return thread.run(self._job.status)

    def report(self) -> Report:
        """The job so far, with the figures of the last run.

        Raises:
            NoJobError: There is no such job.
        """
        with self._used() as thread:
            return thread.run(self._job.report)

    def retry(
        self, endings: Iterable[str] | None = None, *, older_than: timedelta | None = None
    ) -> int:
        """Have some customers looked up again by the next run.

        Without `older_than` their outcomes are deleted. With it they stay until there is a newer
        one, and an answer (found or not found) until there is a newer answer, whatever happens
        meanwhile: a run that is killed, or lookups that end otherwise.

        Args:
            endings: Those with which outcomes, by their names ("unavailable", "unreadable", ...);
                by default "unavailable", and with `older_than` all.
            older_than: Only those whose outcome is older.

        Returns:
            How many rows these customers have; rows that are no query are not among them.

        Raises:
            ValueError: There is no such ending, or `older_than` is no age.
            JobInUseError: It is being run.
            JobStoreError: There is no such job, or it cannot be written.
        """
        with self._used() as thread:
            return thread.run(self._job.retry, endings, older_than=older_than)

    def retry_damaged(self) -> int:
        """Delete outcomes that cannot be read; return how many rows are open again."""
        with self._used() as thread:
            return thread.run(self._job.retry_damaged)

    def forget(self, name: IdentifierName | str, value: str) -> Forgotten:
        """Delete all that the job holds of one customer, for good.

        Their outcome, their rows with all cells, and rejected rows of theirs are deleted, and the
        job's file is written anew, so that no byte of them is left in it or in its log. That takes
        as much room again, for as long as it lasts, and as long as copying it. No later run asks
        for them, in whichever row they are; for that a keyed hash of the identifier is kept.
        Results that were written before, the list, copies and backups are the caller's.

        Args:
            name: The kind of identifier, which must be the job's.
            value: The identifier, in any spelling that means the same customer.

        Returns:
            How much that was, and where they may still be found.

        Raises:
            ValueError: The job has another kind of identifier, or the value is none.
            JobInUseError: It is being run, or another program reads it; in that case the rows are
                deleted, and it is to be called again.
            JobStoreError: There is no such job, or it cannot be written.
        """
        with self._used() as thread:
            return thread.run(self._job.forget, name, value)

    def write_report(self, path: str | os.PathLike[str]) -> None:
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
        with self._used() as thread:
            thread.run(self._job.write_report, path)
