"""The fault matrix: for each behaviour the ending, the attempts, and no leak, once and often."""

import asyncio
from typing import Final

import pytest

from capillary_interactions import Found, Identifier, Outcome, Timeouts, Unavailable
from tests.tables import table

from .broken_connections import BODIES, CONNECTIONS, FRAMES, SHORT, Row
from .byte_server import ByteServer, Received, acting
from .clients import CUSTOMER, client_for
from .leaks import nothing_left

ROWS: Final = (*CONNECTIONS, *FRAMES, *BODIES)
# Large answers take time, and smaller rows take the same path.
LARGE: Final = ("10 MiB", "bomb", "endless", "nested")
REPEATED: Final = tuple(row for row in ROWS if not any(part in row.name for part in LARGE))
ROUNDS: Final = 4


def check(outcome: Outcome, row: Row) -> None:
    """Check that a lookup ended as its row says."""
    assert type(outcome) is row.ending
    assert outcome.attempts == row.attempts
    if not isinstance(outcome, Found):
        beginning, ellipsis, _ = row.reason.partition("...")
        assert outcome.reason.startswith(beginning)
        assert ellipsis or outcome.reason == row.reason
    assert outcome.elapsed <= row.attempts * row.attempt_timeout + 1.0
    if row.status is not None:
        assert isinstance(outcome, Unavailable)
        assert outcome.status == row.status


@table("row", ROWS, ids=lambda row: row.name)
async def test_ends_as_the_matrix_says(row: Row) -> None:
    """One lookup against a server that does the same to each request."""
    async with ByteServer(acting(row.act)) as server, nothing_left():
        timeouts = Timeouts(attempt=row.attempt_timeout)
        async with client_for(server.base_url, timeouts=timeouts) as client:
            outcome = await client.lookup(CUSTOMER, timeout=20.0)
        assert len(server.received) == row.attempts
    check(outcome, row)


async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
    """Behave as the row whose number is that of the identifier."""
    number = int(received.target.rpartition("=")[2]) % len(REPEATED)
    await acting(REPEATED[number].act)(received, writer)


@pytest.mark.measures
@table("attempt_timeout", [SHORT, 5.0])
async def test_leaves_nothing_over_many_rounds(attempt_timeout: float) -> None:
    """Each row ends the same every time, beside any other, and no descriptor stays open."""
    numbers = [
        number
        for number in range(len(REPEATED) * ROUNDS)
        if REPEATED[number % len(REPEATED)].attempt_timeout == attempt_timeout
    ]
    async with ByteServer(behave) as server, nothing_left():
        async with (
            client_for(server.base_url, timeouts=Timeouts(attempt=attempt_timeout)) as client,
            client.stream(numbers, key=lambda n: Identifier.mobile(str(n))) as outcomes,
        ):
            ended = 0
            async for outcome in outcomes:
                check(outcome, REPEATED[outcome.item % len(REPEATED)])
                ended += 1
        assert ended == len(numbers)
