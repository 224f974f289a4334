"""What does the client without async add to a lookup, and to an item of a stream?

python -m benchmarks.without_async [--rounds 7] [--items 1000]

The same lookups by the asynchronous client, by the synchronous one, and by the few lines that one
would write instead (`asyncio.run_coroutine_threadsafe(...).result()`), in turns, on event loops of
one kind, over HTTP to a server in another process. CPU time is that of all threads; what is added
is the median of the differences to the asynchronous client in the same round.
"""

import argparse
import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from benchmarks.servers.fastest_http import fast_server
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    sync,
)
from capillary_interactions._client.loop_factory import loop_factory

AT_ONCE: Final = 32
_ASYNC: Final = "asynchronous"
Work = Callable[[list[Identifier]], None]


def _config(base_url: str) -> ClientConfig:
    auth = BasicAuth("till", "secret")
    return ClientConfig(base_url, auth, rate="1000000/1", in_flight=AT_ONCE)


def _check(count: int, of: int) -> None:
    if count != of:
        raise RuntimeError(f"{count} of {of} were found")


@contextmanager
def _asynchronous(base_url: str) -> Iterator[dict[str, Work]]:
    """The asynchronous client, in an event loop of this thread."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        client = InteractionsClient(_config(base_url))

        async def one_by_one(who: list[Identifier]) -> None:
            found = [isinstance(await client.lookup(each), Found) for each in who]
            _check(sum(found), len(who))

        async def at_once(who: list[Identifier]) -> None:
            await asyncio.gather(*(one_by_one(who[n::AT_ONCE]) for n in range(AT_ONCE)))

        async def streamed(who: list[Identifier]) -> None:
            async with client.stream(who) as outcomes:
                _check(sum([isinstance(one, Found) async for one in outcomes]), len(who))

        def running(work: Callable[[list[Identifier]], Awaitable[None]]) -> Work:
            async def run(who: list[Identifier]) -> None:
                await work(who)

            return lambda who: runner.run(run(who))

        yield {
            "lookup": running(one_by_one),
            "at once": running(at_once),
            "stream": running(streamed),
        }
        runner.run(client.aclose())


def _blocking(
    lookup: Callable[[Identifier], object], threads: ThreadPoolExecutor
) -> dict[str, Work]:
    def one_by_one(who: list[Identifier]) -> None:
        _check(sum(isinstance(lookup(each), Found) for each in who), len(who))

    def at_once(who: list[Identifier]) -> None:
        list(threads.map(one_by_one, (who[n::AT_ONCE] for n in range(AT_ONCE))))

    return {"lookup": one_by_one, "at once": at_once}


@contextmanager
def _synchronous(base_url: str) -> Iterator[dict[str, Work]]:
    """The synchronous client."""
    with sync.InteractionsClient(_config(base_url)) as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def streamed(who: list[Identifier]) -> None:
            _check(sum(isinstance(one, Found) for one in client.stream(who)), len(who))

        yield {**_blocking(client.lookup, pool), "stream": streamed}


@contextmanager
def _few_lines(base_url: str) -> Iterator[dict[str, Work]]:
    """The asynchronous client in a thread, by what asyncio has for it."""
    loop = (loop_factory() or asyncio.new_event_loop)()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = InteractionsClient(_config(base_url))

    def lookup(who: Identifier) -> object:
        return asyncio.run_coroutine_threadsafe(client.lookup(who), loop).result()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield _blocking(lookup, pool)
    asyncio.run_coroutine_threadsafe(client.aclose(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


CLIENTS: Final = {
    _ASYNC: _asynchronous,
    "synchronous": _synchronous,
    "run_coroutine_threadsafe": _few_lines,
}
WORDS: Final = {
    "lookup": "one lookup after the other",
    "at once": f"{AT_ONCE} threads, or tasks",
    "stream": f"a stream, {AT_ONCE} at once",
}


def _measured(work: Work, who: list[Identifier]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work(who)
    return (time.process_time() - cpu) / len(who), (time.perf_counter() - wall) / len(who)


def turns(
    base_url: str, items: int, rounds: int
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """CPU and wall seconds for an item, in each round, by way and client."""
    who = [Identifier.mobile(str(919_000_000_000 + number)) for number in range(items)]
    figures: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for turn in range(rounds + 1):
        for name, client in list(CLIENTS.items())[:: 1 if turn % 2 else -1]:
            with client(base_url) as ways:
                for way, work in ways.items():
                    work(who[: 2 * AT_ONCE])  # connections and caches
                    figure = _measured(work, who)
                    if turn:  # the first round warms up
                        figures.setdefault((way, name), []).append(figure)
    return figures


def rows(figures: dict[tuple[str, str], list[tuple[float, float]]]) -> Iterator[str]:
    """The lines of a table."""
    for (way, name), pairs in sorted(
        figures.items(), key=lambda item: list(WORDS).index(item[0][0])
    ):
        added = [
            tuple(one - other for one, other in zip(pair, base, strict=True))
            for pair, base in zip(pairs, figures[way, _ASYNC], strict=True)
        ]
        columns = [
            f"{1e6 * statistics.median(column):.0f}"
            for column in (*zip(*pairs, strict=True), *zip(*added, strict=True))
        ]
        yield f"| {WORDS[way]} | {name} | {' | '.join(columns)} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--items", type=int, default=1000)
    given = parser.parse_args()
    with fast_server() as base_url:
        figures = turns(base_url, given.items, given.rounds)
    print("| | client | CPU µs | wall µs | CPU µs added | wall µs added |")
    print("|---|---|---|---|---|---|")
    for row in rows(figures):
        print(row)


if __name__ == "__main__":
    main()
