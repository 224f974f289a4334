"""How does a job go through a client? Reading, asking and recording at once, until all is done."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.refusal_evidence import MAX_TOLERATED
from capillary_interactions._errors import CapillaryError, EndpointDownError
from capillary_interactions._model.outcome import Outcome, Unavailable, with_all_endings
from capillary_interactions._model.query import Query
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
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.jobs._store.worker_thread import WorkerThread, outlast

if TYPE_CHECKING:
    from capillary_interactions._client.stream import OutcomeStream

STOPPED: Final = "it was asked to stop"
_AHEAD: Final = 5000


@frozen(kw_only=True)
class RunOptions:
    """How somebody wants a job to be run; see `Job.run`."""

    in_flight: int | None
    timeout: float | None
    share: float | None
    stops: StopRules
    progress: Callable[[Progress], None] | None


class JobRun:
    """One run of a job.

    Args:
        store: The job's file; used in the thread only.
        thread: Where.
        feed: What is still to be read of the list, or None if it is all in the store.
        template: What is asked of each row.
        client: Who asks.
        wishes: How.
    """

    def __init__(
        self,
        store: Store,
        thread: WorkerThread,
        feed: ThreadFeed[Batch] | None,
        *,
        template: QueryTemplate,
        client: InteractionsClient,
        wishes: RunOptions,
    ) -> None:
        self._store = store
        self._thread = thread
        self._feed = feed
        self._template = template
        self._client = client
        self._wishes = wishes
        self._stops = wishes.stops
        self._loop = asyncio.get_running_loop()
        self._meter = RunMetrics(client)
        self._number = self._settled = 0
        self._judging = self._stops.rejected_share is not None
        self._stopping = False
        self._work: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._grounding: asyncio.TimerHandle | None = None
        self._stream: OutcomeStream | None = None
        self._list_error: ListError | None = None
        self._queue: WorkQueue
        self._outage: OutageHandler
        self._recorder: OutcomeWriter

    async def go(self) -> None:
        """Ask for every open row; a cancellation is raised when all that has ended is recorded.

        Raises:
            CapillaryError: Why it stopped before it was done.
        """
        try:
            await self._begin()
            await asyncio.wait({self._start()})
        finally:
            lost = await self._wound_up()
        if self._work is not None and not self._work.cancelled():
            self._work.result()
        if lost is not None:
            raise lost

    async def _begin(self) -> None:
        self._number = await self._thread(self._store.begin_run, self._meter.quota)
        self._settled = await self._thread(self._store.fact, "settled") or 0

    def _start(self) -> "asyncio.Task[None]":
        """Begin to read, ask and record; the task that asks."""
        self._queue = WorkQueue(self._fetch, self._settled, self._idle)
        self._outage = OutageHandler(
            self._stops,
            self._queue,
            record=self._record,
            lookup=self._lookup,
            give_up=self._give_up,
            fail=self._fail,
            proven=lambda: self._client._lanes.proven,  # noqa: SLF001 - no contract of the client's
            pages=self._client._lanes.pages,  # noqa: SLF001 - as above
        )
        self._recorder = OutcomeWriter(self._write, self._fail, self._tick)
        self._reading = self._loop.create_task(self._ingest())
        self._work = self._loop.create_task(self._ask())
        return self._work

    def stop(self, drain: float) -> None:
        """Ask for nothing more, and wait so many seconds for what is under way."""
        self._stopping = True
        if self._stream is not None:
            self._stream.stop_reading()
        if self._work is not None and self._grounding is None:
            self._grounding = self._loop.call_later(drain, self._work.cancel)

    async def _ask(self) -> None:
        async with self._client.stream(
            self._queue,
            key=self._query,
            in_flight=self._wishes.in_flight,
            timeout=self._wishes.timeout,
            share=self._wishes.share,
        ) as self._stream:
            self._stream.tolerated, self._stream.waits_out = MAX_TOLERATED, True
            if self._stopping:
                self._stream.stop_reading()
            async for outcome in self._stream:
                self._take(outcome)
                if self._recorder.is_full:
                    await self._recorder.flush()
        self._outage.release()
        await self._recorder.flush()
        if self._list_error is not None and not self._stopping:
            raise self._list_error

    def _query(self, item: Item) -> Query:
        try:
            return self._template.query(item.value)
        except ValueError as odd:
            # It was one when the list was read.
            raise JobStoreError(damaged(self._store.path, odd)) from odd

    def _take(self, outcome: Outcome) -> None:
        self._meter.record(outcome)
        if isinstance(outcome, Unavailable) and self._client._home.closed:  # noqa: SLF001
            # It was broken off with the client: that is about no customer.
            self._queue.requeue(outcome.item)
        else:
            self._outage.take(outcome.item, outcome)

    def _record(self, item: Item, outcome: Outcome) -> None:
        self._recorder.add(item.number, outcome)
        self._queue.mark_done(item.number)

    def _idle(self) -> None:
        self._outage.idle()

    async def _lookup(self, item: Item) -> Outcome:
        outcome = await self._client.lookup(self._query(item))
        self._meter.record(outcome)
        return outcome

    def _give_up(self, last: Unanswered) -> None:
        counts = with_all_endings(self._meter.endings)
        status = "" if last.status is None or str(last.status) in last.reason else last.status
        reason = f"{last.reason} (HTTP {status})" if status else last.reason
        self._fail(EndpointDownError(self._meter.unanswered, reason, counts))

    async def _ingest(self) -> None:
        """Keep the rest of the list, ahead of what is asked, but not in the way of it."""
        try:
            if self._feed is not None:
                async for batch in self._feed:
                    await self._keep(batch)
        except ListError as wrong:
            # What could be read is asked for all the same.
            self._list_error = wrong
        except Exception as error:  # noqa: BLE001 - raised where the outcomes are taken
            self._fail(error)
        self._queue.rows_added(whole=True)

    async def _keep(self, batch: Batch) -> None:
        begun = self._loop.time()
        await self._thread(self._store.add, batch)
        self._queue.rows_added()
        await self._tick()
        if self._judging:
            await self._judge()
        if batch.end - self._queue.low_watermark > _AHEAD:
            await self._rest(self._loop.time() - begun)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.needs_rows.wait(), seconds)

    def _fail(self, error: BaseException) -> None:
        if self._stream is not None:
            self._stream.stop_reading(error)

    async def _fetch(self, after: int, most: int) -> tuple[list[int], list[str]]:
        return await self._thread(self._store.open_after, after, most)

    async def _write(self, pending: OutcomeBatch) -> None:
        settled, figures = self._queue.low_watermark, self._meter.figures()
        # To its end: what is half cancelled may be written, or may not, and is out of memory.
        await self._thread.finish(self._store.record, pending, settled, self._number, figures)
        if self._judging:
            await self._judge()

    async def _judge(self) -> None:
        """See whether the first rows are rejected, until all of them have ended."""
        of = self._stops.rejected_of
        rows, done, rejected = await self._thread(self._store.rejected_of_first, of)
        if self._stops.is_wrong_list(rows, rejected):
            self._fail(
                WrongListError(
                    f"{rejected} of the first {of} rows are rejected: the list, the column or the "
                    "kind of identifier looks wrong; the rows' reasons tell more"
                )
            )
        self._judging = done < of

    async def _tick(self) -> None:
        if self._wishes.progress is not None:
            status: JobStatus = await self._thread(self._store.status)
            self._wishes.progress(self._meter.progress(status, self._outage.reason))

    async def _wound_up(self) -> CapillaryError | None:
        """Wind up to the end, however often this is cancelled; see `_wind_up`.

        Raises:
            CancelledError: It was cancelled meanwhile.
        """
        again = False
        while True:
            winding = self._loop.create_task(self._wind_up())
            try:
                lost = await outlast(winding)
            except asyncio.CancelledError:
                # The end of `asyncio.run` cancels every task there is, this one too.
                if not winding.cancelled():
                    raise
                again = True
            else:
                if again:
                    raise asyncio.CancelledError
                return lost

    async def _wind_up(self) -> CapillaryError | None:
        """Leave nothing running, and record what has ended; the error if that is impossible.

        It may be cancelled anywhere and called again.
        """
        if self._grounding is not None:
            self._grounding.cancel()
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
            await self._record_the_rest()
        except CapillaryError as error:
            return error
        return None

    async def _record_the_rest(self) -> None:
        try:
            for outcome in () if self._stream is None else self._stream.untaken():
                self._take(outcome)
            await self._outage.aclose()
        finally:
            self._meter.stop(self._why_stopped())
            await self._recorder.aclose()
        await self._write(OutcomeBatch())

    def _why_stopped(self) -> str | None:
        work = self._work
        if work is None or work.cancelled() or self._stopping:
            silent = self._outage.reason
            return STOPPED if silent is None else f"{STOPPED} while nothing answered ({silent})"
        error = work.exception()
        return None if error is None else str(error)
