"""Errors as the vendor's pages print them: bodies about tokens, codes as text or by other names.

Each is a fault by name. A name is `code_CODE_STATUS`: the code in the body, then the HTTP status.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final

import orjson

from capillary_interactions.sandbox._responses import ALL_FAILED, Answer, failed

Write = Callable[[Answer], Answer]


def _refused_token(code: int, message: str, status: int) -> Answer:
    # `success` is "true" in the published failures, and the code is text.
    refused = {"success": "true", "code": str(code), "message": message}
    body = {"response": {"status": refused, "customers": None}}
    return Answer(orjson.dumps(body), status=status)


def token_expired(status: int, zone: tzinfo = UTC) -> Answer:
    time = datetime.now(zone)
    return _refused_token(498, f"Token expired at {time:%Y-%m-%dT%H:%M:%S.000%z}", status)


def token_invalid(status: int) -> Answer:
    return _refused_token(401, "Unauthorized", status)


def _error_code(code: int, message: str, status: int) -> Write:
    answer = Answer(orjson.dumps({"errorCode": code, "errorMessage": message}), status=status)
    return lambda _: answer


def _unavailable_as_text(_: Answer) -> Answer:
    body = b"Authorization status unavailable!"
    return Answer(body, status=503, content_type="text/plain; charset=utf-8")


def _no_access(_: Answer) -> Answer:
    message = "Client doesn't have access to the requested resource"
    status = {"code": 403, "message": message, "success": False, "warnings": {"warning": []}}
    return Answer(orjson.dumps({"response": {"status": status}}), status=403)


def _item(code: int, message: str, *, batch: bool) -> Write:
    """A failure of the one customer, under a failure of the request."""

    def write(answer: Answer) -> Answer:
        status = {"success": "false", "code": str(code), "message": message}
        customer: dict[str, Any] = {"mobile": answer.identifier, "item_status": status}
        body = failed("envelope", 500, ALL_FAILED)
        body["response"] |= (
            {"customers": {"customer": [customer]}} if batch else {"customer": customer}
        )
        return Answer(orjson.dumps(body))

    return write


def _token_endpoint(code: int, message: str, status: int) -> Answer:
    body = {"data": None, "errors": [{"code": code, "message": message}]}
    return Answer(orjson.dumps(body), status=status)


_REFUSED: Final = (320001, "Invalid client key and secret")
CLIENT_REFUSED: Final = _token_endpoint(*_REFUSED, 401)
"""The token endpoint's refusal; the HTTP status beside the published body is not published."""

_DENIED: Final = (4000, "Access denied")
_UNAVAILABLE: Final = (4001, "Authorization status unavailable!")

PUBLISHED_ERRORS: Final[Mapping[str, tuple[str, Write]]] = MappingProxyType(
    {
        "code_498_200": (
            "200 whose body says, beside `success: true`, that the token has expired",
            lambda _: token_expired(200),
        ),
        "code_498_401": ("the same body with 401", lambda _: token_expired(401)),
        "code_498_498": ("the same body with 498", lambda _: token_expired(498)),
        "code_401_200": (
            "200 whose body says, beside `success: true`, that the token is invalid",
            lambda _: token_invalid(200),
        ),
        "code_401_401": ("the same body with 401", lambda _: token_invalid(401)),
        "code_403_403": ("403: the access group has no access to the resource", _no_access),
        "code_4000_200": ("200 with `errorCode` 4000, access denied", _error_code(*_DENIED, 200)),
        "code_4000_403": ("the same body with 403", _error_code(*_DENIED, 403)),
        "code_4001_200": (
            "200 with `errorCode` 4001, authorization status unavailable",
            _error_code(*_UNAVAILABLE, 200),
        ),
        "code_4001_503": ("the same body with 503", _error_code(*_UNAVAILABLE, 503)),
        "text_4001_503": ("503 that says the same as plain text", _unavailable_as_text),
        "code_8109_200": (
            "200 with 8109, customer deleted, as text under a failure of the request (500)",
            _item(8109, "Customer is deleted after PII delete request", batch=False),
        ),
        "code_1012_200": (
            "200 with 1012, customer not found, at `customers.customer`",
            _item(1012, "Customer not found", batch=True),
        ),
        "code_320001_200": (
            "200 with 320001, the token endpoint's refusal of key and secret",
            lambda _: _token_endpoint(*_REFUSED, 200),
        ),
        "code_320001_401": ("the same body with 401", lambda _: CLIENT_REFUSED),
        "code_320002_200": (
            "200 with another code of the token endpoint: trouble, no refusal",
            lambda _: _token_endpoint(320002, "Unable to generate a token", 200),
        ),
    }
)
"""Descriptions and answers by name."""
