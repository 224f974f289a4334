"""An endpoint that only fails: retries are bounded for the whole program, not for each lookup."""

from collections import Counter

import pytest

from capillary_interactions import (
    BasicAuth,
    EndpointDownError,
    InteractionsClient,
    Outcome,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .clients import UNLIMITED, mobiles


@pytest.mark.no_cover  # hundreds of lookups, which other tests cover
@table(("lookups", "credentials"), [(250, 1), (250, 2)])
async def test_costs_a_bounded_number_of_retries(lookups: int, credentials: int) -> None:
    """Hundreds of lookups cost one request each, and about forty more for each credential."""
    accounts = {f"till{number}": "word" for number in range(credentials)}
    async with Sandbox(faults={"error_500": 1.0}, accounts=accounts) as sandbox:
        auth = tuple(BasicAuth(*account) for account in accounts.items())
        # The default budget; only the waits are shorter.
        retry = RetryPolicy(wait_initial=0.01, wait_max=0.1, throttled_initial=0.01)
        config = sandbox.client_config(rate=UNLIMITED, auth=auth, retry=retry)
        assert config.retry.budget == 500
        async with (
            InteractionsClient(config) as client,
            client.stream(mobiles(lookups)) as outcomes,
        ):
            endings = [outcome async for outcome in outcomes]
            left = [state.retry_budget for state in client.snapshot().credentials]
        counts = sandbox.counts
    assert len(endings) == lookups
    assert all(isinstance(outcome, Unavailable) for outcome in endings)
    assert {outcome.status for outcome in endings if isinstance(outcome, Unavailable)} == {500}
    assert counts.received == sum(outcome.attempts for outcome in endings)
    assert lookups + 35 <= counts.received <= lookups + 40 * credentials
    assert all(0 <= tokens < 14 for tokens in left)
    reasons = Counter(outcome.reason for outcome in endings if isinstance(outcome, Unavailable))
    (spent,) = (reason for reason in reasons if reason.startswith("retry budget spent"))
    assert "(500)" in spent
    assert reasons[spent] > lookups - 100


async def test_stops_a_stream_with_give_up_after() -> None:
    """It raises after that many failures in a row, with the counts so far."""
    async with Sandbox(faults={"error_500": 1.0}) as sandbox:
        config = sandbox.client_config(rate=UNLIMITED, retry=RetryPolicy(attempts=1))
        async with InteractionsClient(config) as client:
            taken = list[Outcome]()

            async def take() -> None:
                async with client.stream(mobiles(2000), give_up_after=20, in_flight=4) as outcomes:
                    async for outcome in outcomes:
                        taken.append(outcome)

            with pytest.raises(EndpointDownError) as raised:
                await take()
    assert raised.value.consecutive == 20
    assert 20 <= len(taken) <= 24
    assert raised.value.counts["found"] == 0
