"""One lookup by different means: this client, tenacity around aiohttp, and aiohttp_retry.

Each asks until it has an answer or gives up; all have the same time for it.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import tenacity

from benchmarks._load import client_of
from capillary_interactions import Found, Identifier, RateLimit

ATTEMPTS: Final = 5
PATIENCE: Final = 10.0

# From the number of a customer to whether there was an answer.
Lookup = Callable[[int], Awaitable[bool]]


def _url(base_url: str, number: int) -> str:
    mobile = 919_000_000_000 + number
    return f"{base_url}/v1.1/customer/interaction?identifierName=mobile&mobile={mobile}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@asynccontextmanager
async def ours(base_url: str, limit: RateLimit) -> AsyncIterator[Lookup]:
    """This client, set to what the server can do on a good day."""
    async with client_of(base_url, limit) as client:

        async def lookup(number: int) -> bool:
            mobile = Identifier.mobile(str(919_000_000_000 + number))
            return isinstance(await client.lookup(mobile, timeout=PATIENCE), Found)

        yield lookup


@asynccontextmanager
async def with_tenacity(base_url: str, _: RateLimit) -> AsyncIterator[Lookup]:
    """What one writes in five minutes: five attempts, each wait twice the last."""
    async with _session() as session:

        @tenacity.retry(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=30),
            retry=tenacity.retry_if_exception_type(aiohttp.ClientError),
        )
        async def fetch(number: int) -> bytes:
            async with session.get(_url(base_url, number)) as response:
                response.raise_for_status()
                return await response.read()

        yield lambda number: _in_time(fetch(number))


@asynccontextmanager
async def with_aiohttp_retry(base_url: str, _: RateLimit) -> AsyncIterator[Lookup]:
    """aiohttp_retry as its documentation shows it, with as many attempts, and 429 made known."""
    library: Any = importlib.import_module("aiohttp_retry")
    options = library.ExponentialRetry(
        attempts=ATTEMPTS, start_timeout=0.5, max_timeout=30.0, statuses={429}
    )
    async with library.RetryClient(client_session=_session(), retry_options=options) as client:

        async def fetch(number: int) -> bytes:
            async with client.get(_url(base_url, number)) as response:
                response.raise_for_status()
                body: bytes = await response.read()
                return body

        yield lambda number: _in_time(fetch(number))


async def _in_time(fetch: Awaitable[bytes]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await fetch
    except (aiohttp.ClientError, TimeoutError, tenacity.RetryError):
        return False
    return True


def rivals() -> dict[str, Any]:
    """All that are installed, by name."""
    named = {"this client": ours, "tenacity": with_tenacity}
    if importlib.util.find_spec("aiohttp_retry") is not None:
        named["aiohttp_retry"] = with_aiohttp_retry
    return named
