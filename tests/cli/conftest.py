"""Servers that the runs of the program ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capillary_interactions.sandbox import SandboxProcess

from .workspace import Workspace


@pytest.fixture(scope="package")
def server() -> Iterator[SandboxProcess]:
    """A sandbox without a quota, in another process; one for all the tests."""
    with SandboxProcess() as running:
        yield running


@pytest.fixture
def settings(server: SandboxProcess) -> Iterator[dict[str, str]]:
    """The environment that names the server, whose faults of a test end with it."""
    yield {
        "CAPILLARY_BASE_URL": server.base_url,
        "CAPILLARY_USERNAME": "sandbox",
        "CAPILLARY_PASSWORD": "sandbox",
        "CAPILLARY_RATE": "100000/1",
    }
    server.change(faults=0.0, answers=None)
    server.reset_counts()


@pytest.fixture
def workspace(tmp_path: Path, settings: dict[str, str]) -> Workspace:
    """A list of ten customers, and an environment that names the server."""
    return Workspace(tmp_path, settings)
