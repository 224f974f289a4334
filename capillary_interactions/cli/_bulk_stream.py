"""How does a list go through the client into a pipe, without a job on disk?"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import IO, Final

from attrs import field, frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import AuthenticationError, EndpointDownError
from capillary_interactions._model.outcome import Found, Outcome, Unavailable, with_all_endings
from capillary_interactions._model.query import Query
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    CannotStartError,
    StoppedEarlyError,
    code_of,
)
from capillary_interactions.cli._lines import outcome_line, rejected_line
from capillary_interactions.cli._notices import notify
from capillary_interactions.cli._output import LineWriter
from capillary_interactions.cli._progress import display_progress
from capillary_interactions.cli._signals import GracefulStop
from capillary_interactions.cli._summaries import ProgressState, StreamSummary
from capillary_interactions.jobs import CustomerList, ListError
from capillary_interactions.jobs._lists.list_reader import ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.unusable_cells import COUNTED_REASONS, describe_counted
from capillary_interactions.jobs._run.stop_rules import FirstAnswer
from capillary_interactions.jobs._run.thread_feed import ThreadFeed

_DRAIN: Final = 30.0
_SETTLE: Final = 0.5


@frozen(kw_only=True)
class StreamOptions:
    """One list to look up.

    Attributes:
        customers: The list.
        template: What is asked of each row.
        open_out: Opens the output, once there is something to write.
        out: What a person calls the output.
        reachable: The configuration, entered for the time of the run.
        timeout: Seconds for one customer, or None.
        give_up_after: Unavailable endings in a row that stop the run, or None.
        codes_masked: Whether one-time codes are masked in the output.
        bar: Whether progress is a bar.
    """

    customers: CustomerList
    template: QueryTemplate
    open_out: Callable[[], IO[bytes]]
    out: str
    reachable: Callable[[], AbstractAsyncContextManager[ClientConfig]]
    timeout: float | None = None
    give_up_after: int | None = None
    codes_masked: bool = False
    bar: bool = False


@frozen(kw_only=True)
class RunResult:
    """How a run ended.

    Attributes:
        code: The exit code.
        problem: Why it stopped early, in one line; "" if it did not, or nobody is there to read it.
        report: The figures.
    """

    code: int
    problem: str = ""
    report: StreamSummary = field(factory=StreamSummary)


async def run(bulk: StreamOptions, voice: Console) -> RunResult:
    """Look a list up.

    Raises:
        CannotStartError: The list holds nothing, or the output cannot be opened.
        StoppedEarlyError: The host's name does not resolve.
    """
    return await _Run(bulk, voice).go()


class _Run:
    def __init__(self, bulk: StreamOptions, voice: Console) -> None:
        self._bulk = bulk
        self._voice = voice
        self._endings: Counter[str] = Counter()
        self._read = 0
        self._problem: str | None = None
        self._unanswered: str | None = None
        self._first = FirstAnswer()
        # Not written before it is known whether the settings can be right at all.
        self._held: list[tuple[int, Outcome]] = []
        self._feed = ThreadFeed(ListReader(bulk.customers, bulk.template).read)
        self._blanks = 0
        self._reasons: Counter[str] = Counter()
        self._total: int | None = None
        self._stop = GracefulStop(self._wind_down, self._leave)
        self._client: InteractionsClient | None = None
        self._sink: LineWriter | None = None
        self._grounding: asyncio.Task[None] | None = None

    async def go(self) -> RunResult:
        begun = time.monotonic()
        try:
            with self._stop.listening():
                async with self._bulk.reachable() as config:
                    await self._first_row()
                    if not self._stop.asked:
                        await self._through(config)
        finally:
            self._feed.stop()
        return self._ended(time.monotonic() - begun)

    async def _first_row(self) -> None:
        try:
            await self._feed.wait_first()
        except ListError as wrong:
            raise CannotStartError(str(wrong)) from None

    async def _through(self, config: ClientConfig) -> None:
        async with InteractionsClient(config) as self._client:
            self._sink = LineWriter(self._bulk.open_out(), self._bulk.out)
            shown = self._shown(self._client)
            try:
                await self._guarded(self._race(self._client, self._sink))
            finally:
                for each in shown:
                    await _cancelled(each)
                await self._guarded(self._sink.aclose())

    async def _guarded(self, part: Coroutine[None, None, None]) -> None:
        """Run a part of the run; what is true of the whole of it becomes the problem."""
        try:
            await part
        except AuthenticationError as refused:
            self._stopped(f"the credentials are refused: {refused}")
        except EndpointDownError as down:
            self._stopped(str(down))
        except ListError as wrong:
            self._stopped(str(wrong))
        except StoppedEarlyError as failed:
            self._stopped(str(failed))

    def _stopped(self, problem: str) -> None:
        if self._problem is None:
            self._problem = problem

    async def _race(self, client: InteractionsClient, sink: LineWriter) -> None:
        """Look up, and stop as soon as nothing can be written any more."""
        work = asyncio.create_task(self._look_up(client, sink))
        try:
            await asyncio.wait({work, sink.writer}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await _cancelled(work)

    async def _look_up(self, client: InteractionsClient, sink: LineWriter) -> None:
        bulk = self._bulk
        async with (
            aclosing(self._queries(sink)) as queries,
            client.stream(
                queries,
                key=lambda item: item[1],
                timeout=bulk.timeout,
                give_up_after=bulk.give_up_after,
            ) as outcomes,
        ):
            async for outcome in outcomes:
                self._held.append((outcome.item[0], outcome))
                if self._first.is_wrong(outcome):
                    raise self._given_up(outcome)
                if not self._first.suspects(outcome):
                    await self._write(sink)
            await self._write(sink)

    def _given_up(self, last: Outcome) -> EndpointDownError:
        reason = "" if isinstance(last, Found) else last.reason
        return EndpointDownError(self._first.in_a_row, reason, with_all_endings(self._endings))

    async def _write(self, sink: LineWriter) -> None:
        held, self._held = self._held, []
        for number, outcome in held:
            self._endings[outcome.ending] += 1
            if isinstance(outcome, Unavailable):
                self._unanswered = outcome.reason
            sink.put(outcome_line(number, outcome, codes_masked=self._bulk.codes_masked))
            await sink.room()

    async def _queries(self, sink: LineWriter) -> AsyncGenerator[tuple[int, Query], None]:
        """The rows that can be asked; the others end here."""
        template = self._bulk.template
        async for batch in self._feed:
            self._blanks += batch.blank
            self._reasons.update(text for text in batch.reasons.values() if text in COUNTED_REASONS)
            for row in batch.rows():
                if self._stop.asked:
                    return
                self._read += 1
                if row.reason is None:
                    yield row.number, template.query(row.value)
                else:
                    self._endings["rejected"] += 1
                    sink.put(rejected_line(row, template))
                    await sink.room()
            if batch.last:
                self._total = self._read

    def _shown(self, client: InteractionsClient) -> tuple[asyncio.Task[None], ...]:
        if self._voice.quiet:
            return ()
        return (
            asyncio.create_task(display_progress(self._voice, self._moment, bar=self._bulk.bar)),
            asyncio.create_task(notify(self._voice, client.snapshot)),
        )

    def _moment(self) -> ProgressState:
        done = self._endings.total()
        return ProgressState(done=done, total=self._total, rate=0.0, endings=self._endings)

    def _wind_down(self) -> None:
        """At the first Ctrl-C: read no more, and wait for what is under way."""
        self._feed.stop()
        left = self._read - self._endings.total()
        if self._client is not None:
            self._voice.say(
                f"stopping: waiting up to {_DRAIN:.0f} s for {pluralise(left, 'lookup')} "
                "under way; Ctrl-C again stops at once"
            )
            asyncio.get_running_loop().call_later(_DRAIN, self._ground, self._client)

    def _ground(self, client: InteractionsClient) -> None:
        self._grounding = asyncio.create_task(client.aclose())

    def _leave(self) -> None:
        """At the second Ctrl-C: leave whole lines and a terminal with a cursor behind."""
        if self._sink is not None:
            self._sink.settle(_SETTLE)
        with suppress(Exception):
            self._voice.console.show_cursor()

    def _ended(self, seconds: float) -> RunResult:
        snapshot = None if self._client is None else self._client.snapshot()
        report = StreamSummary(
            endings=dict(self._endings),
            read=self._read,
            written=0 if self._sink is None else self._sink.written,
            blanks=self._blanks,
            note=describe_counted(self._reasons),
            seconds=seconds,
            requests=0 if snapshot is None else snapshot.requests,
            retries=0 if snapshot is None else snapshot.retries,
            throttled=0 if snapshot is None else snapshot.throttled,
            unanswered=self._unanswered,
        )
        if self._problem is not None:
            return RunResult(code=STOPPED_EARLY, problem=self._problem, report=report)
        code = INTERRUPTED if self._stop.asked else code_of(self._endings)
        return RunResult(code=code, report=report)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
