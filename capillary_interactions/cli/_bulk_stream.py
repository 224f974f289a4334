"""A run of `bulk` into a pipe, without a job on disk."""

import asyncio
import time
from collections.abc import Callable
from typing import IO, Final

from attrs import field, frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._bulk_run import DRAIN, BulkOptions, BulkRun, cancel
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    CannotStartError,
    code_of,
)
from capillary_interactions.cli._output import LineWriter
from capillary_interactions.cli._summaries import ProgressState, StreamSummary
from capillary_interactions.jobs import CustomerList, ListError, QueryTemplate, RowStream

_FLUSH_TIMEOUT: Final = 0.5


@frozen(kw_only=True)
class StreamOptions(BulkOptions):
    """One list to look up.

    Attributes:
        template: What is asked of each row.
        open_out: Opens the output, once there is something to write.
        out: What a person calls the output.
        give_up_after: Unavailable endings in a row that stop the run, or None.
    """

    customers: CustomerList
    template: QueryTemplate
    open_out: Callable[[], IO[bytes]]
    out: str
    give_up_after: int | None = None


@frozen(kw_only=True)
class RunResult:
    """How a run ended.

    Attributes:
        code: The exit code.
        problem: Why it stopped early; "" if it did not, or if the output's reader has gone.
        summary: The figures.
    """

    code: int
    problem: str = ""
    summary: StreamSummary = field(factory=StreamSummary)


async def run(options: StreamOptions, console: Console) -> RunResult:
    """Look a list up.

    Raises:
        CannotStartError: The list holds nothing, or the output cannot be opened.
        StoppedEarlyError: The host's name does not resolve.
    """
    return await _StreamRun(options, console).run()


class _StreamRun(BulkRun):
    def __init__(self, options: StreamOptions, console: Console) -> None:
        super().__init__(options, console)
        self._options = options
        self._rows = RowStream(
            options.customers,
            options.template,
            codes_masked=options.codes_masked,
            limit=options.limit,
        )
        self._client: InteractionsClient | None = None
        self._writer: LineWriter | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> RunResult:
        started_at = time.monotonic()
        try:
            with self._stop.installed():
                async with self._options.config() as config:
                    try:
                        await self._rows.wait_first()
                    except ListError as error:
                        raise CannotStartError(str(error)) from None
                    if not self._stop.requested:
                        await self._run_with_client(config)
        finally:
            self._rows.stop()
        return self._result(time.monotonic() - started_at)

    async def _run_with_client(self, config: ClientConfig) -> None:
        async with InteractionsClient(config) as self._client:
            self._writer = LineWriter(self._options.open_out(), self._options.out)
            try:
                async with self._displayed(self._client):
                    with self._stop_reason():
                        await self._run_until_output_fails(self._client, self._writer)
            finally:
                with self._stop_reason():
                    await self._writer.aclose()

    async def _run_until_output_fails(self, client: InteractionsClient, writer: LineWriter) -> None:
        options = self._options
        work = asyncio.create_task(
            self._rows.look_up(
                client, writer.put, timeout=options.timeout, give_up_after=options.give_up_after
            )
        )
        try:
            await asyncio.wait({work, writer.task}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await cancel(work)

    def _state(self) -> ProgressState:
        endings = self._rows.endings
        return ProgressState(done=endings.total(), total=self._rows.total, endings=endings)

    def _drain(self) -> None:
        self._rows.stop()
        if self._client is not None:
            open_rows = self._rows.read - self._rows.endings.total()
            self._announce_drain(f"{pluralise(open_rows, 'lookup')} under way")
            asyncio.get_running_loop().call_later(DRAIN, self._close_client, self._client)

    def _close_client(self, client: InteractionsClient) -> None:
        self._closing = asyncio.create_task(client.aclose())

    def _abort(self) -> None:
        if self._writer is not None:
            self._writer.flush_blocking(_FLUSH_TIMEOUT)
        super()._abort()

    def _result(self, seconds: float) -> RunResult:
        rows, client = self._rows, None if self._client is None else self._client.snapshot()
        summary = StreamSummary(
            endings=dict(rows.endings),
            read=rows.read,
            written=0 if self._writer is None else self._writer.written,
            blanks=rows.blanks,
            note=rows.note,
            seconds=seconds,
            requests=0 if client is None else client.requests,
            retries=0 if client is None else client.retries,
            throttled=0 if client is None else client.throttled,
            unanswered=rows.unanswered,
            limit=self._options.limit if rows.limited else None,
        )
        if self._problem is not None:
            return RunResult(code=STOPPED_EARLY, problem=self._problem, summary=summary)
        code = INTERRUPTED if self._stop.requested else code_of(rows.endings)
        return RunResult(code=code, summary=summary)
