"""The libraries that this client is built on, composed in the plainest way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import tenacity
from aiolimiter import AsyncLimiter
from attrs import field, frozen
from cattrs.preconf.orjson import make_converter

from ._request import ATTEMPTS, HEADERS, IN_FLIGHT, Fetch, url_of


@frozen
class _Message:
    id: int
    receiver: str
    campaignId: int
    status: str
    sentDate: str
    userId: int
    subject: str | None = None
    deliveredTime: datetime | None = None


@frozen
class _Interaction:
    name: str
    count: int
    messageList: list[_Message] = field(factory=list)


@frozen
class _Answer:
    name: str
    interaction: list[_Interaction]


@asynccontextmanager
async def paced_and_retrying(base_url: str) -> AsyncIterator[Fetch]:
    """aiohttp, attrs and cattrs, tenacity, and aiolimiter."""
    converter = make_converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    limiter = AsyncLimiter(1_000_000, 1.0)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        @tenacity.retry(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(max=30),
            retry=tenacity.retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
        )
        async def fetch(mobile: str) -> Any:
            async with limiter, session.get(url_of(base_url, mobile)) as response:
                response.raise_for_status()
                return converter.loads(await response.read(), _Answer)

        yield fetch
