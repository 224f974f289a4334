"""Long computations that do not block the event loop."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

_LOCKS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def off_loop(function: Callable[..., _T], *arguments: Any) -> _T:
    """Run a function in a thread; it must neither raise nor touch the event loop.

    One at a time: Python runs one thread at once and switches every 5 ms, so with several threads
    the event loop would be one of many, and all of their memory would be in use together.
    """
    loop = asyncio.get_running_loop()
    lock = _LOCKS.setdefault(loop, asyncio.Lock())
    await lock.acquire()
    try:
        work = loop.run_in_executor(None, partial(function, *arguments))
    except BaseException:
        lock.release()
        raise
    # A cancelled caller does not wait; the lock is released when the thread has ended.
    work.add_done_callback(lambda _: lock.release())
    return await asyncio.shield(work)
