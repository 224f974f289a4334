"""The server that all the lookups of tables ask."""

from collections.abc import AsyncIterator

import pytest

from capillary_interactions.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Some customers are unknown to it."""
    async with Sandbox(unknown=0.2, messages=3) as running:
        yield running
