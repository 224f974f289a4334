"""This client, with everything on; by its public names, which an older checkout has, too."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    RateLimit,
)
from capillary_interactions.testing import Response, interactions

from ._request import IN_FLIGHT, Fetch, FetchAll

DOCUMENTED: Final = orjson.dumps(
    orjson.loads((Path(__file__).parents[2] / "tests" / "samples" / "documented.json").read_bytes())
)
_HEADERS: Final = {"content-type": "application/json"}


class InstantTransport:
    """Answers every request at once with the same bytes."""

    def __init__(self, body: bytes) -> None:
        self._response = Response(status=200, headers=_HEADERS, body=body)

    async def send(self, request: object, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send nothing; see `Transport.send`."""
        del request, timeout
        return self._response

    async def aclose(self) -> None:
        """Close nothing."""


def _client(base_url: str, transport: Any = None) -> InteractionsClient:
    # The pace is on, and never in the way: what is measured is what it costs.
    config = ClientConfig(
        base_url,
        BasicAuth("till", "secret"),
        rate=RateLimit(1_000_000, 1.0),
        in_flight=IN_FLIGHT,
    )
    return InteractionsClient(config, transport=transport)


@asynccontextmanager
async def lookup(base_url: str) -> AsyncIterator[Fetch]:
    """`client.lookup()`."""
    async with _client(base_url) as client:

        async def fetch(mobile: str) -> Any:
            return (await client.lookup(Identifier.mobile(mobile))).unwrap()

        yield fetch


@asynccontextmanager
async def stream(base_url: str) -> AsyncIterator[FetchAll]:
    """`client.stream()`."""
    async with _client(base_url) as client:
        yield _streaming(client)


@asynccontextmanager
async def instant_documented(_base_url: str) -> AsyncIterator[FetchAll]:
    """`client.stream()` without a network, with the documented answer of 8 messages."""
    async with _client("http://127.0.0.1", InstantTransport(DOCUMENTED)) as client:
        yield _streaming(client)


@asynccontextmanager
async def instant_empty(_base_url: str) -> AsyncIterator[FetchAll]:
    """`client.stream()` without a network, with answers that have no interactions."""
    transport = InstantTransport(orjson.dumps(interactions()))
    async with _client("http://127.0.0.1", transport) as client:
        yield _streaming(client)


def _streaming(client: InteractionsClient) -> FetchAll:
    async def fetch_all(mobiles: Iterable[str]) -> int:
        count = 0
        async with client.stream(Identifier.mobile(mobile) for mobile in mobiles) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, Found)  # noqa: S101 - or the figure means nothing
                count += 1
        return count

    return fetch_all
