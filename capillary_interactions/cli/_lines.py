"""What is asked for a row, and what is written of its outcome? One JSON object a line."""

from typing import Any

import orjson
from attrs import frozen

from capillary_interactions._jsonable import to_jsonable
from capillary_interactions._masking import mask_codes
from capillary_interactions._names import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions._outcome import Outcome
from capillary_interactions._query import Identifier, Query, check_spelling
from capillary_interactions.cli._rows import Row


@frozen(kw_only=True)
class Template:
    """What is asked of every row alike.

    Args:
        name: The kind of identifier.
        api: The version of the call.
        network: Only this network, or None.
        type: Only this type, or None.

    Raises:
        ValueError: That cannot be asked of anybody.
    """

    name: IdentifierName
    api: ApiVersion = ApiVersion.V1_1
    network: Network | None = None
    type: InteractionType | None = None

    def __attrs_post_init__(self) -> None:
        """Ask for nobody, to see whether the rest can be asked."""
        check_spelling(self.query("nobody"), self.api)

    def query(self, value: str) -> Query:
        """The query for one customer.

        Raises:
            ValueError: The value is no identifier.
        """
        return Query(Identifier(self.name, value), network=self.network, type=self.type)

    def written(self, value: str) -> dict[str, Any]:
        """A query as it would be written, though the value may be none."""
        query = to_jsonable(self.query("nobody"))
        # What cannot be encoded is shown by its number.
        query["identifierValue"] = value.encode(errors="backslashreplace").decode()
        return dict(query)


def asked(row: Row, template: Template) -> Query | str:
    """The query for a row, or the reason why there is none."""
    if row.reason is not None:
        return row.reason
    try:
        query = template.query(row.value)
        check_spelling(query, template.api)
    except ValueError as refused:
        return str(refused)
    return query


def outcome_line(number: int, outcome: Outcome, *, codes_masked: bool = False) -> bytes:
    """The line of output for a row that was asked."""
    written = to_jsonable(outcome)
    return _dumped(number, masked(written) if codes_masked else written)


def rejected_line(row: Row, reason: str, template: Template) -> bytes:
    """The line of output for a row that cannot be asked."""
    told = {"outcome": "rejected", "query": template.written(row.value), "reason": reason}
    return _dumped(row.number, {**told, "attempts": 0, "elapsed": 0.0, "waited": 0.0})


def masked(written: Any) -> Any:
    """JSON without the one-time codes in its subjects, at whatever depth they stand."""
    if isinstance(written, dict):
        return {
            key: mask_codes(value) if key == "subject" and isinstance(value, str) else masked(value)
            for key, value in written.items()
        }
    return [masked(each) for each in written] if isinstance(written, list) else written


def _dumped(number: int, written: dict[str, Any]) -> bytes:
    return orjson.dumps({"row": number, **written}, option=orjson.OPT_APPEND_NEWLINE)
