"""OAuth end to end: one token for all callers, and a fresh one when it is refused."""

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
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .byte_server import Behave, ByteServer, Received, answer
from .clients import CUSTOMER, MANY_ATTEMPTS, UNLIMITED, client_for, mobiles

AUTH = OAuth("sandbox-key", "sandbox-secret")
TOKEN = b'{"data": {"accessToken": "t", "ttlSeconds": 300}, "errors": null}'


def serving(*tokens: bytes, lookups: bytes = answer()) -> Behave:
    """Answer token requests one after the other, the last one for ever, and lookups."""
    remaining = iter(tokens)

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(next(remaining, tokens[-1]) if received.body else lookups)

    return behave


async def test_fetches_one_token_for_a_crowd() -> None:
    """However many lookups start at once, the secret is sent once."""
    async with Sandbox(unknown=0, latency=0.002) as sandbox:
        config = sandbox.client_config(auth=AUTH, rate=UNLIMITED)
        async with InteractionsClient(config) as client:
            outcomes = await client.lookup_all(mobiles(200))
        counts = sandbox.counts
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert (counts.tokens_issued, counts.refused, counts.received) == (1, 0, 200)


async def test_continues_when_tokens_are_revoked() -> None:
    """Each revocation costs one more token, and no lookup."""
    async with Sandbox(unknown=0, latency=0.002) as sandbox:
        config = sandbox.client_config(auth=AUTH, rate=UNLIMITED)
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


async def test_replaces_a_token_that_expires_early() -> None:
    """Its stated lifetime is longer than the real one."""
    async with Sandbox(unknown=0, token_ttl=0.1) as sandbox:
        async with InteractionsClient(sandbox.client_config(auth=AUTH, rate=UNLIMITED)) as client:
            first = await client.lookup(mobiles(2)[0])
            await asyncio.sleep(0.11)
            second = await client.lookup(mobiles(2)[1])
        assert sandbox.counts.tokens_issued == 2
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    assert (first.attempts, second.attempts) == (1, 2)


@table(
    "auth", [OAuth("sandbox-key", "wrong"), OAuth("unknown", "x"), BasicAuth("sandbox", "wrong")]
)
async def test_raises_where_credentials_are_refused(auth: OAuth | BasicAuth) -> None:
    """It concerns the whole program, so it is raised, also by a stream, in no ExceptionGroup."""
    async with Sandbox() as sandbox:
        async with InteractionsClient(sandbox.client_config(auth=auth, rate=UNLIMITED)) as client:
            with pytest.raises(AuthenticationError) as raised:
                await client.lookup(CUSTOMER)
            assert raised.value.status == 401
            with pytest.raises(AuthenticationError):
                await client.lookup_all(mobiles(500))
        # A stream stops at the first refusal: no more than the running requests.
        assert sandbox.counts.refused <= 1 + 32
        assert sandbox.counts.answered == 0


async def test_refreshes_once_and_then_raises() -> None:
    """A fresh token that is refused too does not start a loop of refreshes."""
    async with ByteServer(serving(answer(200, TOKEN), lookups=answer(401, b""))) as server:
        async with client_for(server.base_url, auth=AUTH) as client:
            with pytest.raises(AuthenticationError):
                await client.lookup(CUSTOMER)
        assert [bool(request.body) for request in server.received] == [True, False, True, False]


async def test_retries_a_token_endpoint_that_fails() -> None:
    """A failing token endpoint is retryable, not a refusal."""
    await asyncio.gather(*map(check_retries_of_a_token, (429, 500, 503)))


async def check_retries_of_a_token(status: int) -> None:
    """Check that the third request for a token is the one that gets it."""
    failure = answer(status, b"")
    async with ByteServer(serving(failure, failure, answer(200, TOKEN))) as server:
        async with client_for(server.base_url, auth=AUTH, retry=MANY_ATTEMPTS) as client:
            outcome = await client.lookup(CUSTOMER)
        assert [bool(request.body) for request in server.received] == [True, True, True, False]
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


class SlowConnections(LocalPace):
    """A pace whose first request is written a second late, as by a slow handshake."""

    delays = iter([1.1])

    def try_send(self) -> bool:
        """Never at once."""
        return False

    async def before_send(self) -> None:
        """Wait once longer than the first token lives."""
        await super().before_send()
        await asyncio.sleep(next(self.delays, 0.0))


async def test_sends_the_token_that_is_valid_when_the_request_is_written() -> None:
    """One that expires while a connection is opened is replaced first."""
    tokens = (TOKEN.replace(b"300", b"1"), TOKEN.replace(b'"t"', b'"fresh"'))
    async with ByteServer(serving(*(answer(200, token) for token in tokens))) as server:
        config = client_for(server.base_url, auth=AUTH).config
        async with InteractionsClient(config, pace=SlowConnections(UNLIMITED, 1)) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
        lookups = [request for request in server.received if not request.body]
    assert [request.headers["x-cap-api-oauth-token"] for request in lookups] == ["fresh"]


async def test_rarely_retries_a_refused_key() -> None:
    """Further lookups raise at once, without a request for each."""
    async with Sandbox() as sandbox:
        config = sandbox.client_config(auth=OAuth("sandbox-key", "wrong"), rate="10/1")
        async with InteractionsClient(config) as client:
            for mobile in mobiles(100):
                with pytest.raises(AuthenticationError):
                    await client.lookup(mobile)
        assert sandbox.counts.refused <= 3


@table("body", [b"{}", b'{"data": {"accessToken": ""}}', b"<html>"])
async def test_retries_an_answer_without_a_token(body: bytes) -> None:
    """It is no refusal, so it is an outcome, and its reason says what is missing."""
    async with (
        ByteServer(serving(answer(200, body))) as server,
        client_for(server.base_url, auth=AUTH) as client,
    ):
        outcome = await client.lookup(CUSTOMER, timeout=0.2)
    assert isinstance(outcome, Unavailable)
    assert "no OAuth token: HTTP 200 with" in outcome.reason
    assert outcome.elapsed < 0.2
