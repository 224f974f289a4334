"""Which well-formed but wrong answers can take the place of a right one?"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson
from attrs import evolve

from capillary_interactions.sandbox._responses import Answer, error_answer

_HTML: Final = "text/html; charset=utf-8"


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _wrong_types(answer: Answer) -> Answer:
    body = _rewritten(orjson.loads(answer.body), _spoil)
    stock = {"name": "capillary", "interaction": [{"count": "many", "name": "email"}]}
    spoilt = orjson.dumps(body)
    return evolve(answer, body=spoilt if b'"many"' in spoilt else orjson.dumps(stock))


def _spoil(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "count": "many"} if "count" in value else value


def _unknown_fields(answer: Answer) -> Answer:
    body = _rewritten(orjson.loads(answer.body), lambda value: {**value, "addedLater": {"x": 1}})
    return evolve(answer, body=orjson.dumps(body))


def _rewritten(value: Any, write: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The value with each object in it, itself included, rewritten."""
    if isinstance(value, dict):
        return write({key: _rewritten(held, write) for key, held in value.items()})
    if isinstance(value, list):
        return [_rewritten(held, write) for held in value]
    return value


def _failed_inside(_: Answer) -> Answer:
    status = {
        "success": "false",
        "code": 500,
        "message": "All requests have failed due to errors",
    }
    return Answer(orjson.dumps({"response": {"status": status}}))


RESPONSE_FAULTS: Final[Mapping[str, Callable[[Answer], Answer]]] = MappingProxyType(
    {
        "error_500": lambda _: error_answer(500, 500, "Internal server error"),
        "html_502": lambda _: Answer(_page("502 Bad Gateway"), status=502, content_type=_HTML),
        "error_503": lambda _: error_answer(503, 503, "Service unavailable"),
        "throttle_429_bare": lambda _: error_answer(429, 429, "Too many requests"),
        "malformed_json": lambda _: Answer(b'{"name": "capillary", "interaction": [{"count": 2, '),
        "html_200": lambda _: Answer(_page("One moment, please"), content_type=_HTML),
        "wrong_types": _wrong_types,
        "empty_200": lambda _: Answer(b""),
        "unknown_fields": _unknown_fields,
        "error_in_200": _failed_inside,
    }
)


def unavailable(seconds: float) -> Answer:
    """503 with Retry-After, in whole seconds as the header wants them."""
    return error_answer(503, 503, "Service unavailable", retry_after=math.ceil(seconds))


def throttled(seconds: float | None) -> Answer:
    """429, of the quota or on purpose; no body is published, so it is a short one.

    Args:
        seconds: For the Retry-After header, rounded up; None leaves it out.
    """
    retry_after = None if seconds is None else math.ceil(seconds)
    return error_answer(429, 429, "Too many requests", retry_after=retry_after)
