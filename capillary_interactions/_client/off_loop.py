"""How is something long computed without keeping the event loop from everything else?"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def off_loop(function: Callable[..., _T], *arguments: Any) -> _T:
    """What a function returns that neither raises nor touches the event loop, from a thread.

    One at a time: Python runs one thread at once and changes every 5 ms, so of several threads the
    event loop would be one of many, and all of their memory would be in use together.
    """
    loop = asyncio.get_running_loop()
    turn = _TURNS.setdefault(loop, asyncio.Lock())
    await turn.acquire()
    try:
        work = loop.run_in_executor(None, partial(function, *arguments))
    except BaseException:
        turn.release()
        raise
    # A caller who is cancelled leaves at once; the thread ends by itself, and only then is it the
    # turn of the next one.
    work.add_done_callback(lambda _: turn.release())
    return await asyncio.shield(work)
