"""A web application's answer for an outcome, and its client from start to stop.

Knows no framework; `starlette`, `fastapi`, `aiohttp_web` and `litestar` beside it translate it.
"""

import math
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, Unpack, get_args

import orjson
from attrs import field, frozen

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._errors import AuthenticationError, CapillaryError
from capillary_interactions._json.unstructure import to_jsonable
from capillary_interactions._model.outcome import (
    Found,
    LookupFailedError,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.codes import is_request_fault
from capillary_interactions._protocol.request_url import check_supported
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._text.masking import mask, mask_text
from capillary_interactions.events import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from capillary_interactions._http.transport import Transport

_MIN_RETRY_AFTER: Final = 1
_JSON: Final = "application/json"
_NO_SOURCE: Final = "The source of the interactions cannot be used."
# https://www.rfc-editor.org/rfc/rfc9457
_PROBLEM: Final = "application/problem+json"


@frozen
class HttpAnswer:
    """What the application sends back.

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
    Unreadable 502, Unavailable 503 with Retry-After in integer seconds, an hour at most. A server's
    own text stays out of the body; the outcome's `reason` is for the log.
    """
    match outcome:
        case Found():
            body = orjson.dumps(to_jsonable(outcome.customer))
            return HttpAnswer(HTTPStatus.OK, body, {"Content-Type": _JSON})
        case NotFound():
            return _failed(outcome, HTTPStatus.NOT_FOUND, "There is no such customer.")
        case Rejected() if is_request_fault(outcome):
            return _failed(outcome, HTTPStatus.BAD_REQUEST, "This cannot be asked.")
        case Rejected() | Unreadable():
            return _failed(outcome, HTTPStatus.BAD_GATEWAY, _NO_SOURCE)
        case Unavailable():
            detail = "The interactions cannot be had right now; ask again later."
            headers = {"Retry-After": str(_retry_after(outcome.retry_after))}
            return _failed(outcome, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers)


def _retry_after(seconds: float | None) -> int:
    # An outcome may come from another pace, or from the application itself.
    if seconds is None or math.isnan(seconds):
        return _MIN_RETRY_AFTER
    return math.ceil(min(LONGEST, max(_MIN_RETRY_AFTER, seconds)))


def _failed(
    outcome: Outcome, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    return _problem(status, detail, {"outcome": outcome.ending}, headers)


def _problem(
    status: HTTPStatus,
    detail: str,
    extension: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    problem = {"type": "about:blank", "title": status.phrase, "status": int(status)}
    body = orjson.dumps({**problem, "detail": detail, **extension})
    return HttpAnswer(status, body, {"Content-Type": _PROBLEM, **(headers or {})})


class MalformedIdentifierError(CapillaryError, ValueError):
    """A request names a customer in a way that cannot be looked up.

    Attributes:
        given: The value of the request, masked.
    """

    def __init__(self, reason: str, given: str) -> None:
        super().__init__(reason, given)
        self.given = given

    def __str__(self) -> str:
        return str(self.args[0])


def identified(name: str, value: str) -> Identifier:
    """The customer that a request is about; what cannot be one is answered with 422.

    Args:
        name: The kind of identifier, "mobile" for instance.
        value: What the request says.

    Raises:
        MalformedIdentifierError: The kind is unknown, the value is blank or holds a comma or
            control characters, or a mobile is not written in digits. `answer_failures`, or the
            plugin, answers it.
    """
    try:
        identifier = Identifier(name, value)
        # That of all names: the other version has no fewer.
        check_supported(Query(identifier), ApiVersion.V1_1)
    except ValueError as error:
        # Its text never holds the value. The masked value may hold what JSON cannot.
        raise MalformedIdentifierError(str(error), mask_text(mask(value))) from None
    return identifier


# What an application's own code raises for a customer, and `answer_to_failure` has an answer for.
Failure: TypeAlias = (
    LookupFailedError | MalformedIdentifierError | InvalidMobileError | AuthenticationError
)
FAILURES: Final[tuple[type[Failure], ...]] = get_args(Failure)


def answer_to_failure(failed: Failure) -> HttpAnswer:
    """The HTTP answer for a failure, for every framework.

    What `unwrap` raises is as its outcome has it, and what `identified` raises is 422, as is a
    mobile in other digits that `lookup` refuses without a `phone_region`. Refused credentials are
    502: the request is not at fault, and the client has logged them.
    """
    if isinstance(failed, LookupFailedError):
        return answer_to(failed.outcome)
    if isinstance(failed, AuthenticationError):
        return _problem(HTTPStatus.BAD_GATEWAY, _NO_SOURCE, {})
    if isinstance(failed, InvalidMobileError):
        given = "" if failed.identifier is None else failed.identifier.value
        failed = MalformedIdentifierError(str(failed), mask_text(mask(given)))
    return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(failed), {"given": failed.given})


class Parts(TypedDict, total=False):
    """The optional arguments of an application's client, beside its config.

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

    Raises:
        ConfigurationError: A setting cannot work, or `drain` is negative.
    """
    arguments: dict[str, Any] = {**parts}
    drain = check_seconds("drain", arguments.pop("drain", 5.0), zero=True)
    async with InteractionsClient(config or ClientConfig.from_env(), **arguments) as client:
        try:
            yield client
        finally:
            await client.aclose(drain=drain)
