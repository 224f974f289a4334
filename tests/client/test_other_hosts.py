"""A host that is printed in some documents only: what is said where it fails."""

import pickle
import re
import socket
from typing import Any, Final
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    OAuth,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions.cli._exit_codes import StoppedEarlyError
from capillary_interactions.cli._settings import ClientOptions, resolved_config
from capillary_interactions.testing import FakeTransport

TILL: Final = BasicAuth("till", "secret")
CUSTOMER: Final = Identifier.mobile("919738522695")
OVERVIEW: Final = "(the overview of August 2026)"
PAGE: Final = "(a page of June 2026"
# What `base_url` is, and what is said of the other hosts of its region.
DOUBTED: Final = {
    "asia": "name apac.api.capillarytech.com (several pages and public code) and in.api.",
    "apac": f"name apac.api.intouch.capillarytech.com {OVERVIEW} and in.api.",
    "in": "name apac.api.capillarytech.com (several pages and public code) and apac.api.intouch.",
    "apac2": f"name sea.api.capillarytech.com {OVERVIEW}; base_url (--base-url) must be the URL ",
    "sea": f"name apac2.api.capillarytech.com {PAGE} and older books); base_url (--base-url) ",
    "us": f"name us.api.capillarytech.com {PAGE}, older books and the OpenAPI description) and nor",
    "ushc": f"name us.api.capillarytech.com {PAGE}, older books",
    "https://us.api.capillarytech.com": f"name ushc.api.capillarytech.com {OVERVIEW} and north-",
    "north-america": f"name ushc.api.capillarytech.com {OVERVIEW} and us.api.capillarytech.com ",
}
UNDOUBTED: Final = ("eu", "nightly", "china", "https://gateway.example")


def config(base_url: str, auth: BasicAuth | OAuth = TILL) -> ClientConfig:
    """A client that tries once."""
    return ClientConfig(base_url, auth, retry=RetryPolicy(attempts=1))


class NoName(AbstractResolver):
    """A resolver that knows no name, without asking the network."""

    async def resolve(self, *_: Any, **__: Any) -> list[ResolveResult]:
        """Fail, as a resolver does."""
        raise OSError("no such name")

    async def close(self) -> None:
        """Nothing is open."""


async def unresolved(base_url: str) -> str:
    """The reason of a lookup whose host name does not resolve."""
    connector = aiohttp.TCPConnector(resolver=NoName())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        InteractionsClient(config(base_url), transport=session) as client,
    ):
        outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    return outcome.reason


async def refused(base_url: str, auth: BasicAuth | OAuth = TILL) -> AuthenticationError:
    """The error of credentials that are refused."""
    transport = FakeTransport(default=401)
    async with InteractionsClient(config(base_url, auth), transport=transport) as client:
        with pytest.raises(AuthenticationError) as error:
            await client.lookup(CUSTOMER)
    return error.value


async def test_names_the_other_hosts_of_a_region() -> None:
    """A name that does not resolve and refused credentials may both be the wrong host."""
    for base_url, text in DOUBTED.items():
        assert text in await unresolved(base_url), base_url
        error = await refused(base_url)
        assert text in str(error), base_url
        assert "in your own account" in str(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


async def test_names_them_before_a_command_sends_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line looks the name up once, first."""
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror))
    with pytest.raises(StoppedEarlyError, match=re.escape(DOUBTED["sea"])):
        async with resolved_config(ClientOptions(), config("sea")):
            pass


async def test_says_nothing_where_no_other_host_is_printed() -> None:
    """Europe has one host in all lists, and a URL of one's own is not known here."""
    for base_url in UNDOUBTED:
        assert await unresolved(base_url) == "the host name does not resolve"
        assert (await refused(base_url)).advice == ""


async def test_says_it_where_the_token_endpoint_refuses() -> None:
    """An OAuth client of another cluster is refused before the first lookup."""
    error = await refused("asia", OAuth("key", "secret"))

    assert DOUBTED["asia"] in error.advice
