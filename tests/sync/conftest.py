"""What holds for every test of this folder."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """When its clients are closed, a test has left no thread of theirs."""
    yield
    for thread in threading.enumerate():
        if thread.name == "capillary-interactions":
            thread.join(5)
            assert not thread.is_alive()
