"""Answers larger than `max_body`; one without end is a row of the fault matrix."""

import gzip
import tracemalloc
import zlib
from typing import Final

import pytest

from capillary_interactions import Found, Unreadable

from .byte_server import KNOWN, ByteServer, always, answer
from .clients import CUSTOMER, client_for

MIB: Final = 1024 * 1024


def bomb(mebibytes: int) -> bytes:
    """Return a gzip stream of that many mebibytes of blanks, written quickly."""
    packer = zlib.compressobj(level=1, wbits=31)
    blanks = b" " * MIB
    return b"".join(packer.compress(blanks) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("size", [9_999, 10_000])
async def test_reads_what_the_bound_allows(size: int) -> None:
    """The bound itself is allowed, compressed or not."""
    body = KNOWN.ljust(size)
    for served in (answer(200, body), answer(200, gzip.compress(body), "Content-Encoding: gzip")):
        async with (
            ByteServer(always(served)) as server,
            client_for(server.base_url, max_body=10_000) as c,
        ):
            assert isinstance(await c.lookup(CUSTOMER), Found)


@pytest.mark.parametrize("compressed", [False, True])
async def test_reads_no_further_than_the_bound(compressed: bool) -> None:
    """One byte more ends as unreadable, and is not retried."""
    body = KNOWN.ljust(10_001)
    compressed_answer = answer(200, gzip.compress(body), "Content-Encoding: gzip")
    async with ByteServer(always(compressed_answer if compressed else answer(200, body))) as server:
        async with client_for(server.base_url, max_body=10_000) as client:
            outcome = await client.lookup(CUSTOMER)
        assert len(server.received) == 1
    assert isinstance(outcome, Unreadable)
    assert "max_body" in outcome.reason
    assert outcome.body == b""


async def test_does_not_unpack_a_bomb() -> None:
    """A quarter of a megabyte that decompresses to 48 takes hardly more than `max_body`."""
    packed = answer(200, bomb(48), "Content-Encoding: gzip")
    tracemalloc.start()
    try:
        async with ByteServer(always(packed)) as server, client_for(server.base_url) as client:
            outcome = await client.lookup(CUSTOMER)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(outcome, Unreadable)
    assert outcome.attempts == 1
    assert most < 8 * MIB
