"""One run of a job: reads its list, looks its customers up and writes outcomes, concurrently."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.refusal_evidence import MAX_TOLERATED
from capillary_interactions._errors import CapillaryError, EndpointDownError
from capillary_interactions._model.outcome import (
    ENDINGS,
    Outcome,
    Unavailable,
    with_all_endings,
)
from capillary_interactions._model.query import InvalidMobileError, Query
from capillary_interactions._text.wording import pluralise
from capillary_interactions.jobs._errors import JobStoreError, ListError, WrongListError
from capillary_interactions.jobs._lists.list_reader import Batch
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._run.outage import OutageHandler
from capillary_interactions.jobs._run.outcome_writer import OutcomeWriter
from capillary_interactions.jobs._run.run_metrics import RunMetrics
from capillary_interactions.jobs._run.stop_rules import StopRules, Unanswered
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._run.work_queue import Item, WorkQueue
from capillary_interactions.jobs._status import JobStatus, Progress
from capillary_interactions.jobs._store.connection import damaged
from capillary_interactions.jobs._store.job_file import WorkerThread, result_despite_cancellation
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.store import Store

if TYPE_CHECKING:
    from capillary_interactions._client.stream import OutcomeStream

STOPPED: Final = "it was asked to stop"
_MAX_ROWS_AHEAD: Final = 5000


@frozen(kw_only=True)
class RunOptions:
    """The options of a run; see `Job.run`."""

    in_flight: int | None
    timeout: float | None
    share: float | None
    limit: int | None
    refresh: float | None
    stops: StopRules
    progress: Callable[[Progress], None] | None


class JobRun:
    """One run of a job.

    Args:
        store: The job's file.
        thread: The only one in which the store may be used.
        feed: What is still to be read of the list, or None if it is all in the store.
        template: The query of each row.
        client: Sends the requests.
        options: How.
    """

    def __init__(
        self,
        store: Store,
        thread: WorkerThread,
        feed: ThreadFeed[Batch] | None,
        *,
        template: QueryTemplate,
        client: InteractionsClient,
        options: RunOptions,
    ) -> None:
        self._store = store
        self._thread = thread
        self._feed = feed
        self._template = template
        self._client = client
        self._options = options
        self._stops = options.stops
        self._loop = asyncio.get_running_loop()
        self._metrics = RunMetrics(client)
        self._number = self._low_watermark = 0
        self._checks_rejected = self._stops.rejected_share is not None
        self._stopping = False
        self._work: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._drain_timer: asyncio.TimerHandle | None = None
        self._stream: OutcomeStream | None = None
        self._list_error: ListError | None = None
        self._queue: WorkQueue
        self._outage: OutageHandler
        self._writer: OutcomeWriter

    async def run(self) -> None:
        """Look every open row up; a cancellation is raised when all that has ended is recorded.

        Raises:
            CapillaryError: Why it stopped before it was done.
        """
        try:
            self._number = await self._thread(self._store.start_run, self._metrics.quota)
            if self._options.refresh is not None:
                before = time.time() - self._options.refresh
                await self._thread(self._store.mark_stale, before, ENDINGS)
            self._low_watermark = await self._thread(self._store.metadata, "settled") or 0
            await asyncio.wait({self._start()})
        finally:
            not_written = await self._shut_down_fully()
        if self._work is not None and not self._work.cancelled():
            self._work.result()
        if not_written is not None:
            raise not_written

    def _start(self) -> "asyncio.Task[None]":
        """Start to read, look up and write; return the task that looks up."""
        self._queue = WorkQueue(
            self._fetch, self._low_watermark, self._on_idle, self._options.limit
        )
        self._outage = OutageHandler(
            self._stops,
            self._queue,
            record=self._record,
            lookup=self._lookup,
            give_up=self._give_up,
            fail=self._fail,
            proven=lambda: self._client._pool.proven,  # noqa: SLF001 - no contract of the client's
            pages=self._client._pool.pages,  # noqa: SLF001 - as above
            refused_settings=self._client._pool.refused_settings,  # noqa: SLF001 - as above
        )
        self._writer = OutcomeWriter(self._write, self._fail, self._report_progress)
        self._reading = self._loop.create_task(self._read_list())
        self._work = self._loop.create_task(self._look_up_all())
        return self._work

    def stop(self, drain: float) -> None:
        """Send no further lookups, and cancel those in progress after some seconds."""
        self._stopping = True
        if self._stream is not None:
            self._stream.stop_reading()
        if self._work is not None and self._drain_timer is None:
            self._drain_timer = self._loop.call_later(drain, self._work.cancel)

    async def _look_up_all(self) -> None:
        async with self._client.stream(
            self._queue,
            key=self._query,
            in_flight=self._options.in_flight,
            timeout=self._options.timeout,
            share=self._options.share,
        ) as self._stream:
            self._stream.tolerated, self._stream.waits_out = MAX_TOLERATED, True
            self._stream.stops_for_settings = False
            if self._stopping:
                self._stream.stop_reading()
            async for outcome in self._stream:
                self._take(outcome)
                if self._writer.is_full:
                    await self._writer.flush()
        self._outage.flush_held()
        await self._writer.flush()
        if self._list_error is not None and not self._stopping:
            raise self._list_error

    def _query(self, item: Item) -> Query:
        try:
            return self._template.sent_query(item.value)
        except InvalidMobileError:
            raise  # an earlier version has stored it; its outcome is that it is rejected
        except ValueError as error:
            # It was a query when the list was read.
            raise JobStoreError(damaged(self._store.path, error)) from error

    def _take(self, outcome: Outcome) -> None:
        self._metrics.record(outcome)
        if isinstance(outcome, Unavailable) and self._client._lifecycle.closed:  # noqa: SLF001
            # The closing of the client has ended it, which says nothing of the customer.
            self._queue.requeue(outcome.item)
        else:
            self._outage.take(outcome.item, outcome)

    def _record(self, item: Item, outcome: Outcome) -> None:
        self._writer.add(item.number, outcome)
        self._queue.mark_done(item.number)

    def _on_idle(self) -> None:
        self._outage.on_idle()

    async def _lookup(self, item: Item) -> Outcome:
        outcome = await self._client.lookup(self._query(item))
        self._metrics.record(outcome)
        return outcome

    def _give_up(self, last: Unanswered) -> None:
        counts = with_all_endings(self._metrics.endings)
        status = "" if last.status is None or str(last.status) in last.reason else last.status
        reason = f"{last.reason} (HTTP {status})" if status else last.reason
        self._fail(EndpointDownError(self._metrics.unanswered, reason, counts))

    def _fail(self, error: BaseException) -> None:
        if self._stream is not None:
            self._stream.stop_reading(error)

    async def _read_list(self) -> None:
        try:
            if self._feed is not None:
                async for batch in self._feed:
                    await self._store_batch(batch)
        except ListError as error:
            # The rows before it are looked up all the same.
            self._list_error = error
        except Exception as error:  # noqa: BLE001 - raised where the outcomes are taken
            self._fail(error)
        self._queue.rows_added(complete=True)

    async def _store_batch(self, batch: Batch) -> None:
        started_at = self._loop.time()
        await self._thread(self._store.add, batch)
        self._queue.rows_added()
        await self._report_progress()
        await self._check_rejected_share()
        if batch.end - self._queue.low_watermark > _MAX_ROWS_AHEAD:
            # Half of the time belongs to the lookups, unless they need rows.
            with suppress(TimeoutError):
                seconds = self._loop.time() - started_at
                await asyncio.wait_for(self._queue.needs_rows.wait(), seconds)

    async def _fetch(self, after: int, limit: int) -> list[tuple[int, str]]:
        return await self._thread(self._store.pending_after, after, limit)

    async def _write(self, batch: OutcomeBatch) -> None:
        low_watermark, figures = self._queue.low_watermark, self._metrics.figures()
        # To its end: a call that is cancelled half-way may write the batch or not.
        await self._thread.finish(self._store.record, batch, low_watermark, self._number, figures)
        await self._check_rejected_share()

    async def _check_rejected_share(self) -> None:
        """Fail if too many of the first rows are rejected; until all of these have ended."""
        if not self._checks_rejected:
            return
        first_rows = self._stops.rejected_of
        rows, done, rejected = await self._thread(self._store.rejected_of_first, first_rows)
        if self._stops.is_wrong_list(rows, rejected):
            self._fail(
                WrongListError(
                    f"{rejected} of the first {first_rows} rows are rejected: the list, the column "
                    "or the kind of identifier looks wrong; the rows' reasons say why"
                )
            )
        self._checks_rejected = done < first_rows

    async def _report_progress(self) -> None:
        if self._options.progress is not None:
            status: JobStatus = await self._thread(self._store.status)
            self._options.progress(self._metrics.progress(status, self._outage.reason))

    async def _shut_down_fully(self) -> CapillaryError | None:
        """Shut down to the end, and only then raise a cancellation; return the error."""
        cancelled = False
        while True:
            shutting_down = self._loop.create_task(self._shut_down())
            try:
                error = await result_despite_cancellation(shutting_down)
            except asyncio.CancelledError:
                # `asyncio.run` cancels all tasks at its end, this one too.
                if not shutting_down.cancelled():
                    raise
                cancelled = True
            else:
                if cancelled:
                    raise asyncio.CancelledError
                return error

    async def _shut_down(self) -> CapillaryError | None:
        """End all tasks, and write what has ended; return the error if that is impossible.

        It may be cancelled anywhere and called again.
        """
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        if self._feed is not None:
            self._feed.stop()
        for task in (self._work, self._reading):
            if task is not None and not task.done():
                if not task.cancelling():
                    task.cancel()
                await asyncio.wait({task})
        if self._work is None:
            return None
        await self._queue.aclose()
        try:
            await self._write_rest()
        except CapillaryError as error:
            return error
        return None

    async def _write_rest(self) -> None:
        try:
            for outcome in () if self._stream is None else self._stream.untaken():
                self._take(outcome)
            await self._outage.aclose()
        finally:
            self._metrics.stopped = self._stop_reason()
            await self._writer.aclose()
        await self._write(OutcomeBatch())

    def _stop_reason(self) -> str | None:
        work = self._work
        if work is None or work.cancelled() or self._stopping:
            reason = self._outage.reason
            return STOPPED if reason is None else f"{STOPPED} while nothing answered ({reason})"
        if (error := work.exception()) is not None:
            return str(error)
        limit = self._options.limit if self._queue.limited else None
        return None if limit is None else f"its limit was {pluralise(limit, 'customer')}"
