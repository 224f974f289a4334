"""A server, and clients that end with each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from capillary_interactions.engines._worker_client import close_clients
from capillary_interactions.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Some customers are unknown to it."""
    async with Sandbox(unknown=0.2, messages=3) as running:
        yield running


@pytest.fixture(autouse=True)
def clients() -> Iterator[None]:
    """A process keeps its clients, and here each test has another server."""
    yield
    close_clients()
