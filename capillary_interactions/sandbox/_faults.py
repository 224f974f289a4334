"""Faults by name: which one is next, and the well-formed but wrong answers among them.

Those that break the connection are in `_broken_connections.py`.
"""

import math
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from capillary_interactions.sandbox._published_errors import PUBLISHED_ERRORS
from capillary_interactions.sandbox._responses import ALL_FAILED, Answer, error_answer, failed

_HTML: Final = "text/html; charset=utf-8"


@frozen
class Fault:
    """One way in which the sandbox can fail a request.

    Attributes:
        name: What `faults`, `script` and `inject` call it.
        description: What a caller meets, in one line.
    """

    name: str
    description: str


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        name: Fault(name, description)
        for name, description in (
            ("error_500", "500 with a JSON error"),
            ("html_502", "502 with a proxy's HTML page"),
            ("error_503", "503 with a JSON error and no Retry-After"),
            ("error_503_retry_after", "503 with Retry-After (`fault_retry_after` seconds)"),
            (
                "throttle_429",
                "429 with Retry-After (`retry_after`, else 1), although the quota is not used up",
            ),
            ("throttle_429_bare", "429 without Retry-After, although the quota is not used up"),
            ("reset_before", "connection reset before the first byte"),
            ("reset_mid_body", "head and half the body, then a connection reset"),
            ("truncated", "half the body that Content-Length promises, then an orderly close"),
            ("malformed_json", "200 with JSON that breaks off"),
            ("html_200", "200 with a proxy's HTML page"),
            ("slow_body", "the whole answer, in pieces over `slow_body` seconds"),
            ("hang", "no answer, until the caller or the sandbox gives up"),
            ("wrong_types", "200 with every count a word"),
            ("empty_200", "200 without a body"),
            ("unknown_fields", "the right answer, with a new field at each level"),
            ("error_in_200", "200 whose body says that the request failed with 500"),
            ("cut_chunked", "a chunked answer closed after its first chunk"),
            *((name, description) for name, (description, _) in PUBLISHED_ERRORS.items()),
        )
    }
)

MIXED_FAULTS: Final = (
    "error_500",
    "html_502",
    "error_503_retry_after",
    "reset_before",
    "reset_mid_body",
    "truncated",
    "malformed_json",
    "html_200",
    "error_in_200",
)
"""What a plain probability mixes: the faults after which asking again is right."""


def check_name(name: str) -> str:
    """The name of a fault, or a `ValueError` that names all of them."""
    if name not in FAULTS:
        raise ValueError(f"a fault must be one of {', '.join(FAULTS)}, not {name!r}")
    return name


def to_faults(value: float | Mapping[str, float]) -> float | Mapping[str, float]:
    """A probability, or one for each fault; a `ValueError` for unknown names or beyond 0 to 1."""
    chances = dict(value) if isinstance(value, Mapping) else {"": value}
    if isinstance(value, Mapping):
        for name in chances:
            check_name(name)
    # A sum such as ten times 0.1 may miss 1 by a rounding error.
    if not all(chance >= 0 for chance in chances.values()) or not sum(chances.values()) < 1 + 1e-9:
        raise ValueError(f"faults must be probabilities from 0 to 1 in all, not {value!r}")
    return MappingProxyType(chances) if isinstance(value, Mapping) else value


def pick_fault(faults: float | Mapping[str, float], rng: random.Random) -> str | None:
    """A fault with its probability, or None for the right answer."""
    if not faults:
        return None
    draw = rng.random()
    if not isinstance(faults, Mapping):
        return rng.choice(MIXED_FAULTS) if draw < faults else None
    for name, chance in faults.items():
        draw -= chance
        if draw < 0:
            return name
    return None


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _wrong_types(answer: Answer) -> Answer:
    body = orjson.dumps(_rewritten(orjson.loads(answer.body), _with_count_as_text))
    default = {"name": "capillary", "interaction": [{"count": "many", "name": "email"}]}
    return evolve(answer, body=body if b'"many"' in body else orjson.dumps(default))


def _with_count_as_text(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "count": "many"} if "count" in value else value


def _unknown_fields(answer: Answer) -> Answer:
    body = _rewritten(orjson.loads(answer.body), lambda value: {**value, "addedLater": {"x": 1}})
    return evolve(answer, body=orjson.dumps(body))


def _rewritten(value: Any, write: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The value with each object in it, itself included, rewritten."""
    if isinstance(value, dict):
        return write({key: _rewritten(member, write) for key, member in value.items()})
    if isinstance(value, list):
        return [_rewritten(item, write) for item in value]
    return value


def _error_in_body(_: Answer) -> Answer:
    return Answer(orjson.dumps(failed("envelope", 500, ALL_FAILED)))


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
        "error_in_200": _error_in_body,
        **{name: write for name, (_, write) in PUBLISHED_ERRORS.items()},
    }
)


def unavailable(seconds: float) -> Answer:
    """503 with Retry-After, in whole seconds as the header wants them."""
    return error_answer(503, 503, "Service unavailable", retry_after=math.ceil(seconds))


def throttled(seconds: float | None) -> Answer:
    """429, of the quota or on purpose; no body is published, so it is a short one."""
    retry_after = None if seconds is None else math.ceil(seconds)
    return error_answer(429, 429, "Too many requests", retry_after=retry_after)
