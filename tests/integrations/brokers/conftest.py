"""Each broker runs once for all tests that need it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from benchmarks.servers.brokers import broker, missing, program

Address = Callable[[str], str]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Where a broker of a kind listens; it is started when first asked for."""
    running: dict[str, str] = {}
    with ExitStack() as stack:

        def of(kind: str) -> str:
            if program(kind) is None:
                pytest.skip(missing(kind))
            if kind not in running:
                home = tmp_path_factory.mktemp(kind)
                running[kind] = stack.enter_context(broker(kind, home))
            return running[kind]

        yield of
