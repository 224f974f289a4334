"""niquests and pydantic; retries are its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import niquests

from ._models import Answer
from ._request import ATTEMPTS, HEADERS, IN_FLIGHT, Fetch, url_of


@asynccontextmanager
async def reading_models(base_url: str) -> AsyncIterator[Fetch]:
    """Retries, and reads a model."""
    async with niquests.AsyncSession(
        retries=ATTEMPTS - 1, pool_maxsize=IN_FLIGHT, headers=HEADERS
    ) as session:

        async def fetch(mobile: str) -> Any:
            response = await session.get(url_of(base_url, mobile))
            response.raise_for_status()
            return Answer.model_validate_json(response.content or b"")

        yield fetch
