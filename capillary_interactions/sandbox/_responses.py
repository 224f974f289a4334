"""The answer to a query string when all goes well, and what an answer is before it is sent.

`look_up` is a pure function of its arguments, so that a bounded cache may stand in front of it.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final, Self

import orjson
from attrs import evolve, field, frozen

from capillary_interactions.sandbox._customers import CustomerHistory, Population
from capillary_interactions.sandbox._envelope import enveloped
from capillary_interactions.sandbox._flat import flat
from capillary_interactions.sandbox._requests import (
    V1_1,
    InvalidRequest,
    ParsedRequest,
    is_mobile,
    parse_request,
)
from capillary_interactions.sandbox._shapes import SHAPES, Shape
from capillary_interactions.sandbox._spelling import PLAIN, Json, Spelling

JSON: Final = "application/json"
ALL_FAILED: Final = "All requests have failed due to errors"


@frozen(kw_only=True)
class Answer:
    """A status, headers and a body."""

    body: bytes = field(kw_only=False)
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)
    identifier: str | None = field(default=None, repr=False)

    def about(self, identifier: str | None) -> Self:
        return evolve(self, identifier=identifier)


def error_answer(
    status: int,
    code: int,
    message: str,
    *,
    retry_after: int | None = None,
    identifier: str | None = None,
    **beside: object,
) -> Answer:
    """An error in the published list form, `{"errors": [{status, code, message}]}`."""
    body = {**beside, "errors": [{"status": False, "code": code, "message": message}]}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(orjson.dumps(body), status=status, headers=headers, identifier=identifier)


def to_answers(value: Mapping[str, Any] | None) -> dict[str, Answer]:
    """Canned answers by identifier: a JSON-able body, bytes, or (status, headers, body).

    Raises:
        ValueError: A body cannot be written as JSON.
    """
    return {identifier: _canned(canned) for identifier, canned in (value or {}).items()}


def _canned(value: Any) -> Answer:
    if isinstance(value, Answer):
        return value
    status, headers = 200, dict[str, str]()
    if isinstance(value, tuple):
        status, sent, value = value
        headers = {name.title(): text for name, text in sent.items()}
    try:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"a canned answer must be JSON or bytes: {error}") from None
    return Answer(
        body, status=status, content_type=headers.pop("Content-Type", JSON), headers=headers
    )


@frozen(kw_only=True, eq=False)
class AnswerFormat:
    """How answers are paged and written."""

    shape: Shape = "flat"
    page_size: int = 50
    ignore_offset: bool = False
    phone_mirrors_sms: bool = False
    spelling: Spelling = PLAIN

    def apply(self, history: CustomerHistory) -> CustomerHistory:
        """A history as this cluster lists it: its zone, and what it lists twice."""
        if self.spelling.zone is not UTC:
            history = history.in_zone(self.spelling.zone)
        return history.with_phone() if self.phone_mirrors_sms else history


def look_up(population: Population, format_: AnswerFormat, path: str, query: str) -> Answer:
    request = parse_request(path, query)
    if isinstance(request, InvalidRequest):
        return _invalid(request, format_)
    # "Only numeric characters are supported (0-9)": other spellings of a mobile find nothing.
    known = request.name != "mobile" or is_mobile(request.identifier)
    history = population.find(request.identifier) if known else None
    if history is None:
        return _not_found(request, format_)
    # v2 documents no paging: it gives the first page, whose `count` tells that there is more.
    start = 0 if path != V1_1 or format_.ignore_offset else request.offset
    page = slice(start, start + (request.limit or format_.page_size))
    body = SHAPES[format_.shape](format_.apply(history), request, page, format_.spelling)
    return Answer(orjson.dumps(body), identifier=request.identifier)


def complete_body(history: CustomerHistory, identifier: str, format_: AnswerFormat) -> Json:
    """Everything a customer has, on one page, in the flat shape."""
    request = ParsedRequest(name="", identifier=identifier)
    return flat(format_.apply(history), request, slice(None), format_.spelling)


def _invalid(request: InvalidRequest, format_: AnswerFormat) -> Answer:
    shape, code, message = format_.shape, request.code, request.message
    if shape == "flat":
        return error_answer(400, code, message, identifier=request.identifier)
    if code == 400:  # noqa: PLR2004 - about the request, not about a customer
        body = failed(shape, code, message)
    else:
        body = _item_failed({"item_status": _item_status(shape, code, message)}, format_)
    return Answer(orjson.dumps(body), status=400, identifier=request.identifier)


def _not_found(request: ParsedRequest, format_: AnswerFormat) -> Answer:
    shape = format_.shape
    # 200: the vendor's pages show failures in the body of a success as the common case.
    if shape == "flat":
        message = "Customer not found for the given identifiers"
        return error_answer(200, 8015, message, identifier=request.identifier)
    message = "Cannot find customer for provided mobile/external-id/e-mail/id"
    item_status = _item_status(shape, 1012, message)
    body = _item_failed({request.name: request.identifier, "item_status": item_status}, format_)
    return Answer(orjson.dumps(body), identifier=request.identifier)


def _item_failed(customer: Json, format_: AnswerFormat) -> Json:
    status = failed(format_.shape, 500, ALL_FAILED)["response"]["status"]
    return enveloped(status, customer, format_.spelling)


def failed(shape: Shape, code: int, message: str) -> Json:
    coded: Json = {"response_code": str(code)} if shape == "envelope_old" else {"code": code}
    return {"response": {"status": {"success": "false", **coded, "message": message}}}


def _item_status(shape: Shape, code: int, message: str) -> Json:
    sent = str(code) if shape == "envelope_old" else code
    return {"success": "false", "code": sent, "message": message}
