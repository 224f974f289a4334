"""What does this client cost over bare aiohttp that only reads the bytes?

Both ask the same server, in another process, from the same event loop, in turn, a few hundred
requests at a time; each pair of turns gives one ratio. Usage:

    python -m benchmarks.overhead [--requests 2000] [--rounds 15] [--in-flight 32]
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

from benchmarks.servers.fastest_http import fast_server
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    RateLimit,
)

_UNPACED = RateLimit(1_000_000, 1.0)


def _numbers(count: int) -> Iterator[str]:
    return (str(919_000_000_000 + number) for number in range(count))


async def _bare(session: aiohttp.ClientSession, base_url: str, requests: int, at_once: int) -> None:
    numbers = _numbers(requests)

    async def work() -> None:
        for number in numbers:
            url = (
                f"{base_url}/v1.1/customer/interaction"
                f"?format=json&identifierName=mobile&mobile={number}"
            )
            async with session.get(url) as response:
                await response.read()

    await asyncio.gather(*(work() for _ in range(at_once)))


async def _stream(client: InteractionsClient, requests: int, at_once: int) -> None:
    queries = (Identifier.mobile(number) for number in _numbers(requests))
    async with client.stream(queries, in_flight=at_once) as outcomes:
        async for outcome in outcomes:
            assert isinstance(outcome, Found)  # noqa: S101 - or the figure means nothing


async def _lookups(client: InteractionsClient, requests: int, at_once: int) -> None:
    numbers = _numbers(requests)

    async def work() -> None:
        for number in numbers:
            (await client.lookup(Identifier.mobile(number))).unwrap()

    await asyncio.gather(*(work() for _ in range(at_once)))


async def _timed(turn: Callable[[], Awaitable[None]], requests: int) -> tuple[float, float]:
    """Requests a second, and microseconds of this process's CPU a request."""
    began, cpu = time.perf_counter(), time.process_time()
    await turn()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return requests / seconds, cpu / requests * 1e6


async def _measure(base_url: str, requests: int, rounds: int, at_once: int) -> None:
    config = ClientConfig(base_url, BasicAuth("till", "secret"), rate=_UNPACED, in_flight=at_once)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with (
        aiohttp.ClientSession(connector=connector, headers={"Accept": "application/json"}) as bare,
        InteractionsClient(config) as client,
    ):
        turns: dict[str, Callable[[], Awaitable[None]]] = {
            "bare aiohttp, bytes": lambda: _bare(bare, base_url, requests, at_once),
            "client.stream()": lambda: _stream(client, requests, at_once),
            "client.lookup()": lambda: _lookups(client, requests, at_once),
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
        for number in range(rounds + 1):
            for name, turn in turns.items():
                figure = await _timed(turn, requests)
                if number:  # the first round warms up
                    figures[name].append(figure)
    _print(figures)


def _print(figures: dict[str, list[tuple[float, float]]]) -> None:
    bare = next(iter(figures.values()))
    print(f"{'':22}{'requests/s':>12}{'CPU µs each':>13}{'ratio (min..max)':>24}")
    for name, rows in figures.items():
        ratios = [mine[0] / its[0] for mine, its in zip(rows, bare, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
        rate = statistics.median(row[0] for row in rows)
        cpu = statistics.median(row[1] for row in rows)
        print(f"{name:22}{rate:12.0f}{cpu:13.0f}{spread:>24}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--in-flight", type=int, default=32)
    options = parser.parse_args()
    with fast_server() as base_url:
        asyncio.run(_measure(base_url, options.requests, options.rounds, options.in_flight))


if __name__ == "__main__":
    main()
