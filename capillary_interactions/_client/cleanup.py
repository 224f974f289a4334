"""Clean-up that completes even if its caller is cancelled meanwhile.

One cancellation may be followed by another, and those of anyio's scopes are repeated in every
iteration of the event loop: what is awaited in an `except` or a `finally` would be left half done.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from contextlib import AsyncExitStack
from typing import Any


async def finish(cleanup: Coroutine[Any, Any, None]) -> None:
    """Run a clean-up to its end, in a task; a cancellation of the caller is raised after it."""
    task = asyncio.get_running_loop().create_task(cleanup)
    try:
        await wait_until_done((task,))
    except asyncio.CancelledError as error:
        # Not lost, and asyncio does not log an error that was never retrieved.
        raise error from (None if task.cancelled() else task.exception())
    task.result()


async def wait_until_done(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Wait until all tasks have ended; a cancellation of the caller is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            if all(task.done() for task in tasks):
                raise
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def close_all(steps: Iterable[Callable[[], Coroutine[Any, Any, object]]]) -> None:
    """Run each of the steps, in their order, even if another one fails."""
    async with AsyncExitStack() as stack:
        # They run in reverse.
        for step in reversed(tuple(steps)):
            stack.push_async_callback(step)
