"""What `capillary_sandbox` is where pytest-asyncio is missing: it says what to install."""

import pytest


@pytest.fixture
def capillary_sandbox() -> None:
    """Fails: a real server for one test needs pytest-asyncio."""
    pytest.fail(
        "the fixture capillary_sandbox needs pytest-asyncio 1.0 or newer, and this run is without "
        "it: pip install 'pytest-asyncio>=1.0'",
        pytrace=False,
    )
