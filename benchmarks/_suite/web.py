"""What does a lookup cost a FastAPI route, beside the same route with bare aiohttp?"""

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

import aiohttp
from attrs import field, frozen

from benchmarks._peers._request import IN_FLIGHT
from benchmarks._suite.clients import SERVER_CORE, THIS, Checkout
from benchmarks._suite.figures import BEFORE, Report, Spread, markdown, ratios, spread
from benchmarks._suite.options import Options
from benchmarks.servers.fastest_http import fast_server
from benchmarks.servers.web_application import application

_ROUTES: Final = {
    "bare": "a route without a lookup",
    "given": "... with the dependency",
    "aiohttp": "... with bare aiohttp, bytes",
    "lookup": "... with dependency and lookup",
}
_DIRECT: Final = "`client.lookup()` without the web"
_FIRST: Final = 919_000_000_000


@frozen(kw_only=True)
class _Turns:
    """One route, turn by turn.

    Attributes:
        cpu: Seconds of the application's CPU time for a request.
        wall: Seconds for a request.
        latencies: Seconds until the last byte, of all requests.
    """

    cpu: list[float] = field(factory=list)
    wall: list[float] = field(factory=list)
    latencies: list[float] = field(factory=list)


def web(options: Options) -> Report:
    """The routes of one application, or of two, in turns."""
    checkouts = {"": THIS, BEFORE: options.before}
    with fast_server(SERVER_CORE) as upstream, ExitStack() as stack:
        addresses = {
            suffix: stack.enter_context(application(upstream, checkout))
            for suffix, checkout in checkouts.items()
            if isinstance(checkout, Checkout)
        }
        turns = asyncio.run(_measure(addresses, options))
    figures, rows = dict[str, Spread](), []
    for name, one in turns.items():
        suffix = BEFORE if name.endswith(BEFORE) else ""
        times = spread(ratios(one.cpu, turns[_ROUTES["aiohttp"] + suffix].cpu))
        rows.append((name, *_columns(one), times))
        if name.startswith(_ROUTES["lookup"]):
            figures[f"route{suffix}"] = times
    heads = ("route", "requests/s", "CPU µs", "p50 ms", "p99 ms", "times that with aiohttp, CPU")
    return Report(title="A FastAPI route", text=markdown(heads, rows), figures=figures)


def _columns(one: _Turns) -> tuple[str, ...]:
    columns = [f"{1 / spread(one.wall).median:,.0f}", f"{spread(one.cpu).median * 1e6:.0f}"]
    if not one.latencies:
        return (*columns, "", "")
    cuts = statistics.quantiles(one.latencies, n=100, method="inclusive")
    return (*columns, f"{cuts[49] * 1e3:.2f}", f"{cuts[98] * 1e3:.2f}")


async def _measure(addresses: Mapping[str, str], options: Options) -> dict[str, _Turns]:
    names = [*_ROUTES.values(), _DIRECT]
    turns = {name + suffix: _Turns() for name in names for suffix in addresses}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for number in range(options.few_rounds + 1):
            for suffix, address in addresses.items():
                for route, name in list(_ROUTES.items())[:: 1 if number % 2 else -1]:
                    kept = turns[name + suffix] if number else _Turns()
                    await _turn(session, f"{address}/{route}", options.requests, kept)
                kept = turns[_DIRECT + suffix] if number else _Turns()
                await _direct(session, address, options.requests, kept)
    return turns


async def _turn(session: aiohttp.ClientSession, route: str, requests: int, kept: _Turns) -> None:
    numbers = iter(range(_FIRST, _FIRST + requests))

    async def work() -> None:
        for number in numbers:
            began = time.perf_counter()
            async with session.get(f"{route}/{number}") as response:
                await response.read()
                assert response.status == 200  # noqa: S101 - or the figure means nothing
            kept.latencies.append(time.perf_counter() - began)

    cpu, began = await _cpu(session, route), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    kept.wall.append((time.perf_counter() - began) / requests)
    kept.cpu.append((await _cpu(session, route) - cpu) / requests)


async def _cpu(session: aiohttp.ClientSession, route: str) -> float:
    async with session.get(f"{route.rpartition('/')[0]}/cpu") as response:
        return float(await response.json())


async def _direct(
    session: aiohttp.ClientSession, address: str, requests: int, kept: _Turns
) -> None:
    async with session.get(f"{address}/direct/{requests}/{IN_FLIGHT}") as response:
        seconds, cpu = await response.json()
    kept.wall.append(seconds / requests)
    kept.cpu.append(cpu / requests)
