"""Many lookups at once with asyncio alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ._request import IN_FLIGHT, FetchAll
from .bare_aiohttp import reading_json


@asynccontextmanager
async def with_semaphore(base_url: str) -> AsyncIterator[FetchAll]:
    """A task for each lookup, and a semaphore to bound how many run."""
    async with reading_json(base_url) as fetch:

        async def fetch_all(mobiles: Iterable[str]) -> int:
            semaphore = asyncio.Semaphore(IN_FLIGHT)

            async def bounded(mobile: str) -> object:
                async with semaphore:
                    return await fetch(mobile)

            return len(await asyncio.gather(*map(bounded, mobiles)))

        yield fetch_all
