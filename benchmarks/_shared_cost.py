"""What a lookup costs where its slot comes from this process, from a file, and from Redis."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from benchmarks._load import client_of
from benchmarks._peers.this_client import DOCUMENTED, InstantTransport
from benchmarks._suite.figures import markdown, spread
from capillary_interactions import Identifier, InteractionsClient, RateLimit
from capillary_interactions._pacing.shared.link import StoreLink
from capillary_interactions._pacing.shared.schedule import Demand, Reply

_ROUNDS: Final = 9
_LOOKUPS: Final = 800
# At how many lookups at once, of which quota: far below it, and as much as it has.
_LOADS: Final = {
    "one at a time, far below the quota": (1, RateLimit(1_000_000, 1.0)),
    "32 at once, 2,000 a second": (32, RateLimit(2_000, 1.0)),
}


async def print_costs(places: Mapping[str, str | None]) -> None:
    """Print a table; the places take turns in each round.

    Args:
        places: `ClientConfig.shared` by the name it has in the table.
    """
    rows = []
    for load, (at_once, limit) in _LOADS.items():
        costs: dict[str, list[float]] = {name: [] for name in places}
        exchanges = dict.fromkeys(places, 0)
        for round_number in range(_ROUNDS):
            for name, shared in places.items():
                client = client_of(
                    "http://127.0.0.1",
                    limit,
                    transport=InstantTransport(DOCUMENTED),
                    shared=shared,
                )
                async with client:
                    await _look_up(client, at_once, at_once)
                    with _counted() as counted:
                        began = time.process_time()
                        await _look_up(client, at_once, _LOOKUPS)
                        costs[name].append((time.process_time() - began) / _LOOKUPS)
                if round_number:
                    exchanges[name] += len(counted)
        for name in places:
            micros = spread([1e6 * one for one in costs[name]])
            trips = exchanges[name] / _LOOKUPS / (_ROUNDS - 1)
            rows.append((f"{load}: {name}", micros, f"{trips:.2f}"))
    print(markdown(("", "CPU µs a lookup", "exchanges a lookup"), rows), flush=True)


@contextmanager
def _counted() -> Iterator[list[Demand]]:
    """The exchanges of all clients meanwhile."""
    counted: list[Demand] = []
    exchange = StoreLink.exchange

    def count(self: StoreLink, demand: Demand, done: Callable[[Reply | None], None]) -> None:
        counted.append(demand)
        exchange(self, demand, done)

    StoreLink.exchange = count  # type: ignore[method-assign]
    try:
        yield counted
    finally:
        StoreLink.exchange = exchange  # type: ignore[method-assign]


async def _look_up(client: InteractionsClient, at_once: int, lookups: int) -> None:
    async def some(first: int) -> None:
        for number in range(first, lookups, at_once):
            await client.lookup(Identifier.mobile(f"91{9_000_000_000 + number}"))

    await asyncio.gather(*map(some, range(at_once)))
