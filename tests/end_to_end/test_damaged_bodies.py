"""Answers with damaged JSON, from the bytes of a server to the JSON of the outcome.

Those that cannot be repaired are rows of the fault matrix.
"""

import json
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import Found, Outcome, to_jsonable

from .byte_server import ByteServer, always, answer
from .clients import CUSTOMER, client_for

JSON_TYPE: Final = "Content-Type: application/json"
BODY: Final = '{"interaction": [{"name": "sms", "count": 1, "messageList": [{"subject": "%s"}]}]}'


async def _look_up(body: bytes, *lines: str) -> tuple[Outcome, int]:
    """Look up at a server with one body; return the outcome and the number of requests."""
    async with ByteServer(always(answer(200, body, *lines or (JSON_TYPE,)))) as server:
        async with client_for(server.base_url) as client:
            outcome = await client.lookup(CUSTOMER)
        return outcome, len(server.received)


def _written(outcome: Outcome) -> Any:
    """Return an outcome as a strict JSON reader reads it."""
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
    """One damaged character does not cost a customer's history."""
    outcome, requests = await _look_up(body)
    assert isinstance(outcome, Found)
    assert requests == 1
    message = _written(outcome)["answer"]["interaction"][0]["messageList"][0]
    assert message["subject"] == expected


async def test_a_request_id_of_any_bytes_can_be_written() -> None:
    """A header that is not UTF-8 does not prevent writing the outcome."""
    odd = b"\xff\xfe".decode("latin-1")
    outcome, _ = await _look_up((BODY % "x").encode(), JSON_TYPE, f"X-Cap-Requestid: a{odd}b")
    assert _written(outcome)["requestId"] == "a??b"
