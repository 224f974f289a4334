"""Who is let in: Basic credentials, tokens, and how tokens end."""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import pytest

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._accounts import Accounts
from tests.tables import table

from .asking import TOKEN, ask, basic, post, sample

MD5_OF_123 = "202cb962ac59075b964b07152d234b70"
GOOD = {"key": "sandbox-key", "secret": "sandbox-secret"}


def encoded(text: str) -> dict[str, str]:
    """A Basic header with this text inside."""
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def oauth(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"X-CAP-API-OAUTH-TOKEN": token}


async def new_token(sandbox: Sandbox) -> str:
    """A token that is good now."""
    reply = await post(sandbox.base_url, TOKEN, GOOD)
    assert reply.status == 200
    assert reply.json["errors"] is None
    return str(reply.json["data"]["accessToken"])


@table(
    ("headers", "status"),
    [
        (encoded(f"till:{MD5_OF_123}"), 200),
        (basic("till", "123"), 200),
        (encoded("till:123"), 401),
        (encoded(f"till:{MD5_OF_123.upper()}"), 401),
        (encoded(f"Till:{MD5_OF_123}"), 401),
        (basic("till", "124"), 401),
        (basic("unknown", "123"), 401),
        ({}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Basic /w=="}, 401),
        ({"Authorization": "Bearer x"}, 401),
        (oauth("made-up"), 401),
    ],
)
async def test_lets_in_by_the_md5_of_the_password(headers: Mapping[str, str], status: int) -> None:
    """The published scheme and vector, and nothing that looks like it."""
    async with Sandbox(accounts={"till": "123"}) as sandbox:
        reply = await ask(sandbox.base_url, "1", headers=headers)
        assert reply.status == status
        assert sandbox.counts.refused == (status == 401)
    if status == 401:
        assert reply.json["errors"][0]["code"] == 401


async def test_has_one_account_where_nothing_is_said() -> None:
    """Sandbox and sandbox."""
    async with Sandbox() as sandbox:
        assert (await ask(sandbox.base_url, "1", headers=basic("sandbox", "sandbox"))).status == 200


async def test_has_no_account_where_there_are_none() -> None:
    """An empty mapping accepts no credential."""
    async with Sandbox(accounts={}, oauth={}) as sandbox:
        assert (await ask(sandbox.base_url, "1")).status == 401
        assert (await post(sandbox.base_url, TOKEN, GOOD)).status == 401


async def test_lets_in_by_token() -> None:
    """A token opens the door, and differs on every call."""
    async with Sandbox() as sandbox:
        first, second = [await new_token(sandbox) for _ in range(2)]
        assert first != second
        for token in (first, second):
            assert (await ask(sandbox.base_url, "1", headers=oauth(token))).status == 200
        assert sandbox.counts.tokens_issued == 2
        # Token requests are not among those received; what a token asks counts for its key.
        assert sandbox.counts.received == len(sandbox.arrivals("sandbox-key")) == 2


@table(
    "body",
    [
        {},
        [],
        None,
        "key",
        {"key": "sandbox-key"},
        {"key": "sandbox-key", "secret": "wrong"},
        {"key": "sandbox-key", "secret": None},
        {"key": "other", "secret": "sandbox-secret"},
        {"key": ["sandbox-key"], "secret": "sandbox-secret"},
    ],
)
async def test_refuses_a_token(body: object) -> None:
    """401, no data, counted as refused."""
    async with Sandbox() as sandbox:
        reply = await post(sandbox.base_url, TOKEN, body)
        assert reply.status == 401
        assert reply.json == sample("error_token_endpoint_refused")
        assert (sandbox.counts.refused, sandbox.counts.tokens_issued) == (1, 0)


@table(("ttl", "header"), [(300.0, 300), (0.2, 1), (1.5, 2)])
async def test_says_how_long_a_token_is_good(ttl: float, header: int) -> None:
    """Whole seconds, rounded up."""
    async with Sandbox(token_ttl=ttl) as sandbox:
        reply = await post(sandbox.base_url, TOKEN, GOOD)
        assert reply.json["data"]["ttlSeconds"] == header


def test_lets_tokens_expire() -> None:
    """To the moment; an expired one still counts for its key."""
    accounts = Accounts({}, {"k": "s"})
    issued = accounts.issue(b'{"key":"k","secret":"s"}', now=1_000.0, ttl=60.0)
    token = issued.body.split(b'"accessToken":"')[1].split(b'"')[0].decode()
    assert accounts.identify(oauth(token), 1_059.9) == ("k", None)
    assert accounts.identify(oauth(token), 1_060.0) == ("k", "token_expired")
    assert accounts.identify(oauth("other"), 1_000.0) == ("", "token_invalid")


@table("body", [b"", b"{", b"\xff"])
def test_refuses_a_token_to_what_is_no_json(body: bytes) -> None:
    """A body that cannot be read names no client."""
    assert Accounts({}, {"k": "s"}).issue(body, now=0.0, ttl=60.0).status == 401


def test_forgets_tokens_that_have_expired() -> None:
    """The accounts does not grow with the tokens it has given out."""
    accounts = Accounts({}, {"k": "s"})
    for number in range(50):
        accounts.issue(b'{"key":"k","secret":"s"}', now=number * 10.0, ttl=10.0)
    assert len(accounts._tokens) == 1


async def test_refuses_a_token_of_no_time_at_all() -> None:
    """A time to live of zero is a token that is never good."""
    async with Sandbox(token_ttl=0) as sandbox:
        token = await new_token(sandbox)
        assert (await ask(sandbox.base_url, "1", headers=oauth(token))).status == 401
        sandbox.token_ttl = 60
        token = await new_token(sandbox)
        assert (await ask(sandbox.base_url, "1", headers=oauth(token))).status == 200


async def test_revokes_tokens() -> None:
    """Every token so far is worthless, a new one is good, and accounts do not mind."""
    async with Sandbox() as sandbox:
        old = await new_token(sandbox)
        sandbox.revoke_tokens()
        assert (await ask(sandbox.base_url, "1", headers=oauth(old))).status == 401
        assert (await ask(sandbox.base_url, "1")).status == 200
        new = await new_token(sandbox)
        assert (await ask(sandbox.base_url, "1", headers=oauth(new))).status == 200


def test_counts_a_wrong_password_for_the_account_it_names() -> None:
    """A caller with a wrong password still counts for its account."""
    accounts = Accounts({"till": "123"}, {})
    assert accounts.identify(basic("till", "wrong"), 0) == ("till", "credentials")
    assert accounts.identify(basic("unknown", "wrong"), 0) == ("", "credentials")
    digest = hashlib.md5(b"123", usedforsecurity=False).hexdigest()
    assert accounts.identify(encoded(f"till:{digest}"), 0) == ("till", None)


@table("status", [None, 200, 401, 498])
async def test_reports_a_token_as_published(status: int | None) -> None:
    """Expired, revoked and never issued, with the status that is set; passwords as ever."""
    async with Sandbox(token_status=status, token_ttl=0) as sandbox:
        expired = await new_token(sandbox)
        sandbox.token_ttl = 60
        revoked = await new_token(sandbox)
        sandbox.revoke_tokens()
        for token, name in (
            (expired, "error_token_expired"),
            (revoked, "error_token_expired"),
            ("made-up", "error_token_invalid"),
        ):
            reply = await ask(sandbox.base_url, "1", headers=oauth(token))
            assert reply.status == (status or 401)
            assert _undated(reply.json) == (
                {"errors": [{"status": False, "code": 401, "message": "Invalid credentials"}]}
                if status is None
                else _undated(sample(name))
            )
        assert (await ask(sandbox.base_url, "1", headers=basic("x", "y"))).status == 401
        assert (sandbox.counts.received, sandbox.counts.refused) == (4, 4)


def _undated(body: Any) -> Any:
    """The body without the time in its message."""
    return orjson.loads(re.sub(rb" at \d{4}-[^\"]+\.000\+\d{4}\"", b'"', orjson.dumps(body)))


async def test_fails_token_requests_by_script() -> None:
    """In order, counted as failed, and lookups are left alone."""
    async with Sandbox(token_script=["code_320001_200", None, "code_320002_200"]) as sandbox:
        sandbox.inject_token("html_502", "error_503_retry_after", None)
        replies = [await post(sandbox.base_url, TOKEN, GOOD) for _ in range(7)]
        assert [reply.status for reply in replies] == [200, 200, 200, 502, 503, 200, 200]
        assert replies[0].json == sample("error_token_endpoint_refused")
        assert replies[2].json["errors"][0]["code"] == 320002
        assert (sandbox.counts.faulted, sandbox.counts.tokens_issued) == (4, 3)
        assert (await ask(sandbox.base_url, "1")).status == 200
        sandbox.inject_token("reset_before")
        with pytest.raises(aiohttp.ClientError):
            await post(sandbox.base_url, TOKEN, GOOD)
