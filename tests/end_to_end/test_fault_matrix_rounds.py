"""The fault matrix again, a thousand times over: nothing adds up."""

import asyncio
from typing import Final

import pytest

from capillary_interactions import Identifier, Timeouts

from .broken_connections import BODIES, CONNECTIONS, FRAMES, Row
from .byte_server import Received, Wire, acting
from .clients import client_for
from .leaks import nothing_left
from .test_fault_matrix import check

# The large ones are once enough: they take time, and their kind is here besides.
LARGE: Final = ("10 MiB", "bomb", "endless", "nested")
ROWS: Final = tuple(
    row for row in (*CONNECTIONS, *FRAMES, *BODIES) if not any(part in row.name for part in LARGE)
)
ROUNDS: Final = 1000 // len(ROWS) + 1


async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
    """What the row does that the identifier names by its number."""
    number = int(received.target.rpartition("=")[2]) % len(ROWS)
    await acting(ROWS[number].act)(received, writer)


@pytest.mark.measures
async def test_leaves_nothing_over_a_thousand_rounds() -> None:
    """Each row's ending comes each time, in whatever company, and no descriptor stays open."""
    assert len(ROWS) * ROUNDS >= 1000
    slow = [row.patience < 1 for row in ROWS]
    for patience, wanted in ((0.06, True), (5.0, False)):
        asked = [
            number for number in range(len(ROWS) * ROUNDS) if slow[number % len(ROWS)] is wanted
        ]
        async with Wire(behave) as wire, nothing_left():
            async with (
                client_for(wire.base_url, timeouts=Timeouts(attempt=patience)) as client,
                client.stream(asked, key=lambda n: Identifier.mobile(str(n))) as outcomes,
            ):
                ended = 0
                async for outcome in outcomes:
                    row: Row = ROWS[outcome.item % len(ROWS)]
                    check(outcome, row)
                    ended += 1
            assert ended == len(asked)
