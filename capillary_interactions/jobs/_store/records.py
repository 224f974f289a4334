"""How does an outcome become a row of the store, and a row of the store a line of output?"""

import time
from collections import Counter
from typing import Any, Final

import orjson
from attrs import frozen

from capillary_interactions._json.unstructure import (
    mask_codes_in_json,
    seconds,
    to_jsonable,
    without_nulls,
)
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import ENDINGS, Found, Outcome
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._store.column_values import are_ended
from capillary_interactions.jobs._store.schema import OUTCOME_COLUMNS, WHY_COLUMNS

_MOST: Final = 2**63


class OutcomeBatch:
    """Outcomes that are still to be kept.

    Attributes:
        numbers: The first rows with their customers.
        endings: How many of them ended how.
        found: Those with an answer, one after the other, each in the order of `FOUND_COLUMNS`; the
            answers as UTF-8, and an empty text where the server gave the request no name.
        others: The others, each in the order of `OTHER_COLUMNS`.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.endings: Counter[str] = Counter()
        self.found: list[Any] = []
        self.others: list[Any] = []

    def add(self, number: int, outcome: Outcome) -> None:
        """Take an outcome."""
        told = (
            number,
            outcome.ending,
            outcome.attempts,
            outcome.elapsed,
            outcome.waited,
            time.time(),
        )
        if isinstance(outcome, Found):
            # A string would be turned back into bytes, and bytes need an adapter.
            answer = bytearray(_answer(outcome.customer))
            self.found += (*told, outcome.request_id or "", answer)
        else:
            why = (_storable(getattr(outcome, name, None)) for name in WHY_COLUMNS)
            self.others += (*told, outcome.request_id, *why)
        self.numbers.append(number)
        self.endings[outcome.ending] += 1


def _storable(value: Any) -> Any:
    """A value that SQLite takes: a server may send a code of any length."""
    return None if isinstance(value, int) and abs(value) >= _MOST else value


def _answer(customer: CustomerInteractions) -> bytes:
    """An answer as it was sent, as JSON; what nobody sent, as `to_jsonable` gives it."""
    sent = customer._source  # noqa: SLF001 - the models' own memory, of what to_jsonable gives back
    return orjson.dumps(to_jsonable(customer) if sent is None else sent)


def _as_told(kept: str) -> str:
    """An answer of the store as `to_jsonable` gives it: without nulls.

    They are left out here, for to look for them takes as long as to write an answer down, and that
    is done while a job runs.
    """
    return orjson.dumps(without_nulls(orjson.loads(kept))).decode() if "null" in kept else kept


@frozen(kw_only=True)
class ResultRow:
    """A row of a list with its outcome, as the store gives it back.

    Attributes:
        row: Which row of the list.
        value: The customer.
        cells: Everything in the row, as JSON.
        ending: How it ended.
        answer: The answer as JSON, or None.
        reason: Why, where it was not found.
        attempts: Requests sent for it.
        elapsed: Seconds it took.
        waited: Seconds of it spent waiting.
        status: The HTTP status.
        code: The code in the body.
        path: Where in the answer.
        retry_after: Seconds after which asking again makes sense.
        request_id: The server's name for the request.
        at: When it ended, in seconds since 1970, or None for a row that was not asked.
    """

    row: int
    value: str
    cells: str
    ending: str
    answer: str | None
    reason: str | None
    status: int | None
    code: int | None
    path: str | None
    retry_after: float | None
    attempts: int
    elapsed: float
    waited: float
    request_id: str | None
    at: float | None


# Rows of the list that have ended, in its order; all of them come from one reading of the store.
RESULTS_QUERY: Final = f"""
SELECT number, row.value, cells,
    {", ".join(f"outcome.{name}" for name in OUTCOME_COLUMNS[1:])}, row.reason
FROM row LEFT JOIN outcome ON outcome.first = row.first
WHERE row.first IS NULL OR outcome.first IS NOT NULL
ORDER BY number
"""  # noqa: S608 - our own names


def parse_result_row(found: tuple[Any, ...]) -> ResultRow:
    """A row of `ENDED`.

    Raises:
        ValueError: It holds what no job does.
    """
    if not are_ended(found):
        raise ValueError("its columns do not hold what they should")
    (row, value, cells, ending, attempts, elapsed, waited, at, request_id) = found[:9]
    reason, status, code, path, retry_after, answer, refusal = found[9:]
    return ResultRow(
        row=row,
        value=value,
        cells=cells,
        ending=ending or "rejected",
        answer=None if answer is None else _as_told(answer),
        reason=refusal if ending is None else reason,
        status=status,
        code=code,
        path=path,
        retry_after=None if retry_after is None else seconds(retry_after),
        attempts=attempts or 0,
        elapsed=seconds(elapsed or 0.0),
        waited=seconds(waited or 0.0),
        request_id=request_id,
        at=at,
    )


def is_sound(found: tuple[Any, ...]) -> bool:
    """Whether the outcome in a row of `ENDED` is one that this program has written."""
    try:
        done = parse_result_row(found)
        return done.ending in ENDINGS and isinstance(orjson.loads(done.answer or "{}"), dict)
    except ValueError:
        return False


def to_json_line(done: ResultRow, template: QueryTemplate, *, codes_masked: bool = False) -> bytes:
    """The line of output for a row: what `to_jsonable(outcome)` gives, and the row's number."""
    written: dict[str, Any] = {
        "row": done.row,
        "outcome": done.ending,
        "query": template.to_jsonable(done.value),
    }
    if done.answer is not None:
        # Read even if it is written as it is: a damaged one would be a line that is no JSON.
        answer = orjson.loads(done.answer)
        if not isinstance(answer, dict):
            raise ValueError("an answer is a JSON object")
        written["answer"] = (
            mask_codes_in_json(answer) if codes_masked else orjson.Fragment(done.answer)
        )
    told = {
        "reason": done.reason,
        "status": done.status,
        "code": done.code,
        "path": done.path,
        "retryAfter": done.retry_after,
    }
    written |= {name: value for name, value in told.items() if value is not None}
    written |= {"attempts": done.attempts, "elapsed": done.elapsed, "waited": done.waited}
    if done.request_id is not None:
        written["requestId"] = done.request_id
    return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)
