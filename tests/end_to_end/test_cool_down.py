"""One "too many requests" pauses all lookups of the credential."""

import asyncio
from typing import Any, Final

import pytest

from capillary_interactions import BasicAuth, Found, InteractionsClient, RateLimit, Unavailable
from capillary_interactions._http.connector import Connector
from capillary_interactions.sandbox import Sandbox

from .byte_server import ByteServer, Received, answer
from .clients import MANY_ATTEMPTS, UNLIMITED, client_for, mobiles

pytestmark = pytest.mark.measures

PER_SECOND: Final = 200
THROTTLED: Final = answer(429, b"", "Retry-After: 1")
# Requests sent before the refusal arrived are received up to this much later.
SENT_BEFORE: Final = 0.4


async def test_pauses_a_crowd_for_as_long_as_the_server_asked() -> None:
    """Nothing arrives for a second, and then all the rest, at the rate and in no burst."""
    loop, refused = asyncio.get_running_loop(), list[float]()

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        if len(server.received) == 10:
            refused.append(loop.time())
            writer.write(THROTTLED)
            return
        writer.write(answer())

    async with ByteServer(behave) as server:
        limit = RateLimit(PER_SECOND, 1.0, burst=1)
        async with client_for(
            server.base_url, rate=limit, in_flight=64, retry=MANY_ATTEMPTS
        ) as client:
            outcomes = await asyncio.gather(*map(client.lookup, mobiles(64)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert sum(outcome.attempts for outcome in outcomes) == len(server.received) == 65
    (since,) = refused
    after = [request.at - since for request in server.received if request.at > since]
    assert not [at for at in after if SENT_BEFORE < at < 0.99]
    late = [at for at in after if at >= 0.99]
    assert len(late) > 20
    # At the rate: no faster in all, and never many at once.
    assert late[-1] - late[0] >= 0.8 * (len(late) - 1) / PER_SECOND
    assert max(sum(at <= other < at + 0.05 for other in late) for at in late) <= 20
    waited = [outcome.waited for outcome in outcomes]
    assert max(waited) >= 0.9


async def test_wakes_requests_that_are_still_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lookups without a connection end as soon as the pause is known, not at their deadlines."""
    connect, opened = Connector._create_connection, list[None]()

    async def slowly(self: Connector, *arguments: Any, **options: Any) -> Any:
        opened.append(None)
        await asyncio.sleep(0.02 * (len(opened) // 8))
        return await connect(self, *arguments, **options)

    monkeypatch.setattr(Connector, "_create_connection", slowly)
    async with Sandbox(rate="1/60", unknown=0) as sandbox:
        async with InteractionsClient(sandbox.client_config(rate=UNLIMITED)) as client:
            lookups = (client.lookup(mobile, timeout=5.0) for mobile in mobiles(100))
            outcomes = await asyncio.gather(*lookups)
            snapshot = client.snapshot()
        counts = sandbox.counts
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(refused) == 99
    assert all(outcome.retry_after is not None for outcome in refused)
    assert max(outcome.elapsed for outcome in refused) < 4.0
    assert counts.received == snapshot.requests == sum(outcome.attempts for outcome in outcomes)


async def test_leaves_another_credential_alone() -> None:
    """The pause is that of the refused credential; the other one continues."""

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        refused = received.till == "first"
        writer.write(answer(429, b"", "Retry-After: 60") if refused else answer())

    async with ByteServer(behave) as server:
        auth = (BasicAuth("first", "word"), BasicAuth("second", "word"))
        async with client_for(server.base_url, auth=auth, retry=MANY_ATTEMPTS) as client:
            outcomes = [await client.lookup(mobile) for mobile in mobiles(20)]
            throttled, other = client.snapshot().credentials
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert throttled.requests == 1
    assert throttled.cool_down > 50
    assert (other.requests, other.cool_down) == (20, 0)
