"""Every HTTP status without an error code in the body: the ending, and the number of requests."""

import itertools
from http import HTTPStatus
from typing import Any, Final

import pytest

from capillary_interactions import (
    AuthenticationError,
    Found,
    Outcome,
    Rejected,
    Unavailable,
)
from tests.tables import table

from .byte_server import ByteServer, always, answer
from .clients import CUSTOMER, client_for, mobiles
from .leaks import nothing_left

# In no registry: the vendor's own, and those of proxies and content delivery networks.
UNREGISTERED: Final = frozenset({461, 499, 520, 521, 522, 523, 524, 525, 526, 530, 599})
EVERY: Final = sorted({*map(int, HTTPStatus), *UNREGISTERED} - {200})
THROTTLED: Final = 429
CREDENTIAL_STATUSES: Final = (401, 403)
DENIED: Final = b'{"errors": [{"status": false, "code": 403, "message": "no access"}]}'
PAGES: Final = (b"<html>Access Denied. Reference 18.abc</html>", b'{"message": "Forbidden"}')
MISCONFIGURED: Final = {402, 404, 405, 406, 415}
RETRIED: Final = {408, 461, 500, 502, 503, 504, 506, 507, 508, 510, 511} | {
    status for status in UNREGISTERED if status >= 500
}


def statuses(low: int, high: int) -> list[int]:
    """Return the known statuses of a range, except those with a test of their own."""
    return [s for s in EVERY if low <= s < high and s not in (*CREDENTIAL_STATUSES, THROTTLED)]


async def look_up(served: bytes, **settings: Any) -> tuple[Outcome, int]:
    """Look up at a server with one answer; return the outcome and the number of requests."""
    async with ByteServer(always(served)) as server, nothing_left():
        async with client_for(server.base_url, **settings) as client:
            outcome = await client.lookup(CUSTOMER, timeout=5.0)
        assert outcome.attempts == len(server.received)
        return outcome, len(server.received)


@table("status", statuses(201, 300))
async def test_retries_an_empty_success(status: int) -> None:
    """204 and the like have no answer; the next request may get one."""
    outcome, requests = await look_up(answer(status, b""))
    assert isinstance(outcome, Unavailable)
    assert (outcome.status, requests) == (status, 3)
    assert outcome.reason == f"HTTP {status} with an empty body"


@table("status", statuses(300, 400))
async def test_rejects_a_redirect(status: int) -> None:
    """The setting is wrong, and stays wrong."""
    outcome, requests = await look_up(answer(status, b"", "Location: http://127.0.0.1:1/"))
    assert isinstance(outcome, Rejected)
    assert (outcome.status, requests) == (status, 1)
    assert "redirects are not followed; check base_url" in outcome.reason


@table(
    ("status", "body"),
    [
        *((status, b"") for status in statuses(400, 600)),
        *itertools.product((400, 404, 461, 500, 503, 525), (b"<html>", b"{}", b'"no"')),
    ],
)
async def test_ends_a_failure(status: int, body: bytes) -> None:
    """A transient status is retried and unavailable; any other is rejected at once."""
    outcome, requests = await look_up(answer(status, body))
    if status in RETRIED:
        assert isinstance(outcome, Unavailable)
        assert requests == 3
    else:
        assert isinstance(outcome, Rejected)
        assert requests == 1
    assert outcome.status == status
    assert f"HTTP {status}" in outcome.reason
    # A wrong version, path or method is a wrong setting.
    assert body or ("check base_url and api" in outcome.reason) is (status in MISCONFIGURED)


@table(("status", "body"), [(401, b""), (401, DENIED), (403, DENIED)])
async def test_raises_where_credentials_were_never_accepted(status: int, body: bytes) -> None:
    """It concerns the whole program, so it is no outcome."""
    async with ByteServer(always(answer(status, body))) as server, nothing_left():
        async with client_for(server.base_url) as client:
            with pytest.raises(AuthenticationError) as raised:
                await client.lookup(CUSTOMER)
        assert len(server.received) == 1
    assert raised.value.status == status


@table(
    ("status", "body"),
    [(403, b""), *((status, page) for status in CREDENTIAL_STATUSES for page in PAGES)],
)
async def test_blames_credentials_for_a_page_only_at_a_second_customer(
    status: int, body: bytes
) -> None:
    """A firewall's refusal of one customer does not prove that the credentials are wrong."""
    first, second = mobiles(2)
    async with (
        ByteServer(always(answer(status, body))) as server,
        nothing_left(),
        client_for(server.base_url) as client,
    ):
        for _ in range(2):
            outcome = await client.lookup(first)
            assert isinstance(outcome, Rejected)
            assert (outcome.status, outcome.attempts) == (status, 1)
            assert "by a proxy or firewall, not by the API (if every" in outcome.reason
        with pytest.raises(AuthenticationError, match=r"HTTP .* for different customers"):
            await client.lookup(second)
        server.behave = always(answer())
        assert isinstance(await client.lookup(second), Found)
        server.behave = always(answer(403, body))
        assert isinstance(await client.lookup(first), Rejected)
        assert isinstance(await client.lookup(second), Rejected)


@table(("status", "raises"), [(401, True), (403, False)])
async def test_distinguishes_a_forbidden_customer_from_forbidden_credentials(
    status: int, raises: bool
) -> None:
    """Once credentials were accepted, a 403 is about the one request; a second 401 never is."""
    first, second = mobiles(2)
    async with ByteServer(always(answer())) as server, client_for(server.base_url) as client:
        assert isinstance(await client.lookup(first), Found)
        server.behave = always(answer(status, b""))
        if raises:
            with pytest.raises(AuthenticationError):
                await client.lookup(second)
        else:
            outcome = await client.lookup(second)
            assert isinstance(outcome, Rejected)
            assert outcome.status == status
