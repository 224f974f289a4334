"""Leaks of this process: tasks, and sockets as the operating system counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .byte_server import TASK

_MAX_POLLS = 200


def descriptors() -> int:
    """Count the open file descriptors."""
    # The listing itself has one open.
    return len(list(Path("/proc/self/fd").iterdir())) - 1


def sockets() -> int:
    """Count the open sockets."""
    return sum(_target(link).startswith("socket:") for link in Path("/proc/self/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _tasks() -> set[asyncio.Task[Any]]:
    """All tasks except those of the tests' own servers, which live as long as connections do."""
    return {task for task in asyncio.all_tasks() if task.get_name() != TASK}


@asynccontextmanager
async def nothing_left(*, connections: bool = False) -> AsyncIterator[None]:
    """Fail if there are more tasks, sockets or descriptors afterwards than before.

    Args:
        connections: Whether connections may be left, for a client that is still open.
    """
    tasks, before = _tasks(), (sockets(), descriptors())
    yield
    left = _tasks() - tasks
    assert not left
    if connections:
        return
    # The other end of a connection is closed some iterations of the loop later.
    for _ in range(_MAX_POLLS):
        if (sockets(), descriptors()) <= before:
            break
        await asyncio.sleep(0.005)
    assert (sockets(), descriptors()) <= before
