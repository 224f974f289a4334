"""Outcomes as rows of the store, and rows of the store as lines of output."""

import time
from collections import Counter
from collections.abc import Container, Iterator
from typing import Any, Final

import orjson
from attrs import frozen

from capillary_interactions._json.unstructure import (
    mask_codes_in_json,
    outcome_to_dict,
    seconds,
    to_jsonable,
    without_nulls,
)
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import ENDINGS, Found, Outcome
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._store.column_values import is_result_row
from capillary_interactions.jobs._store.schema import OUTCOME_COLUMNS, REASON_COLUMNS

_MAX_INTEGER: Final = 2**63 - 1


class OutcomeBatch:
    """Outcomes that are to be recorded together.

    Attributes:
        numbers: The first rows with their customers.
        endings: How many of them ended how.
        found: Those with an answer, in the order of `FOUND_COLUMNS`.
        others: The others, in the order of `OTHER_COLUMNS`.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.endings: Counter[str] = Counter()
        self.found: list[tuple[Any, ...]] = []
        self.others: list[tuple[Any, ...]] = []

    def add(self, number: int, outcome: Outcome) -> None:
        """Add the outcome for the customer of a row."""
        columns = (
            number,
            outcome.ending,
            outcome.attempts,
            outcome.elapsed,
            outcome.waited,
            time.time(),
            outcome.request_id,
        )
        if isinstance(outcome, Found):
            self.found.append((*columns, answer_json(outcome.customer)))
        else:
            self.others.append((*columns, *_reason(outcome)))
        self.numbers.append(number)
        self.endings[outcome.ending] += 1

    def ending_of(self) -> dict[int, str]:
        """How each of them has ended, by its row."""
        return {row[0]: row[1] for row in (*self.found, *self.others)}

    def without(self, numbers: Container[int]) -> "OutcomeBatch":
        """The same, but for those of some rows."""
        rest = OutcomeBatch()
        rest.found = [row for row in self.found if row[0] not in numbers]
        rest.others = [row for row in self.others if row[0] not in numbers]
        rest.numbers = [number for number in self.numbers if number not in numbers]
        rest.endings.update(row[1] for row in (*rest.found, *rest.others))
        return rest


def _reason(outcome: Outcome) -> Iterator[Any]:
    """What an outcome has for `REASON_COLUMNS`: nothing where there is an answer."""
    failed = None if isinstance(outcome, Found) else outcome
    return (_storable(getattr(failed, name, None)) for name in REASON_COLUMNS)


def _storable(value: Any) -> Any:
    """A value that SQLite can store: a server may send a code of any length."""
    return None if isinstance(value, int) and abs(value) > _MAX_INTEGER else value


def answer_json(customer: CustomerInteractions) -> str:
    """An answer as it was sent, as JSON; one that was not sent like this, as `to_jsonable` does."""
    sent = customer._source  # noqa: SLF001 - the models' own memory, of what to_jsonable gives back
    return orjson.dumps(to_jsonable(customer) if sent is None else sent).decode()


def _without_nulls(answer: str) -> str:
    """A stored answer as `to_jsonable` gives it.

    Nulls are removed when an answer is read: to look for them takes as long as to write an answer
    down, and that is done while lookups are under way.
    """
    if "null" not in answer:
        return answer
    return orjson.dumps(without_nulls(orjson.loads(answer))).decode()


@frozen(kw_only=True)
class ResultRow:
    """A row of a list with its outcome; most names are those of an outcome's attributes.

    Attributes:
        row: The number of the row in the list.
        value: The customer, as the list spells it.
        sent_value: The customer as it was sent, where that differs, or None.
        cells: Everything in the row, as JSON.
        answer: The answer as JSON, or None.
        at: When it ended, in seconds since 1970, or None for a row that was not asked for.
    """

    row: int
    value: str
    cells: str
    ending: str
    answer: str | None = None
    reason: str | None = None
    status: int | None = None
    code: int | None = None
    path: str | None = None
    retry_after: float | None = None
    attempts: int = 0
    elapsed: float = 0.0
    waited: float = 0.0
    request_id: str | None = None
    at: float | None = None
    sent_value: str | None = None


def result_row(number: int, value: str, outcome: Outcome, at: float | None) -> ResultRow:
    """A row of a list with its outcome, but for cells and answer; `at` is when it ended."""
    reason, status, code, path, retry_after = _reason(outcome)
    return ResultRow(
        row=number,
        value=value,
        cells="[]",
        ending=outcome.ending,
        reason=reason,
        status=status,
        code=code,
        path=path,
        retry_after=None if retry_after is None else seconds(retry_after),
        attempts=outcome.attempts,
        elapsed=seconds(outcome.elapsed),
        waited=seconds(outcome.waited),
        request_id=outcome.request_id,
        at=at,
        sent_value=outcome.sent_value,
    )


# Rows of the list that have ended, in its order.
RESULTS_QUERY: Final = f"""
SELECT number, row.value, cells,
    {", ".join(f"outcome.{name}" for name in OUTCOME_COLUMNS[1:])}, row.reason, sent.value
FROM row LEFT JOIN outcome ON outcome.first = row.first LEFT JOIN sent USING (number)
WHERE row.first IS NULL OR outcome.first IS NOT NULL
ORDER BY number
"""  # noqa: S608 - our own names


def parse_result_row(columns: tuple[Any, ...]) -> ResultRow:
    """Make a result of a row of `RESULTS_QUERY`; a `ValueError` if it holds what no job does."""
    if not is_result_row(columns):
        raise ValueError("its columns do not hold what they should")
    (row, value, cells, ending, attempts, elapsed, waited, at, request_id) = columns[:9]
    reason, status, code, path, retry_after, answer, rejected, sent_value = columns[9:]
    return ResultRow(
        row=row,
        value=value,
        cells=cells,
        ending=ending or "rejected",
        answer=None if answer is None else _without_nulls(answer),
        reason=rejected if ending is None else reason,
        status=status,
        code=code,
        path=path,
        retry_after=None if retry_after is None else seconds(retry_after),
        attempts=attempts or 0,
        elapsed=seconds(elapsed or 0.0),
        waited=seconds(waited or 0.0),
        request_id=request_id,
        at=at,
        sent_value=sent_value,
    )


def is_readable(columns: tuple[Any, ...]) -> bool:
    """Whether the outcome in a row of `RESULTS_QUERY` is one that this program has written."""
    try:
        result = parse_result_row(columns)
        return result.ending in ENDINGS and isinstance(orjson.loads(result.answer or "{}"), dict)
    except ValueError:
        return False


def to_json_line(
    result: ResultRow, template: QueryTemplate, *, codes_masked: bool = False
) -> bytes:
    """The line of output for a row: what `to_jsonable(outcome)` gives, and the row's number."""
    answer: Any = None
    if result.answer is not None:
        # Parsed even if it is copied: a damaged answer must not become a line that is no JSON.
        parsed = orjson.loads(result.answer)
        if not isinstance(parsed, dict):
            raise ValueError("an answer is a JSON object")
        answer = mask_codes_in_json(parsed) if codes_masked else orjson.Fragment(result.answer)
    query = template.to_jsonable(result.value, result.sent_value)
    return number_line(result.row, outcome_to_dict(result, query, answer))


def number_line(number: int, outcome: dict[str, Any]) -> bytes:
    """The line of output for a row's number and its outcome as plain values."""
    return orjson.dumps({"row": number, **outcome}, option=orjson.OPT_APPEND_NEWLINE)
