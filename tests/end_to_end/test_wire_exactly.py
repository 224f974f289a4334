"""The exact arguments of the calls to aiohttp; the only file that mocks it."""

import base64
import importlib.metadata
from collections.abc import Iterator
from typing import Any, Final
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from capillary_interactions import BasicAuth, Found, Identifier, Query, Unavailable
from tests.described import request_violations

from .clients import client_for

BASE: Final = "https://api.example.com"
V1_1: Final = (
    f"{BASE}/v1.1/customer/interaction?format=json&source=INSTORE&accountId=1234"
    "&identifierName=mobile&mobile=91660499160&type=whatsapp"
)
V2: Final = (
    f"{BASE}/v2/customers/interaction?identifierName=mobile&identifierValue=91660499160"
    "&type=whatsapp&source=INSTORE&accountId=1234"
)
QUERY: Final = Query(Identifier.mobile("91660499160"), type="whatsapp")
KNOWN: Final = {"name": "capillary", "interaction": [], "warnings": []}


class Shimmed(aiohttp.ClientResponse):
    """A response as aioresponses 0.7.9 makes them, with the argument that aiohttp 3.14 added.

    See https://github.com/pnuckowski/aioresponses/issues/289.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **settings)


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    """Mock all requests."""
    with aioresponses() as mock:
        yield mock


def only_call(mocked: aioresponses, method: str, url: str) -> dict[str, Any]:
    """Return the arguments of the only call to a URL."""
    # The mock sorts a query before it compares; test_request_line checks the order.
    (call,) = mocked.requests[(method, URL(url).with_query(sorted(URL(url).query.items())))]
    arguments: dict[str, Any] = call.kwargs
    # Of the session, not of the call.
    assert arguments["headers"].pop("User-Agent").startswith("capillary-interactions/")
    return arguments


async def test_has_a_user_agent_without_a_version(
    mocked: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen program has no package metadata, and can still look up."""

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    mocked.get(V2, payload=KNOWN, response_class=Shimmed)
    settings = {"source": "INSTORE", "account_id": "1234"}
    async with client_for(BASE, api="v2", **settings) as client:
        assert isinstance(await client.lookup(QUERY), Found)
    ((call,),) = mocked.requests.values()
    assert call.kwargs["headers"]["User-Agent"] == "capillary-interactions"


@pytest.mark.parametrize(("api", "url"), [("v1.1", V1_1), ("v2", V2)])
async def test_gets_one_url_with_the_headers_of_a_till(
    mocked: aioresponses, api: str, url: str
) -> None:
    """One GET, Basic credentials, no redirects."""
    mocked.get(url, payload=KNOWN, response_class=Shimmed)
    settings = {"source": "INSTORE", "account_id": "1234", "auth": BasicAuth("till", "123")}
    async with client_for(BASE, api=api, **settings) as client:
        outcome = await client.lookup(QUERY)
    assert isinstance(outcome, Found)
    assert len(mocked.requests) == 1
    call = only_call(mocked, "GET", url)
    pair = base64.b64encode(b"till:202cb962ac59075b964b07152d234b70").decode()
    assert call["headers"] == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": f"Basic {pair}",
    }
    headers = {name.lower(): text for name, text in call["headers"].items()}
    assert request_violations("GET", url.removeprefix(BASE), headers) == []
    assert call["allow_redirects"] is False
    assert call["data"] is None


async def test_bounds_each_request(mocked: aioresponses) -> None:
    """An attempt has the configured timeout, or the time left to the deadline."""
    mocked.get(V1_1, status=503, repeat=True, response_class=Shimmed)
    settings = {"source": "INSTORE", "account_id": "1234"}
    async with client_for(BASE, **settings) as client:
        outcome = await client.lookup(QUERY, timeout=5.0)
    assert isinstance(outcome, Unavailable)
    ((_, calls),) = mocked.requests.items()
    assert [0 < call.kwargs["timeout"].total <= 5.0 for call in calls] == [True] * 3
