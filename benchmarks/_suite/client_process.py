"""One client in a process of its own: works at every line of its standard input.

Usage: client_process TARGET STYLE ADDRESS LOOP. Each line is a number of items; the reply is a line
with the seconds of CPU time and of wall time for each of them.
"""

import asyncio
import importlib
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import count, islice
from typing import Any, Final

from benchmarks._peers._request import IN_FLIGHT

# Seconds of CPU time, and of wall time.
Spent = tuple[float, float]
# From a client and how many items to what they took, each.
Style = Callable[[Any, int], Awaitable[Spent]]

_MOBILES: Final = map(str, count(919_000_000_000))


async def _concurrently(fetch: Any, items: int) -> Spent:
    """By as many workers as there are connections, each with one lookup at a time."""
    mobiles = islice(_MOBILES, items)

    async def work() -> None:
        for mobile in mobiles:
            await fetch(mobile)

    began = _now()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return _each(began, items)


async def _in_bulk(fetch_all: Any, items: int) -> Spent:
    """By the client's own means for many."""
    mobiles = islice(_MOBILES, items)
    began = _now()
    assert await fetch_all(mobiles) == items  # noqa: S101 - or the figure means nothing
    return _each(began, items)


async def _one_by_one(fetch: Any, items: int) -> Spent:
    """The median of single lookups, with nothing beside them."""
    each = []
    for mobile in islice(_MOBILES, items):
        began = _now()
        await fetch(mobile)
        each.append(_each(began, 1))
    return _medians(iter(each))


async def _called(work: Callable[[], object], items: int) -> Spent:
    """A plain function, so often."""
    began = _now()
    for _ in range(items):
        work()
    return _each(began, items)


def _now() -> Spent:
    return time.process_time(), time.perf_counter()


def _each(began: Spent, items: int) -> Spent:
    cpu, wall = _now()
    return (cpu - began[0]) / items, (wall - began[1]) / items


def _medians(each: Iterator[Spent]) -> Spent:
    cpu, wall = zip(*each, strict=True)
    return statistics.median(cpu), statistics.median(wall)


STYLES: Final[dict[str, Style]] = {
    "concurrently": _concurrently,
    "in bulk": _in_bulk,
    "one by one": _one_by_one,
    "called": _called,
}


def opened(target: str, address: str) -> AbstractAsyncContextManager[Any]:
    """A client that is open for the time of the block; see `clients.Contender.target`."""
    module, _, name = target.partition(":")
    client = getattr(importlib.import_module(f"benchmarks._peers.{module}"), name)
    context: AbstractAsyncContextManager[Any] = client(address)
    return context


async def _serve(target: str, style: str, address: str) -> None:
    async with opened(target, address) as client:
        print("ready", flush=True)
        # The loop stands still while another process has its turn.
        for line in sys.stdin:
            print(json.dumps(await STYLES[style](client, int(line))), flush=True)


def main() -> None:
    """Serve until standard input ends."""
    target, style, address, loop = sys.argv[1:]
    factory = None if loop == "asyncio" else importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(target, style, address))


if __name__ == "__main__":
    main()
