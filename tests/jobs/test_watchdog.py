"""No list blocks the event loop, though a thread of the same process reads it."""

import asyncio
import gc
import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from capillary_interactions.jobs import ListError

from .jobs_under_test import read

_MEBI = 1 << 20
_LISTS: dict[str, Callable[[], bytes]] = {
    "one line": lambda: b"9" * (8 * _MEBI),
    "commas": lambda: b"mobile,n\n" + b"," * (4 * _MEBI - 1),
    "columns": lambda: (b"c," * 100_000 + b"mobile\n") + (b"1," * 100_000 + b"1\n") * 3,
    "quotes": lambda: b"mobile,n\n" + b'1,"x\n' * 5_000,
    "swallowing": lambda: b"mobile,a,b\n" + b'a",x,"b\n' * 3_000,
    "one quote": lambda: b'mobile,n\n1,"' + b"x\n" * (_MEBI // 4),
    "numbers": lambda: b'{"mobile": "1", "a": [' + b"1," * (_MEBI // 8) + b"1]}\n",
    "brackets": lambda: b'{"mobile": "1", "a": [' + b"[]," * (_MEBI // 16) + b"1]}\n",
    "open brackets": lambda: b'{"mobile": "1"}\n' + b"[" * (3 * _MEBI),
    "header": lambda: b"a^" * (2 * _MEBI - 1),
}


def _read(content: bytes) -> None:
    # Some are no lists, which is found in time, too.
    with suppress(ListError):
        read(io.BytesIO(content))


async def _longest_pause(work: Callable[[], object]) -> float:
    """The longest that an event loop is blocked while a thread works, in CPU seconds."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> None:
        work()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=run)
    gc.collect()
    gc.freeze()  # else the collector traverses the objects of earlier tests meanwhile
    try:
        longest, before = 0.0, time.process_time()
        thread.start()
        while not done.is_set():
            await asyncio.sleep(0)
            now = time.process_time()
            longest, before = max(longest, now - before), now
        thread.join()
    finally:
        gc.unfreeze()
    return longest


@pytest.mark.measures
@pytest.mark.parametrize("name", _LISTS)
async def test_gives_the_event_loop_its_turn(name: str) -> None:
    """A list that is made to take long blocks the loop for less than 100 ms of CPU time."""
    content = _LISTS[name]()
    assert await _longest_pause(lambda: _read(content)) < 0.1


@pytest.mark.measures
async def test_measures_what_blocks_the_event_loop() -> None:
    """The control: one call in C that lets no other thread run."""
    assert await _longest_pause(lambda: sum(range(30_000_000))) > 0.1
