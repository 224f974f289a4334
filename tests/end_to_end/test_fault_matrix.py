"""The fault matrix: for each behaviour the ending, the attempts and what is left behind."""

import pytest

from capillary_interactions import Found, Outcome, Timeouts, Unavailable

from .broken_connections import BODIES, CONNECTIONS, FRAMES, Row
from .byte_server import Wire, acting
from .clients import CUSTOMER, client_for
from .leaks import nothing_left

ROWS = (*CONNECTIONS, *FRAMES, *BODIES)


def check(outcome: Outcome, row: Row) -> None:
    """That a lookup ended as its row says."""
    assert type(outcome) is row.ending
    assert outcome.attempts == row.attempts
    if not isinstance(outcome, Found):
        beginning, cut, _ = row.reason.partition("...")
        assert outcome.reason.startswith(beginning)
        assert cut or outcome.reason == row.reason
    assert outcome.elapsed <= row.attempts * row.patience + 1.0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_ends_as_the_matrix_says(row: Row) -> None:
    """One lookup against a server that does the same to each request."""
    async with Wire(acting(row.act)) as wire, nothing_left():
        async with client_for(wire.base_url, timeouts=Timeouts(attempt=row.patience)) as client:
            outcome = await client.lookup(CUSTOMER, timeout=row.timeout)
        assert len(wire.received) == row.attempts
    check(outcome, row)
    if row.status is not None:
        assert isinstance(outcome, Unavailable)
        assert outcome.status == row.status
