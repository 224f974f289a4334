"""Outcomes without a lookup, for the tests of code that takes one."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from capillary_interactions._json.reader import Reader, SchemaMismatch
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import Found, NotFound, Rejected, Unavailable, Unreadable
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions.testing._answers import interactions

_CUSTOMER: Final = Query(Identifier.mobile("919000000001"))


def found(answer: CustomerInteractions | Mapping[str, Any] | None = None, **common: Any) -> Found:
    """A customer that Capillary knows.

    Args:
        answer: The interactions, or a body as Capillary sends it: `interactions(email=[...])`. No
            interactions by default.
        common: What every outcome has: `query`, `item`, `attempts`, `elapsed`, `waited`,
            `request_id`; by default one request for some customer.

    Raises:
        ValueError: The body is none that the library can read.
    """
    customer = answer if isinstance(answer, CustomerInteractions) else _read(answer)
    return Found(customer=customer, **_common(common))


def not_found(reason: str = "customer not found", **fields: Any) -> NotFound:
    """A customer that Capillary does not know.

    Args:
        reason: Why.
        fields: `code`, and what every outcome has; see `found`.
    """
    return NotFound(reason=reason, **{"code": 8015, **_common(fields)})


def rejected(reason: str = "invalid or missing input", **fields: Any) -> Rejected:
    """A request that is wrong.

    Args:
        reason: Why.
        fields: `status`, `code`, and what every outcome has; see `found`.
    """
    return Rejected(reason=reason, **{"status": 400, **_common(fields)})


def unreadable(reason: str = "expected a string, found a number", **fields: Any) -> Unreadable:
    """An answer that this version does not understand.

    Args:
        reason: Why.
        fields: `path`, `body`, and what every outcome has; see `found`.
    """
    return Unreadable(reason=reason, **{"path": "interaction[0].name", **_common(fields)})


def unavailable(reason: str = "HTTP 503", **fields: Any) -> Unavailable:
    """No answer now.

    Args:
        reason: Why.
        fields: `status`, `retry_after`, and what every outcome has; see `found`.
    """
    return Unavailable(reason=reason, **{"status": 503, **_common(fields)})


def _common(fields: Mapping[str, Any]) -> dict[str, Any]:
    query = fields.get("query", _CUSTOMER)
    if isinstance(query, Identifier):
        query = Query(query)
    return {"item": query, "attempts": 1, "elapsed": 0.1, **fields, "query": query}


def _read(body: Mapping[str, Any] | None) -> CustomerInteractions:
    try:
        return Reader(UTC).read(dict(interactions() if body is None else body))
    except SchemaMismatch as error:
        raise ValueError(f"not an answer: {error}") from error
