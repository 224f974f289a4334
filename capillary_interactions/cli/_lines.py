"""What is written of an outcome? One JSON object a line."""

from typing import Any

import orjson

from capillary_interactions._json.unstructure import to_jsonable
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row
from capillary_interactions.jobs._store.records import mask_codes_in_json


def outcome_line(number: int, outcome: Outcome, *, codes_masked: bool = False) -> bytes:
    """The line of output for a row that was asked."""
    written = to_jsonable(outcome)
    return _dumped(number, mask_codes_in_json(written) if codes_masked else written)


def rejected_line(row: Row, template: QueryTemplate) -> bytes:
    """The line of output for a row that cannot be asked."""
    told = {"outcome": "rejected", "query": template.to_jsonable(row.value), "reason": row.reason}
    return _dumped(row.number, {**told, "attempts": 0, "elapsed": 0.0, "waited": 0.0})


def _dumped(number: int, written: dict[str, Any]) -> bytes:
    return orjson.dumps({"row": number, **written}, option=orjson.OPT_APPEND_NEWLINE)
