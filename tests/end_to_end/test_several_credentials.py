"""Several tills send at the sum of their rates, and none of them over its own."""

import itertools

import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Found,
    InteractionsClient,
    NotFound,
    OAuth,
)
from capillary_interactions.sandbox import Sandbox, SandboxProcess

from .clients import UNLIMITED, mobiles
from .lateness import Lateness

pytestmark = pytest.mark.measures

TILLS = {"first": "one", "second": "two", "third": "three"}


async def test_sends_at_the_sum_of_the_rates() -> None:
    """Three tills of 50 a second look up 210 customers in 1.4 seconds, and none is throttled."""
    async with SandboxProcess(rate=(50, 1.0), accounts=TILLS) as sandbox:
        auth = tuple(itertools.starmap(BasicAuth, TILLS.items()))
        config = sandbox.client_config(auth=auth)
        async with Lateness() as lateness, InteractionsClient(config) as client:
            outcomes = await client.lookup_all(mobiles(210))
        counts = sandbox.counts()
        times = {till: sandbox.arrivals(till) for till in TILLS}
        most = max(sandbox.most_in_any_window(1.0, till) for till in TILLS)
    assert all(isinstance(outcome, Found | NotFound) for outcome in outcomes)
    assert counts.throttled == 0
    assert most <= 50
    assert all(56 <= len(arrived) <= 84 for arrived in times.values())
    # Two of them would send two thirds of it.
    arrivals = sorted(itertools.chain(*times.values()))
    assert 209 / (arrivals[-1] - arrivals[0]) >= (0.7 - lateness.share) * 150


async def test_mixes_tills_and_tokens() -> None:
    """Each credential authenticates in its own way, on a connection of its own."""
    async with Sandbox(unknown=0) as sandbox:
        auth = (BasicAuth("sandbox", "sandbox"), OAuth("sandbox-key", "sandbox-secret"))
        async with InteractionsClient(sandbox.client_config(auth=auth, rate=UNLIMITED)) as client:
            outcomes = [await client.lookup(mobile) for mobile in mobiles(10)]
        assert all(isinstance(outcome, Found) for outcome in outcomes)
        assert len(sandbox.arrivals("sandbox")) == len(sandbox.arrivals("sandbox-key")) == 5
        # Two for the lookups; the token was fetched on one of them.
        assert sandbox.counts.connections == 2


async def test_skips_a_refused_credential() -> None:
    """The others take over its share, and only without any other it is an error."""
    async with Sandbox(unknown=0, accounts=TILLS) as sandbox:
        auth = (BasicAuth("first", "wrong"), BasicAuth("second", "two"), BasicAuth("x", "y"))
        async with InteractionsClient(sandbox.client_config(auth=auth, rate=UNLIMITED)) as client:
            outcomes = await client.lookup_all(mobiles(100))
            refused = [state.refused is not None for state in client.snapshot().credentials]
        assert all(isinstance(outcome, Found) for outcome in outcomes)
        assert refused == [True, False, True]
        assert sandbox.counts.refused <= 2 * 32
        config = sandbox.client_config(auth=(auth[0], auth[2]), rate=UNLIMITED)
        async with InteractionsClient(config) as client:
            with pytest.raises(AuthenticationError):
                await client.lookup_all(mobiles(100))
