"""Answers that are too much: too large, too long, or elsewhere."""

import asyncio
import gzip
import resource
from typing import Final

import pytest

from capillary_interactions import Found, Rejected, Unreadable

from .byte_server import KNOWN, Received, Wire, always, answer
from .clients import CUSTOMER, client_for
from .leaks import nothing_left

MIB: Final = 1024 * 1024
BOMB: Final = gzip.compress(b" " * (256 * MIB) + KNOWN)


@pytest.mark.parametrize("size", [9_999, 10_000])
async def test_reads_what_the_bound_allows(size: int) -> None:
    """The bound itself is allowed, compressed or not."""
    body = KNOWN.ljust(size)
    for served in (answer(200, body), answer(200, gzip.compress(body), "Content-Encoding: gzip")):
        async with Wire(always(served)) as wire, client_for(wire.base_url, max_body=10_000) as c:
            assert isinstance(await c.lookup(CUSTOMER), Found)


@pytest.mark.parametrize("compressed", [False, True])
async def test_reads_no_further_than_the_bound(compressed: bool) -> None:
    """One byte more ends as unreadable, and is not asked for again."""
    body = KNOWN.ljust(10_001)
    coded = answer(200, gzip.compress(body), "Content-Encoding: gzip")
    async with Wire(always(coded if compressed else answer(200, body))) as wire:
        async with client_for(wire.base_url, max_body=10_000) as client:
            outcome = await client.lookup(CUSTOMER)
        assert len(wire.received) == 1
    assert isinstance(outcome, Unreadable)
    assert "max_body" in outcome.reason
    assert outcome.body == b""


async def test_does_not_unpack_a_bomb() -> None:
    """A quarter of a megabyte that unpacks to 256 of them takes no such memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = answer(200, BOMB, "Content-Encoding: gzip")
    async with Wire(always(bomb)) as wire, client_for(wire.base_url) as client:
        outcome = await client.lookup(CUSTOMER)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(outcome, Unreadable)
    assert outcome.attempts == 1
    assert grown * 1024 < 64 * MIB


async def test_stops_reading_a_body_without_end() -> None:
    """An endless answer is left at the bound, and its connection with it."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()

    async with Wire(behave) as wire:
        async with client_for(wire.base_url, max_body=MIB) as client, nothing_left():
            outcome = await client.lookup(CUSTOMER)
        assert len(wire.received) == 1
    assert isinstance(outcome, Unreadable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_follows_no_redirect(status: int) -> None:
    """Credentials and phone numbers do not go where a server points."""
    async with Wire(always(answer())) as elsewhere:
        location = f"Location: {elsewhere.base_url}/v1.1/customer/interaction"
        async with Wire(always(answer(status, b"", location))) as wire:
            async with client_for(wire.base_url) as client:
                outcome = await client.lookup(CUSTOMER)
            assert len(wire.received) == 1
        assert elsewhere.connections == 0
    assert isinstance(outcome, Rejected)
    assert "base_url" in outcome.reason
    assert outcome.status == status
