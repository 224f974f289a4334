"""Many lookups at once with aiometer."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiometer

from ._request import IN_FLIGHT, FetchAll
from .bare_aiohttp import reading_json


@asynccontextmanager
async def with_amap(base_url: str) -> AsyncIterator[FetchAll]:
    """`aiometer.amap`, as its first example has it."""
    async with reading_json(base_url) as fetch:

        async def fetch_all(mobiles: Iterable[str]) -> int:
            count = 0
            async with aiometer.amap(fetch, list(mobiles), max_at_once=IN_FLIGHT) as answers:
                async for _ in answers:
                    count += 1
            return count

        yield fetch_all
