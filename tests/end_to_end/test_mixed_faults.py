"""A server that fails three requests in ten: every lookup ends once, and with the right data."""

from collections import Counter

import pytest

from capillary_interactions import Found, InteractionsClient, NotFound, to_jsonable
from capillary_interactions.sandbox import MIXED_FAULTS, Sandbox
from tests.tables import table

from .clients import MANY_ATTEMPTS, UNLIMITED, mobiles


@pytest.mark.no_cover  # hundreds of lookups, which other tests cover
@table(("lookups", "ordered"), [(150, False), (100, True)])
async def test_finds_every_known_customer(lookups: int, ordered: bool) -> None:
    """Each lookup has one outcome, none twice, none wrong."""
    customers = mobiles(lookups)
    async with Sandbox(faults=0.3, fault_retry_after=0, seed=4) as sandbox:
        config = sandbox.client_config(rate=UNLIMITED, retry=MANY_ATTEMPTS)
        async with (
            InteractionsClient(config) as client,
            client.stream(customers, ordered=ordered) as outcomes,
        ):
            endings = [outcome async for outcome in outcomes]
        counts = sandbox.counts
    assert Counter(outcome.item for outcome in endings) == Counter(customers)
    if ordered:
        assert [outcome.item for outcome in endings] == customers
    truth = Sandbox(seed=4)
    for outcome in endings:
        assert outcome.query.identifier is outcome.item
        expected = truth.expected(outcome.query.identifier.value)
        if expected is None:
            assert isinstance(outcome, NotFound)
        else:
            assert isinstance(outcome, Found)
            assert to_jsonable(outcome.customer) == expected
    assert counts.received == sum(outcome.attempts for outcome in endings)
    assert 0.25 * lookups < counts.faulted < 0.7 * lookups


@table("fault", MIXED_FAULTS)
async def test_survives_each_fault_twice_in_a_row(fault: str) -> None:
    """Each of the mixed faults passes on a retry."""
    async with Sandbox(script=[fault, fault], unknown=0, fault_retry_after=0) as sandbox:
        config = sandbox.client_config(rate=UNLIMITED, retry=MANY_ATTEMPTS)
        async with InteractionsClient(config) as client:
            outcome = await client.lookup(mobiles(1)[0])
        assert isinstance(outcome, Found)
        assert outcome.attempts == 3
        assert sandbox.counts.faulted == 2
