"""Which outcome is it that a lookup ended in? From the last verdict to one of the five."""

from typing import Any

from capillary_interactions._client.attempt import Landing, LookupState, Spent
from capillary_interactions._model.outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Query
from capillary_interactions._protocol.classify import Answered, Garbled, Missing, Refused
from capillary_interactions.events import LookupEnded

Landed = tuple[Landing, LookupState]


def ended(landed: Landed, query: Query, item: Any, elapsed: float) -> Outcome:
    """The ending of a lookup.

    Args:
        landed: What the asking came to, and how it went on the way.
        query: What was asked.
        item: What the source yielded.
        elapsed: Seconds from asking to ending.
    """
    landing, trip = landed
    common: dict[str, Any] = {
        "query": query,
        "item": item,
        "attempts": trip.attempts,
        "elapsed": elapsed,
        "waited": min(trip.waited, elapsed),
        "request_id": trip.request_id,
    }
    match landing:
        case Answered():
            return Found(customer=landing.customer, **common)
        case Missing():
            return NotFound(reason=landing.reason, code=landing.code, **common)
        case Refused():
            return Rejected(
                reason=landing.reason, status=landing.status, code=landing.code, **common
            )
        case Garbled():
            return Unreadable(reason=landing.reason, path=landing.path, body=landing.body, **common)
        case Spent():
            return Unavailable(
                reason=landing.reason,
                status=landing.status,
                retry_after=landing.retry_after,
                **common,
            )


def told(outcome: Outcome, lookup: int) -> LookupEnded:
    """What observers see of an outcome."""
    return LookupEnded(
        lookup=lookup,
        ending=outcome.ending,
        attempts=outcome.attempts,
        elapsed=outcome.elapsed,
        waited=outcome.waited,
    )
