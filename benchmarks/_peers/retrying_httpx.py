"""httpx, tenacity and pydantic: what one composes where httpx is used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import tenacity

from ._models import Answer
from ._request import ATTEMPTS, HEADERS, IN_FLIGHT, Fetch, url_of


@asynccontextmanager
async def reading_models(base_url: str) -> AsyncIterator[Fetch]:
    """Retries, and reads a model."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(headers=HEADERS, limits=limits) as client:

        @tenacity.retry(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(max=30),
            retry=tenacity.retry_if_exception_type(httpx.HTTPError),
        )
        async def fetch(mobile: str) -> Any:
            response = await client.get(url_of(base_url, mobile))
            response.raise_for_status()
            return Answer.model_validate_json(response.content)

        yield fetch
