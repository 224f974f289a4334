"""Redis servers that a trial starts, pauses and ends as it likes, and clusters of them."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.servers.brokers import free_port, missing, program, running

_MIDDLE_SLOT: Final = 8192
_LAST_SLOT: Final = 16383
_START: Final = 20.0


@contextmanager
def redis_server(home: Path, port: int, *options: str) -> Iterator[int]:
    """A Redis on a loopback port, without persistence; gives the number of its process.

    Raises:
        RuntimeError: It is not installed, or does not start.
    """
    server = program("redis")
    if server is None:
        raise RuntimeError(missing("redis"))
    home.mkdir(exist_ok=True)
    command = [server, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(home)]
    process = home / "redis.pid"
    with running([*command, "--pidfile", str(process), *options], home, port):
        yield _number(process)


def _number(file: Path) -> int:
    """What the server writes there, a moment after it listens."""
    until = time.monotonic() + _START
    while time.monotonic() < until:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.001)
    raise RuntimeError("the server writes no number of its process")


@contextmanager
def paused(process: int) -> Iterator[None]:
    """A process that stands still for as long as the block lasts."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def redis_cluster(home: Path, nodes: int = 1) -> Iterator[Sequence[int]]:
    """The ports of a cluster's nodes, which share the slots evenly; one or two of them."""
    ports = [free_port() for _ in range(nodes)]
    # Else it is the port and 10,000, which may be no port at all.
    buses = [free_port() for _ in range(nodes)]
    with ExitStack() as stack:
        for port, bus in zip(ports, buses, strict=True):
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
            stack.enter_context(redis_server(home / str(port), port, *options))
        asyncio.run(_assign_slots(ports, buses))
        yield ports


async def _assign_slots(ports: Sequence[int], buses: Sequence[int]) -> None:
    bounds = [0, _MIDDLE_SLOT, _LAST_SLOT + 1] if len(ports) > 1 else [0, _LAST_SLOT + 1]
    for number, port in enumerate(ports):
        await _command(port, "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        await _command(port, "SET-CONFIG-EPOCH", number + 1)
    for port, bus in zip(ports[1:], buses[1:], strict=True):
        await _command(ports[0], "MEET", "127.0.0.1", port, bus)
    async with asyncio.timeout(_START):
        for port in ports:
            while "cluster_state:ok" not in await _command(port, "INFO"):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.02)


async def _command(port: int, *words: str | int) -> str:
    async with Redis(port=port, decode_responses=True) as client:
        node: Any = client
        return str(await node.execute_command("CLUSTER", *words))
