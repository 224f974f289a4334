"""What is left behind in this process: tasks, and sockets as the operating system counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .byte_server import TASK

_SETTLING = 200


def descriptors() -> int:
    """File descriptors that this process holds."""
    # One of them is the listing's own.
    return len(list(Path("/proc/self/fd").iterdir())) - 1


def sockets() -> int:
    """Sockets that this process holds."""
    return sum(_target(link).startswith("socket:") for link in Path("/proc/self/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _tasks() -> set[asyncio.Task[Any]]:
    """Every task but those of the tests' own servers, which live as long as connections do."""
    return {task for task in asyncio.all_tasks() if task.get_name() != TASK}


@asynccontextmanager
async def nothing_left(*, connections: bool = False) -> AsyncIterator[None]:
    """Fails unless there are as few tasks, sockets and descriptors afterwards as before.

    Args:
        connections: Whether connections may be left, for a client that still lives.
    """
    tasks, before = _tasks(), (sockets(), descriptors())
    yield
    left = _tasks() - tasks
    assert not left
    if connections:
        return
    # A connection's other end hears of its end a few turns of the loop later.
    for _ in range(_SETTLING):
        if (sockets(), descriptors()) <= before:
            break
        await asyncio.sleep(0.005)
    assert (sockets(), descriptors()) <= before
