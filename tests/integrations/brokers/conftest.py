"""Each broker runs once for all tests that need it."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from benchmarks.servers.brokers import VIRTUAL_HOSTS, broker, missing, program
from benchmarks.servers.redis_servers import redis_cluster

Address = Callable[[str], str]

# "gw0", "gw1" and so on; None without pytest-xdist.
_WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Where a broker of a kind listens; it is started when first asked for."""
    running: dict[str, str] = {}
    with ExitStack() as stack:

        def of(kind: str) -> str:
            if program(kind) is None:
                pytest.skip(missing(kind))
            if kind not in running:
                # RabbitMQ takes seconds of CPU to start.
                run = _shared_broker if kind == "rabbitmq" and _WORKER else broker
                running[kind] = stack.enter_context(run(kind, tmp_path_factory.mktemp(kind)))
            return running[kind]

        yield of


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[int]]:
    """The ports of the two nodes of a Redis Cluster."""
    if program("redis") is None:
        pytest.skip(missing("redis"))
    with redis_cluster(tmp_path_factory.mktemp("cluster"), nodes=2) as ports:
        yield ports


@contextmanager
def _shared_broker(kind: str, home: Path) -> Iterator[str]:
    """One broker for all workers: the first one starts it, and stops it when none uses it."""
    known = home.parents[1] / f"{kind}-address"
    with (
        known.with_suffix(".starting").open("w") as starting,
        known.with_suffix(".used").open("w") as used,
        ExitStack() as stack,
    ):
        fcntl.flock(starting, fcntl.LOCK_EX)
        is_owner = not known.exists()
        if is_owner:
            known.write_text(stack.enter_context(broker(kind, home)))
        fcntl.flock(used, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield f"{known.read_text()}/{_virtual_host()}"
        if is_owner:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(used, fcntl.LOCK_EX)
            known.unlink()


def _virtual_host() -> str:
    """Return the one of this worker, as tests of different workers use queues of the same name."""
    names = VIRTUAL_HOSTS[1:]
    return names[int((_WORKER or "gw0").removeprefix("gw")) % len(names)]
