"""A sandbox for every test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from capillary_interactions.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox in which everybody is known and nothing goes wrong."""
    async with Sandbox(unknown=0) as running:
        yield running


@pytest.fixture
def job_path(tmp_path: Path) -> Path:
    """Where a job may be."""
    return tmp_path / "list.job"
