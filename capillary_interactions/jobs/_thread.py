"""Where does everything happen that SQLite may take its time for? In one thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Thread:
    """One thread that does one thing after the other."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def __call__(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Do something there, and wait for it; what has begun is done, even if nobody waits."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job")
        return await asyncio.wrap_future(self._executor.submit(call, *arguments, **keywords))

    def close(self) -> None:
        """End when all is done that was asked for; whatever comes later has another thread."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)


async def aside(call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
    """Do something long in a thread of its own, so that nothing else has to wait for it."""
    thread = Thread()
    try:
        return await thread(call, *arguments, **keywords)
    finally:
        thread.close()


async def stoppable(call: Callable[[Callable[[], bool]], _T]) -> _T:
    """Do something long aside that looks now and then whether it is still wanted.

    Whoever is cancelled while waiting for it waits until it has ended all the same.
    """
    unwanted = threading.Event()
    doing = asyncio.ensure_future(aside(call, unwanted.is_set))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        unwanted.set()
        await asyncio.wait({doing})
        if not doing.cancelled():
            doing.exception()
        raise
