"""The rows of a list, looked up without a job: each is a line of JSON as soon as it has ended."""

import math
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._errors import EndpointDownError
from capillary_interactions._json.unstructure import mask_codes_in_json, to_jsonable
from capillary_interactions._model.outcome import Found, Outcome, Unavailable, with_all_endings
from capillary_interactions._model.query import Query
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row
from capillary_interactions.jobs._lists.unusable_cells import COUNTED_REASONS, describe_counted
from capillary_interactions.jobs._run.stop_rules import FirstAnswer
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.records import ResultRow, number_line, to_json_line

Write = Callable[[bytes], Awaitable[None]]


class RowStream:
    """One list, looked up once.

    Attributes:
        read: Rows read, ended or not.
        total: Rows in all, or None before the end of the list has been read.
        blanks: Blank lines skipped.
        endings: Rows by how they ended.
        unanswered: Why the last row without an answer had none, or None.
        limited: Whether it has ended before a row that the limit does not allow.

    Args:
        customers: The list.
        template: The query of each row.
        codes_masked: Whether what may be one-time codes is masked.
        limit: How many customers are looked up at most, or None for all.
    """

    def __init__(
        self,
        customers: CustomerList,
        template: QueryTemplate,
        *,
        codes_masked: bool = False,
        limit: int | None = None,
    ) -> None:
        self.read = 0
        self.total: int | None = None
        self.blanks = 0
        self.endings: Counter[str] = Counter()
        self.unanswered: str | None = None
        self.limited = False
        self._left = math.inf if limit is None else limit
        self._template = template
        self._codes_masked = codes_masked
        self._feed = ThreadFeed(ListReader(customers, template).read)
        self._stopped = False
        self._reasons: Counter[str] = Counter()
        self._first = FirstAnswer()
        # Not written before it is known whether the settings can be right at all.
        self._pending: list[Outcome] = []

    @property
    def note(self) -> str | None:
        """How many rows hold something else than a customer, or None."""
        return describe_counted(self._reasons)

    async def wait_first(self) -> None:
        """Start to read, and wait for the first rows; a `ListError` if there are none."""
        await self._feed.wait_first()

    def stop(self) -> None:
        """Read no more rows; what is being looked up still ends."""
        self._stopped = True
        self._feed.stop()

    async def look_up(
        self,
        client: InteractionsClient,
        write: Write,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - of each lookup, not of this
        give_up_after: int | None = None,
    ) -> None:
        """Look every row up, and write its line.

        Args:
            client: Its client.
            write: Takes a line, with its end.
            timeout: Seconds for one customer, or None.
            give_up_after: Unavailable endings in a row that stop the run, or None. None also takes
                each refusal of a setting for its own customer's.

        Raises:
            ConfigurationError: The API refuses a setting for one customer after another.
            EndpointDownError: That number of lookups had no answer, or a setting must be wrong.
            ListError: The list cannot be read any further.
        """
        async with (
            aclosing(self._queries(write)) as queries,
            client.stream(
                queries, key=lambda item: item[1], timeout=timeout, give_up_after=give_up_after
            ) as outcomes,
        ):
            outcomes.stops_for_settings = give_up_after is not None
            refused = client._pool.refused_settings  # noqa: SLF001 - no contract of the client's
            doubts = refused.doubts if outcomes.stops_for_settings else None
            async for outcome in outcomes:
                self._pending.append(outcome)
                if self._first.is_wrong(outcome):
                    raise self._endpoint_down(outcome)
                if self._first.suspects(outcome):
                    continue
                await self._flush(write, doubts)
            if doubts is not None and self._pending:
                error = refused.error_at_end(self._pending[-1])
                if error is not None:
                    raise error
            await self._flush(write)

    def _endpoint_down(self, last: Outcome) -> EndpointDownError:
        reason = "" if isinstance(last, Found) else last.reason
        return EndpointDownError(self._first.in_a_row, reason, with_all_endings(self.endings))

    async def _flush(self, write: Write, doubts: Callable[[Outcome], bool] | None = None) -> None:
        """Write what has ended, but for what may turn out to be no outcome."""
        outcomes, self._pending = self._pending, []
        for outcome in outcomes:
            if doubts is not None and doubts(outcome):
                self._pending.append(outcome)
                continue
            self.endings[outcome.ending] += 1
            if isinstance(outcome, Unavailable):
                self.unanswered = outcome.reason
            await write(outcome_line(outcome.item[0], outcome, codes_masked=self._codes_masked))

    async def _queries(self, write: Write) -> AsyncGenerator[tuple[int, Query], None]:
        """The rows that can be asked, numbered; the others end here."""
        async for batch in self._feed:
            self.blanks = batch.blank
            self._reasons.update(text for text in batch.reasons.values() if text in COUNTED_REASONS)
            for row in batch.rows():
                self.limited = row.reason is None and not self._left
                if self._stopped or self.limited:
                    return
                self.read += 1
                if row.reason is None:
                    self._left -= 1
                    yield row.number, self._template.query(row.value)
                else:
                    self.endings["rejected"] += 1
                    await write(rejected_line(row, self._template))
            if batch.last:
                self.total = self.read


def outcome_line(number: int, outcome: Outcome, *, codes_masked: bool = False) -> bytes:
    """The line of a row that was asked."""
    result = to_jsonable(outcome)
    return number_line(number, mask_codes_in_json(result) if codes_masked else result)


def rejected_line(row: Row, template: QueryTemplate) -> bytes:
    """The line of a row that cannot be asked."""
    rejected = ResultRow(
        row=row.number, value=row.value, cells=row.cells, ending="rejected", reason=row.reason
    )
    return to_json_line(rejected, template)
