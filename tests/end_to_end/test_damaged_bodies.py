"""Answers with damaged JSON, from a server of bytes to the line that is written of them."""

import json
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import Found, Outcome, Unavailable, Unreadable, to_jsonable

from .byte_server import Wire, always, answer
from .clients import CUSTOMER, client_for

JSON_TYPE: Final = "Content-Type: application/json"
BODY: Final = '{"interaction": [{"name": "sms", "count": 1, "messageList": [{"subject": "%s"}]}]}'


async def _asked(body: bytes, *lines: str) -> tuple[Outcome, int]:
    """What a lookup ends in, and after how many requests."""
    async with Wire(always(answer(200, body, *lines or (JSON_TYPE,)))) as wire:
        async with client_for(wire.base_url) as client:
            outcome = await client.lookup(CUSTOMER)
        return outcome, len(wire.received)


def _written(outcome: Outcome) -> Any:
    """An outcome as every reader of JSON reads what is written of it."""
    return json.loads(orjson.dumps(to_jsonable(outcome)), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ((BODY % r"Sale ends today \ud83d").encode(), "Sale ends today \ufffd"),
        ((BODY % "a\nb").encode(), "a\nb"),
        ((BODY % 'x", "score": NaN, "y": "').encode(), "x"),
        ((BODY % "Gr\u00fc\u00dfe").encode("cp1252"), "Gr\u00fc\u00dfe"),
        ((BODY % "Gr\u00fc\u00dfe").encode("utf-16"), "Gr\u00fc\u00dfe"),
        ((BODY % "Gr\u00fc\u00dfe").encode() + b"\0" * 40, "Gr\u00fc\u00dfe"),
    ],
)
async def test_are_found_at_the_first_request(body: bytes, expected: str) -> None:
    """One odd character does not cost a customer's history."""
    outcome, requests = await _asked(body)
    assert isinstance(outcome, Found)
    assert requests == 1
    message = _written(outcome)["answer"]["interaction"][0]["messageList"][0]
    assert message["subject"] == expected


async def test_that_nothing_can_be_made_of_are_not_asked_for_again() -> None:
    """Whole JSON that is broken is unreadable after one request: the next brings the same."""
    outcome, requests = await _asked((BODY % 'a", "b": }').encode())
    assert isinstance(outcome, Unreadable)
    assert requests == 1


@pytest.mark.parametrize(
    "lines", [(JSON_TYPE,), ("Content-Type: text/html",)], ids=["cut", "a page"]
)
async def test_that_break_off_or_are_pages_are_asked_for_again(lines: tuple[str, ...]) -> None:
    """A server that gave up half way, or a proxy in front of it, may have a whole answer next."""
    body = BODY.encode()[:40] if lines == (JSON_TYPE,) else (BODY % "a\nb").encode()
    outcome, requests = await _asked(body, *lines)
    assert isinstance(outcome, Unavailable)
    assert requests == 3


async def test_a_request_id_of_any_bytes_can_be_written() -> None:
    """What a header holds that is no UTF-8 does not keep an outcome from being written."""
    odd = b"\xff\xfe".decode("latin-1")
    outcome, _ = await _asked((BODY % "x").encode(), JSON_TYPE, f"X-Cap-Requestid: a{odd}b")
    assert _written(outcome)["requestId"] == "a??b"
