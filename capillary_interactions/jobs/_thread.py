"""Where does everything happen that SQLite may take its time for? In one thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Thread:
    """One thread that does one thing after the other."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job")

    async def __call__(
        self, call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> _T:
        """Do something there, and wait for it; what has begun is done, even if nobody waits."""
        return await asyncio.wrap_future(self._executor.submit(call, *arguments, **keywords))

    def close(self) -> None:
        """Take nothing more."""
        self._executor.shutdown(wait=False)
