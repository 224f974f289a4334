"""What does this query string get, when all goes well?

A pure function of its arguments, so that a bounded cache may stand in front of it.
"""

from typing import Final

import orjson
from attrs import frozen

from capillary_interactions.sandbox._customers import CustomerHistory, Population
from capillary_interactions.sandbox._requests import (
    V1_1,
    InvalidRequest,
    ParsedRequest,
    parse_request,
)
from capillary_interactions.sandbox._responses import Answer, error_answer
from capillary_interactions.sandbox._shapes import SHAPES, Json, Shape, flat

_ALL_FAILED: Final = "All requests have failed due to errors"


@frozen(kw_only=True)
class AnswerFormat:
    """How answers are cut and written.

    Attributes:
        shape: Flat, envelope or old envelope.
        page_size: Messages a page where the request does not say.
        ignore_offset: Whether every page is the first one.
    """

    shape: Shape
    page_size: int
    ignore_offset: bool


def look_up(path: str, query: str, population: Population, edition: AnswerFormat) -> Answer:
    """The answer to a query string on one of the two paths."""
    question = parse_request(path, query)
    if isinstance(question, InvalidRequest):
        return _refused(question, edition.shape)
    history = population.find(question.identifier)
    if history is None:
        return _not_found(question, edition.shape)
    # v2 documents no paging: it gives the first page, whose `count` tells that there is more.
    start = 0 if path != V1_1 or edition.ignore_offset else question.offset
    page = slice(start, start + (question.limit or edition.page_size))
    body = SHAPES[edition.shape](history, question, page)
    return Answer(orjson.dumps(body), identifier=question.identifier)


def whole(history: CustomerHistory, identifier: str) -> Json:
    """Everything a customer has, on one page, in the flat shape."""
    return flat(history, ParsedRequest(name="", identifier=identifier), slice(None))


def _refused(refusal: InvalidRequest, shape: Shape) -> Answer:
    code, message = refusal.code, refusal.message
    if shape == "flat":
        return error_answer(400, code, message, identifier=refusal.identifier)
    if code == 400:  # noqa: PLR2004 - said of the request, not of a customer
        body = _failed(shape, code, message)
    else:
        body = _failed(shape, 500, _ALL_FAILED)
        body["response"]["customer"] = {"item_status": _item_status(shape, code, message)}
    return Answer(orjson.dumps(body), status=400, identifier=refusal.identifier)


def _not_found(question: ParsedRequest, shape: Shape) -> Answer:
    # 200: the vendor's pages show failures in the body of a success as the common case.
    if shape == "flat":
        message = "Customer not found for the given identifiers"
        return error_answer(200, 8015, message, identifier=question.identifier)
    body = _failed(shape, 500, _ALL_FAILED)
    body["response"]["customer"] = {
        question.name: question.identifier,
        "item_status": _item_status(
            shape, 1012, "Cannot find customer for provided mobile/external-id/e-mail/id"
        ),
    }
    return Answer(orjson.dumps(body), identifier=question.identifier)


def _failed(shape: Shape, code: int, message: str) -> Json:
    coded: Json = {"response_code": str(code)} if shape == "envelope_old" else {"code": code}
    return {"response": {"status": {"success": "false", **coded, "message": message}}}


def _item_status(shape: Shape, code: int, message: str) -> Json:
    written = str(code) if shape == "envelope_old" else code
    return {"success": "false", "code": written, "message": message}
