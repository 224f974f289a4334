"""Fixtures for the tests of jobs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import mobiles


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox in which all customers are known and no fault happens."""
    async with Sandbox(unknown=0) as running:
        yield running


@pytest.fixture
def job_path(tmp_path: Path) -> Path:
    """The path of a job that does not exist yet."""
    return tmp_path / "list.job"


@pytest.fixture
def list_path(tmp_path: Path) -> Path:
    """A list of five customers."""
    return mobiles(tmp_path / "l.csv", range(5))
