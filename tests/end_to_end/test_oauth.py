"""OAuth end to end: one token for everybody, and a fresh one when it is refused."""

import asyncio

import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Found,
    InteractionsClient,
    OAuth,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox

from .byte_server import Received, Wire, answer
from .clients import CUSTOMER, FREE, PATIENT, client_for, mobiles

AUTH = OAuth("sandbox-key", "sandbox-secret")


async def test_fetches_one_token_for_a_crowd() -> None:
    """However many ask at once, the secret crosses the network once."""
    async with Sandbox(unknown=0, latency=0.002) as sandbox:
        config = sandbox.client_config(auth=AUTH, rate=FREE)
        async with InteractionsClient(config) as client:
            outcomes = await client.lookup_all(mobiles(200))
        counts = sandbox.counts
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert (counts.tokens_issued, counts.refused, counts.received) == (1, 0, 200)


async def test_goes_on_when_tokens_are_revoked_in_mid_run() -> None:
    """Each revocation costs one more token, and nobody's lookup."""
    async with Sandbox(unknown=0, latency=0.002) as sandbox:
        config = sandbox.client_config(auth=AUTH, rate=FREE)
        async with (
            InteractionsClient(config) as client,
            client.stream(mobiles(300)) as outcomes,
        ):
            endings = []
            async for outcome in outcomes:
                endings.append(outcome)
                if len(endings) in (100, 200):
                    sandbox.revoke_tokens()
        counts = sandbox.counts
    assert len(endings) == 300
    assert all(isinstance(outcome, Found) for outcome in endings)
    assert counts.tokens_issued == 3
    assert 2 <= counts.refused <= 2 * config.in_flight
    assert counts.received == 300 + counts.refused
    assert max(outcome.attempts for outcome in endings) == 2


async def test_asks_for_a_fresh_token_when_one_dies_before_its_time() -> None:
    """A token that says a second and lasts a tenth of it."""
    async with Sandbox(unknown=0, token_ttl=0.1) as sandbox:
        async with InteractionsClient(sandbox.client_config(auth=AUTH, rate=FREE)) as client:
            first = await client.lookup(mobiles(2)[0])
            await asyncio.sleep(0.11)
            second = await client.lookup(mobiles(2)[1])
        assert sandbox.counts.tokens_issued == 2
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    assert (first.attempts, second.attempts) == (1, 2)


@pytest.mark.parametrize(
    "auth", [OAuth("sandbox-key", "wrong"), OAuth("nobody", "x"), BasicAuth("sandbox", "wrong")]
)
async def test_raises_where_credentials_are_refused(auth: OAuth | BasicAuth) -> None:
    """What is true of the whole program is raised, bare, also out of a stream."""
    async with Sandbox() as sandbox:
        async with InteractionsClient(sandbox.client_config(auth=auth, rate=FREE)) as client:
            with pytest.raises(AuthenticationError) as raised:
                await client.lookup(CUSTOMER)
            assert raised.value.status == 401
            with pytest.raises(AuthenticationError):
                await client.lookup_all(mobiles(500))
        # A stream stops at the first refusal: no more than were under way.
        assert sandbox.counts.refused <= 1 + 32
        assert sandbox.counts.answered == 0


async def test_refreshes_once_and_then_says_so() -> None:
    """A fresh token that is refused as well is the end, not the beginning of a storm."""
    token = b'{"data": {"accessToken": "t", "ttlSeconds": 300}, "errors": null}'

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, token) if received.body else answer(401, b""))

    async with Wire(behave) as wire:
        async with client_for(wire.base_url, auth=AUTH) as client:
            with pytest.raises(AuthenticationError):
                await client.lookup(CUSTOMER)
        assert [bool(request.body) for request in wire.received] == [True, False, True, False]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_retries_a_token_endpoint_that_fails(status: int) -> None:
    """A failing token endpoint is trouble, not a refusal."""
    token = b'{"data": {"accessToken": "t", "ttlSeconds": 300}, "errors": null}'

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        if not received.body:
            writer.write(answer())
        elif len(wire.received) < 3:
            writer.write(answer(status, b""))
        else:
            writer.write(answer(200, token))

    async with Wire(behave) as wire:
        async with client_for(wire.base_url, auth=AUTH, retry=PATIENT) as client:
            outcome = await client.lookup(CUSTOMER)
        assert [bool(request.body) for request in wire.received] == [True, True, True, False]
    assert isinstance(outcome, Found)


async def test_sends_no_expired_token_while_it_waits_for_quota() -> None:
    """Tokens that live shorter than the queue are replaced in time, and none is refused."""
    async with Sandbox(unknown=0, token_ttl=3, rate="40/1") as sandbox:
        async with InteractionsClient(sandbox.client_config(auth=AUTH)) as client:
            outcomes = await client.lookup_all(mobiles(100))
        counts = sandbox.counts
        assert sandbox.most_in_any_window(1.0) <= 40
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert (counts.refused, counts.received) == (0, 100)
    assert counts.tokens_issued >= 2


async def test_sends_the_token_of_the_moment_it_leaves() -> None:
    """One that lapses while a connection is opened is replaced before the request is written."""
    tokens = iter("abc")

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.body:
            text = f'{{"data": {{"accessToken": "{next(tokens)}", "ttlSeconds": 300}}}}'
            writer.write(answer(200, text.encode()))
        else:
            writer.write(answer())

    async with Wire(behave) as wire, client_for(wire.base_url, auth=AUTH) as client:
        lane = client._lanes.all[0]
        leave = lane.pace.leave  # type: ignore[attr-defined] # a pace of this process has it

        async def slowly() -> None:
            await leave()
            # The first token only: the fresh one stands in line again, and is good.
            if lane.auth.headers()["X-CAP-API-OAUTH-TOKEN"] == "a":
                lane.auth.renew(lane.auth.headers())

        lane.pace.leave = slowly  # type: ignore[attr-defined]
        assert isinstance(await client.lookup(CUSTOMER), Found)
        sent = [one.headers["x-cap-api-oauth-token"] for one in wire.received if not one.body]
    assert sent == ["b"]


async def test_asks_rarely_about_a_refused_key() -> None:
    """Callers that insist get the refusal at once, without a request for each."""
    async with Sandbox() as sandbox:
        config = sandbox.client_config(auth=OAuth("sandbox-key", "wrong"), rate="10/1")
        async with InteractionsClient(config) as client:
            for mobile in mobiles(100):
                with pytest.raises(AuthenticationError):
                    await client.lookup(mobile)
        assert sandbox.counts.refused <= 3


@pytest.mark.parametrize("body", [b"{}", b'{"data": {"accessToken": ""}}', b"<html>"])
async def test_takes_an_answer_without_a_token_for_trouble(body: bytes) -> None:
    """It is no refusal, so it is no error of the whole program, and it says what is missing."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, body))

    async with Wire(behave) as wire, client_for(wire.base_url, auth=AUTH) as client:
        outcome = await client.lookup(CUSTOMER, timeout=0.2)
    assert isinstance(outcome, Unavailable)
    assert "no OAuth token: HTTP 200 with" in outcome.reason
    assert outcome.elapsed < 0.2
