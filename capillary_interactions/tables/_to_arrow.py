"""Outcomes as a table."""

import time
from collections.abc import AsyncIterable, Awaitable, Iterable
from datetime import UTC
from typing import TYPE_CHECKING, Any, overload

from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.tables._result import ResultTable

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped] # noqa: ICN001 - an extra


@overload
def to_arrow(outcomes: Iterable[Outcome], *, mask_codes: bool = False) -> "pyarrow.Table": ...


@overload
def to_arrow(
    outcomes: AsyncIterable[Outcome], *, mask_codes: bool = False
) -> "Awaitable[pyarrow.Table]": ...


def to_arrow(
    outcomes: Iterable[Outcome] | AsyncIterable[Outcome], *, mask_codes: bool = False
) -> "pyarrow.Table | Awaitable[pyarrow.Table]":
    """Outcomes as a `pyarrow.Table` with the columns of a job's export, one row a message.

    `row` counts the outcomes as they come; `ended_at` is known of a stream's only. A customer
    without messages has a row, too.

    Args:
        outcomes: What `lookup_all` returns, or any other iterable; or a stream, or any other async
            iterable: the table is awaited then.
        mask_codes: Whether what may be one-time codes in subjects is masked.

    Raises:
        ExportError: pyarrow (the extra `arrow`) is not installed.
    """
    arrow, _ = import_arrow(ExportError)
    # The zone is of answers that are read again, and these have been read.
    results = ResultTable(arrow, UTC, codes_masked=mask_codes)
    if isinstance(outcomes, AsyncIterable):
        return _gathered(results, outcomes)
    for number, outcome in enumerate(outcomes, 1):
        results.add_outcome(number, outcome.query.identifier.value, outcome, None)
    return results.table()


async def _gathered(results: ResultTable, outcomes: AsyncIterable[Outcome]) -> Any:
    number = 0
    async for outcome in outcomes:
        number += 1
        results.add_outcome(number, outcome.query.identifier.value, outcome, time.time())
    return results.table()
