"""What does a lookup cost in a FastAPI application, and how fast is a cool-down answered?

The application runs under uvicorn in a process of its own, what it asks in another, and the load
comes from this one. Usage:

    python -m benchmarks.web [--requests 2000] [--rounds 7] [--in-flight 32]
        [--onsets 5] [--per-second 200]
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from attrs import frozen

from benchmarks.servers.fastest_http import fast_server
from capillary_interactions.sandbox import SandboxProcess

_ROOT = Path(__file__).parents[1]
_ROUTES = ("bare", "given", "lookup")
_SECONDS = 5.0
_AT_ONCE = 100


@contextmanager
def _application(upstream: str) -> Iterator[str]:
    """The address of the application, for as long as the block lasts."""
    command = (
        *(sys.executable, "-m", "uvicorn", "benchmarks.servers.web_app:app"),
        *("--port", "0", "--no-access-log", "--backlog", "1024"),
    )
    settings = {
        "CAPILLARY_BASE_URL": upstream,
        "CAPILLARY_USERNAME": "sandbox",
        "CAPILLARY_PASSWORD": "sandbox",
        "CAPILLARY_RATE": "1000000/1",
    }
    with subprocess.Popen(
        command, env={**os.environ, **settings}, cwd=_ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        try:
            lines = iter(process.stderr.readline, "")
            found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines)
            yield next(match[0] for match in found if match)
        finally:
            process.terminate()
            process.communicate()


async def _ask(session: aiohttp.ClientSession, path: str) -> tuple[int, float]:
    """The status, and the seconds until the last byte."""
    began = time.perf_counter()
    async with session.get(path) as response:
        await response.read()
        return response.status, time.perf_counter() - began


async def _json(session: aiohttp.ClientSession, path: str) -> list[float]:
    async with session.get(path) as response:
        read = await response.json()
        return read if isinstance(read, list) else [read]


async def _turn(
    session: aiohttp.ClientSession, route: str, requests: int, at_once: int
) -> tuple[float, float, list[float]]:
    """Requests a second, CPU microseconds of the application each, and seconds each."""
    numbers, took = iter(range(919_000_000_000, 919_000_000_000 + requests)), list[float]()

    async def work() -> None:
        for number in numbers:
            status, seconds = await _ask(session, f"/{route}/{number}")
            assert status == 200  # noqa: S101 - or the figure means nothing
            took.append(seconds)

    (before,), began = await _json(session, "/cpu"), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds = time.perf_counter() - began
    (after,) = await _json(session, "/cpu")
    return requests / seconds, (after - before) / requests * 1e6, took


def _milliseconds(took: list[float], per_cent: int) -> float:
    return statistics.quantiles(took, n=100)[per_cent - 1] * 1e3


async def _overhead(base_url: str, requests: int, rounds: int, at_once: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in (*_ROUTES, "direct")}
    cpus: dict[str, list[float]] = {name: [] for name in (*_ROUTES, "direct")}
    took: dict[str, list[float]] = {name: [] for name in _ROUTES}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base_url, connector=connector) as session:
        for number in range(rounds + 1):
            for route in _ROUTES:
                rate, cpu, each = await _turn(session, route, requests, at_once)
                if number:  # the first round warms up
                    rates[route].append(rate)
                    cpus[route].append(cpu)
                    took[route] += each
            seconds, cpu = await _json(session, f"/direct/{requests}/{at_once}")
            if number:
                rates["direct"].append(requests / seconds)
                cpus["direct"].append(cpu / requests * 1e6)
        quiet = {route: (await _turn(session, route, requests, 1))[2] for route in _ROUTES}
    heads = ("requests/s", "CPU µs each", "p50 ms", "p99 ms", "p50 ms alone")
    widths = (11, 12, 8, 8, 14)
    print(" " * 34, *(head.rjust(wide) for head, wide in zip(heads, widths, strict=True)), sep="")
    for name, words in (
        ("bare", "a route without a lookup"),
        ("given", "... with the dependency"),
        ("lookup", "... with dependency and lookup"),
        ("direct", "client.lookup() without the web"),
    ):
        line = (
            f"{words:34}{statistics.median(rates[name]):11.0f}{statistics.median(cpus[name]):12.0f}"
        )
        if name in took:
            each = took[name]
            line += f"{_milliseconds(each, 50):8.2f}{_milliseconds(each, 99):8.2f}"
            line += f"{_milliseconds(quiet[name], 50):14.2f}"
        print(line)
    dependency = _difference(cpus["given"], cpus["bare"])
    beyond = _difference(cpus["lookup"], cpus["bare"]) - statistics.median(cpus["direct"])
    print(
        f"CPU of the dependency: {dependency:.0f} µs; "
        f"of dependency and lookup beyond a direct call: {beyond:.0f} µs"
    )


def _difference(more: list[float], less: list[float]) -> float:
    """By the round, for the machine is not the same in all of them."""
    return statistics.median(one - other for one, other in zip(more, less, strict=True))


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
        _application(sandbox.base_url) as base_url,
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
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--onsets", type=int, default=5)
    parser.add_argument("--per-second", type=int, default=200)
    options = parser.parse_args()
    with fast_server() as upstream, _application(upstream) as base_url:
        asyncio.run(_overhead(base_url, options.requests, options.rounds, options.in_flight))
    _onsets(options.onsets)
    with _exhaustible() as base_url:
        asyncio.run(_cool_down(base_url, options.per_second))


if __name__ == "__main__":
    main()
