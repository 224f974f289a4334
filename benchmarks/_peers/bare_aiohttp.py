"""aiohttp alone: no retry, no pace, no model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from ._request import HEADERS, IN_FLIGHT, Fetch, url_of


@asynccontextmanager
async def reading_bytes(base_url: str) -> AsyncIterator[Fetch]:
    """Reads the bytes: what every other client is compared with."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def fetch(mobile: str) -> bytes:
            async with session.get(url_of(base_url, mobile)) as response:
                return await response.read()

        yield fetch


@asynccontextmanager
async def reading_json(base_url: str) -> AsyncIterator[Fetch]:
    """Reads the bytes as JSON, too, into dicts."""
    async with reading_bytes(base_url) as fetch_bytes:

        async def fetch(mobile: str) -> Any:
            return orjson.loads(await fetch_bytes(mobile))

        yield fetch
