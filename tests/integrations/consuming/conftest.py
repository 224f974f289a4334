"""Every asynchronous test of this folder runs on a clock that jumps over each wait."""

import asyncio
from collections.abc import Callable, Mapping

from capillary_interactions.testing import JumpingEventLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What pytest-asyncio makes the event loop of a test with."""
    return {"jumping": JumpingEventLoop}
