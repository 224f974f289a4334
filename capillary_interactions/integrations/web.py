"""What does a web application answer for an outcome, and how does its client live and die?

Knows no framework; `starlette`, `fastapi`, `aiohttp_web` and `litestar` beside it say it in theirs.
"""

import math
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

import orjson
from attrs import field, frozen

from capillary_interactions._client import InteractionsClient
from capillary_interactions._config import ClientConfig
from capillary_interactions._events import Observer
from capillary_interactions._jsonable import to_jsonable
from capillary_interactions._outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._pacing import Pace

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from capillary_interactions._exchange import Transport

# What Capillary says of the question itself, by status or by its own code; the rest of what it
# rejects (a wrong path, a method, a redirect) is a fault of the application's settings.
_ASKED_WRONGLY: Final = frozenset({400, 422, 618, 1001, 1002, 1003, 1015, 1042, 1104})
_SOON: Final = 1.0
_JSON: Final = "application/json"
# https://www.rfc-editor.org/rfc/rfc9457
_PROBLEM: Final = "application/problem+json"


@frozen
class HttpAnswer:
    """What goes back to whoever asked the application.

    Attributes:
        status: The HTTP status.
        body: JSON: the customer's interactions, or a problem without personal data.
        headers: Content-Type, and Retry-After where waiting helps.
    """

    status: int
    body: bytes = field(repr=lambda value: f"<{len(value)} bytes>")
    headers: Mapping[str, str]


def answer_to(outcome: Outcome) -> HttpAnswer:
    """The HTTP answer for an outcome, by one table for every framework.

    Found is 200, NotFound 404, Rejected 400 where the question is at fault and else 502,
    Unreadable 502, Unavailable 503 with Retry-After in whole seconds. What a server said in its
    own words stays out of the body; the outcome's `reason` is for the log.
    """
    match outcome:
        case Found():
            body = orjson.dumps(to_jsonable(outcome.customer))
            return HttpAnswer(HTTPStatus.OK, body, {"Content-Type": _JSON})
        case NotFound():
            return _problem(outcome, HTTPStatus.NOT_FOUND, "There is no such customer.")
        case Rejected() if _is_asked_wrongly(outcome):
            return _problem(outcome, HTTPStatus.BAD_REQUEST, "This cannot be asked.")
        case Rejected() | Unreadable():
            detail = "The source of the interactions cannot be used."
            return _problem(outcome, HTTPStatus.BAD_GATEWAY, detail)
        case Unavailable():
            seconds = math.ceil(max(_SOON, outcome.retry_after or _SOON))
            detail = "The interactions cannot be had right now; ask again later."
            return _problem(
                outcome, HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(seconds)}
            )


def _is_asked_wrongly(outcome: Rejected) -> bool:
    return outcome.attempts == 0 or not _ASKED_WRONGLY.isdisjoint({outcome.status, outcome.code})


def _problem(
    outcome: Outcome, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "outcome": outcome.ending,
    }
    body = orjson.dumps(problem)
    return HttpAnswer(status, body, {"Content-Type": _PROBLEM, **(headers or {})})


class Parts(TypedDict, total=False):
    """What may be said of an application's client beside its settings.

    Attributes:
        drain: Seconds that lookups under way may still take when the application stops.
        transport: As for `InteractionsClient`.
        pace: As for `InteractionsClient`.
        observers: As for `InteractionsClient`.
    """

    drain: float
    transport: "Transport | ClientSession | None"
    pace: Pace | None
    observers: Iterable[Observer]


@asynccontextmanager
async def serving(
    config: ClientConfig | None = None, **parts: Unpack[Parts]
) -> AsyncIterator[InteractionsClient]:
    """A client for as long as an application runs, drained when it stops, however it stops.

    Args:
        config: How it behaves; by default what the environment says when the application starts,
            so that its module can be imported without any settings.
        parts: See `Parts`; `drain` is 5 seconds by default.
    """
    told: dict[str, Any] = {**parts}
    drain = told.pop("drain", 5.0)
    async with InteractionsClient(config or ClientConfig.from_env(), **told) as client:
        try:
            yield client
        finally:
            await client.aclose(drain=drain)
