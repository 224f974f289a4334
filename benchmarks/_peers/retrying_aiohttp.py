"""aiohttp_retry and pydantic: the usual answer where aiohttp is used and calls may fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp_retry import ExponentialRetry, RetryClient

from ._models import Answer
from ._request import ATTEMPTS, HEADERS, IN_FLIGHT, Fetch, url_of


@asynccontextmanager
async def reading_models(base_url: str) -> AsyncIterator[Fetch]:
    """Retries, and reads a model; no pace, budget or sharing."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=IN_FLIGHT), headers=HEADERS
    )
    options = ExponentialRetry(attempts=ATTEMPTS, statuses={429})
    async with RetryClient(client_session=session, retry_options=options) as client:

        async def fetch(mobile: str) -> Any:
            async with client.get(url_of(base_url, mobile)) as response:
                response.raise_for_status()
                return Answer.model_validate_json(await response.read())

        yield fetch
