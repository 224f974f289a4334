"""Every HTTP status without a word in the body: the ending, and how often it is asked again."""

from http import HTTPStatus
from typing import Any, Final

import pytest

from capillary_interactions import (
    AuthenticationError,
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
)

from .byte_server import Wire, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

# Of no registry: the vendor's own, and those of the network that stands in front.
FURTHER: Final = frozenset({461, 499, 520, 521, 522, 523, 524, 525, 526, 530, 599})
EVERY: Final = sorted({*map(int, HTTPStatus), *FURTHER} - {200})
THROTTLED: Final = 429
REFUSING: Final = (401, 403)
DENIED: Final = b'{"errors": [{"status": false, "code": 403, "message": "no access"}]}'
PAGES: Final = (b"<html>Access Denied. Reference 18.abc</html>", b'{"message": "Forbidden"}')
AGAIN: Final = {408, 461, 500, 502, 503, 504, 506, 507, 508, 510, 511} | {
    status for status in FURTHER if status >= 500
}


def statuses(low: int, high: int) -> list[int]:
    """The known statuses of a range, but for those with a test of their own."""
    return [s for s in EVERY if low <= s < high and s not in (*REFUSING, THROTTLED)]


async def ask(served: bytes, **settings: Any) -> tuple[Outcome, int]:
    """How a lookup ends against a server that always says the same, and how often it was asked."""
    async with Wire(always(served)) as wire, nothing_left():
        async with client_for(wire.base_url, **settings) as client:
            outcome = await client.lookup(CUSTOMER, timeout=5.0)
        assert outcome.attempts == len(wire.received)
        return outcome, len(wire.received)


@pytest.mark.parametrize("status", statuses(201, 300))
async def test_asks_again_where_a_success_is_empty(status: int) -> None:
    """204 and its like hold no answer, and one may come."""
    outcome, asked = await ask(answer(status, b""))
    assert isinstance(outcome, Unavailable)
    assert (outcome.status, asked) == (status, 3)
    assert outcome.reason == f"HTTP {status} with an empty body"


@pytest.mark.parametrize("status", statuses(300, 400))
async def test_rejects_a_redirect(status: int) -> None:
    """The setting is wrong, and stays wrong."""
    outcome, asked = await ask(answer(status, b"", "Location: http://127.0.0.1:1/"))
    assert isinstance(outcome, Rejected)
    assert (outcome.status, asked) == (status, 1)
    assert "redirects are not followed; check base_url" in outcome.reason


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"no"'])
@pytest.mark.parametrize("status", statuses(400, 600))
async def test_ends_a_failure(status: int, body: bytes) -> None:
    """What may pass is asked again and is unavailable; the rest is rejected at once."""
    outcome, asked = await ask(answer(status, body))
    if status in AGAIN:
        assert isinstance(outcome, Unavailable)
        assert asked == 3
    else:
        assert isinstance(outcome, Rejected)
        assert asked == 1
    assert outcome.status == status
    assert f"HTTP {status}" in outcome.reason


@pytest.mark.parametrize("status", [402, 404, 405, 406, 415])
async def test_says_what_to_check(status: int) -> None:
    """A wrong version, path or method is a matter of the settings."""
    outcome, _ = await ask(answer(status, b""))
    assert isinstance(outcome, Rejected)
    assert "check base_url and api" in outcome.reason


@pytest.mark.parametrize(("status", "body"), [(401, b""), (401, DENIED), (403, DENIED)])
async def test_raises_where_credentials_were_never_accepted(status: int, body: bytes) -> None:
    """It is true of the whole program, so it is no outcome."""
    async with Wire(always(answer(status, body))) as wire, nothing_left():
        async with client_for(wire.base_url) as client:
            with pytest.raises(AuthenticationError) as raised:
                await client.lookup(CUSTOMER)
        assert len(wire.received) == 1
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, b""), *((status, page) for status in REFUSING for page in PAGES)],
)
async def test_believes_a_page_only_when_another_customer_meets_it(
    status: int, body: bytes
) -> None:
    """A firewall's refusal of one customer is not the API's word on the credentials."""
    first, second = mobiles(2)
    async with (
        Wire(always(answer(status, body))) as wire,
        nothing_left(),
        client_for(wire.base_url) as client,
    ):
        for _ in range(2):
            outcome = await client.lookup(first)
            assert isinstance(outcome, Rejected)
            assert (outcome.status, outcome.attempts) == (status, 1)
            assert "by a proxy or firewall, not by the API (if every" in outcome.reason
        with pytest.raises(AuthenticationError, match=r"HTTP .* for different customers"):
            await client.lookup(second)
        wire.behave = always(answer())
        assert isinstance(await client.lookup(second), Found)
        wire.behave = always(answer(403, body))
        assert isinstance(await client.lookup(first), Rejected)
        assert isinstance(await client.lookup(second), Rejected)


@pytest.mark.parametrize(("status", "raises"), [(401, True), (403, False)])
async def test_tells_a_forbidden_customer_from_forbidden_credentials(
    status: int, raises: bool
) -> None:
    """Once credentials were accepted, a 403 is about the one request; a second 401 never is."""
    first, second = mobiles(2)
    async with Wire(always(answer())) as wire, client_for(wire.base_url) as client:
        assert isinstance(await client.lookup(first), Found)
        wire.behave = always(answer(status, b""))
        if raises:
            with pytest.raises(AuthenticationError):
                await client.lookup(second)
        else:
            outcome = await client.lookup(second)
            assert isinstance(outcome, Rejected)
            assert outcome.status == status


async def test_lets_the_item_speak_before_the_status() -> None:
    """The most specific code wins over any status."""
    body = b'{"errors": [{"status": false, "code": 8015, "message": "Customer not found"}]}'
    for status in (200, 404, 500, 503):
        outcome, asked = await ask(answer(status, body))
        assert isinstance(outcome, NotFound)
        assert (outcome.code, asked) == (8015, 1)
