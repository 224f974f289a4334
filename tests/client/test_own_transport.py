"""A transport of the caller's own: what the client makes of what it returns and raises."""

import pytest

from capillary_interactions import Found, InteractionsClient, Response
from tests.fakes import Server, customer, in_turn, now, settings


async def test_finds_headers_in_any_spelling() -> None:
    """A wait that a plain dict names in the server's spelling is waited."""
    throttled = Response(status=429, headers={"Retry-After": "7", "X-CAP-RequestId": "r"})
    async with InteractionsClient(settings(), transport=Server(in_turn(throttled))) as client:
        assert isinstance(await client.lookup(customer()), Found)
    assert now() >= 7.0


async def test_lets_other_errors_out() -> None:
    """They are bugs of the transport, and no outcome of a customer."""
    server = Server(in_turn(ZeroDivisionError("a bug")))
    async with InteractionsClient(settings(), transport=server) as client:
        with pytest.raises(ZeroDivisionError):
            await client.lookup(customer())
        assert isinstance(await client.lookup(customer()), Found)
