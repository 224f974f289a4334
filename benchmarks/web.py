"""How fast does a FastAPI application answer in a cool-down?

The application runs under uvicorn in a process of its own, what it asks in another, and the load
comes from this one. What a lookup costs a route: `python -m benchmarks web`. Usage:

    python -m benchmarks.web [--onsets 5] [--per-second 200]
"""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from attrs import frozen

from benchmarks.servers.web_application import application
from capillary_interactions.sandbox import SandboxProcess

_SECONDS = 5.0
_AT_ONCE = 100


async def _ask(session: aiohttp.ClientSession, path: str) -> tuple[int, float]:
    """The status, and the seconds until the last byte."""
    began = time.perf_counter()
    async with session.get(path) as response:
        await response.read()
        return response.status, time.perf_counter() - began


def _milliseconds(took: list[float], per_cent: int) -> float:
    return statistics.quantiles(took, n=100)[per_cent - 1] * 1e3


@frozen
class _Crowd:
    """A hundred requests at once.

    Attributes:
        statuses: How many answers had each status.
        slowest: Milliseconds until the last of them.
    """

    statuses: Counter[int]
    slowest: float


async def _crowd(session: aiohttp.ClientSession, route: str, first: int) -> _Crowd:
    customers = range(first, first + _AT_ONCE)
    answers = await asyncio.gather(*(_ask(session, f"/{route}/{one}") for one in customers))
    statuses = Counter(status for status, _ in answers)
    return _Crowd(statuses, max(seconds for _, seconds in answers) * 1e3)


async def _onset(base_url: str) -> tuple[_Crowd, _Crowd]:
    """A crowd in which a cool-down begins, and a crowd that a constant refuses."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base_url, connector=connector) as session:
        # Connections are open and code is warm after these.
        await _crowd(session, "refused", 1000)
        # One by one they spend the quota, over one connection: the crowd has to open more.
        for customer in range(1000, 1000 + _AT_ONCE):
            await _ask(session, f"/lookup/{customer}")
        control = await _crowd(session, "refused", 2000)
        return await _crowd(session, "lookup", 3000), control


def _onsets(rounds: int) -> None:
    ours, controls = list[_Crowd](), list[_Crowd]()
    for _ in range(rounds):
        # A fresh quota and a fresh application each time: a cool-down begins only once.
        with _exhaustible() as base_url:
            crowd, control = asyncio.run(_onset(base_url))
        ours.append(crowd)
        controls.append(control)
    print(f"a cool-down begins under {_AT_ONCE} requests at once, {rounds} times:")
    for words, crowds in (("with a lookup", ours), ("a constant 503", controls)):
        slowest = [crowd.slowest for crowd in crowds]
        statuses = dict(sum((crowd.statuses for crowd in crowds), Counter[int]()))
        print(
            f"  {words:14} {statuses}, the slowest of a hundred after "
            f"{statistics.median(slowest):.0f} ms (median), {max(slowest):.0f} ms (most)"
        )


@contextmanager
def _exhaustible() -> Iterator[str]:
    with (
        SandboxProcess(rate=(_AT_ONCE, 60.0), latency=0.0, unknown=0) as sandbox,
        application(sandbox.base_url) as base_url,
    ):
        yield base_url


async def _cool_down(base_url: str, per_second: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base_url, connector=connector) as session:
        for first in (1000, 2000):
            await _crowd(session, "lookup", first)
        took: dict[str, list[float]] = {}
        tasks = []
        began = time.perf_counter()
        for number in range(int(per_second * _SECONDS)):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            # By turns, so that both meet the same machine.
            route = ("lookup", "refused")[number % 2]
            tasks.append((route, asyncio.create_task(_ask(session, f"/{route}/{number}"))))
        for route, task in tasks:
            status, seconds = await task
            assert status == 503  # noqa: S101 - or the figure means nothing
            took.setdefault(route, []).append(seconds)
        async with session.get("/lookup/1") as response:
            retry_after = response.headers.get("Retry-After")
    print(f"during it, {per_second}/s, half of them lookups, all 503 (Retry-After: {retry_after}):")
    for words, route in (("with a lookup", "lookup"), ("a constant 503", "refused")):
        each = took[route]
        print(
            f"  {words:14} p50 {_milliseconds(each, 50):.1f} ms, p99 {_milliseconds(each, 99):.1f} "
            f"ms, slowest {max(each) * 1e3:.1f} ms (of 50 ms)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--onsets", type=int, default=5)
    parser.add_argument("--per-second", type=int, default=200)
    options = parser.parse_args()
    _onsets(options.onsets)
    with _exhaustible() as base_url:
        asyncio.run(_cool_down(base_url, options.per_second))


if __name__ == "__main__":
    main()
