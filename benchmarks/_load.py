"""Work without end for a client, and how much of a quota it used."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    RateLimit,
)
from capillary_interactions._http.transport import Transport
from capillary_interactions.events import Observer


def customers(most: int | None = None) -> Iterator[Identifier]:
    """Different ones, as many as are wanted."""
    numbers = count(919_000_000_000) if most is None else islice(count(919_000_000_000), most)
    return (Identifier.mobile(str(number)) for number in numbers)


def client_of(
    base_url: str,
    limit: RateLimit,
    *,
    observers: Iterable[Observer] = (),
    transport: Transport | None = None,
    **settings: Any,
) -> InteractionsClient:
    """A client that keeps 64 requests in flight where the rate allows."""
    usual = {"auth": BasicAuth("till", "secret"), "in_flight": 64}
    config = ClientConfig(base_url, rate=limit, **{**usual, **settings})
    return InteractionsClient(config, observers=observers, transport=transport)


def burst_of(limit: RateLimit) -> int:
    """How many a setting lets leave at once at most."""
    return max(1, limit.requests // 100) if limit.burst is None else limit.burst


async def saturate(
    client: InteractionsClient, *, seconds: float | None = None, lookups: int | None = None
) -> Counter[str]:
    """The endings of as many lookups as the client can do in a time, or of a number of them."""
    until = None if seconds is None else time.monotonic() + seconds
    endings = Counter[str]()
    async with client, client.stream(customers(lookups)) as outcomes:
        async for outcome in outcomes:
            endings[outcome.ending] += 1
            if until is not None and time.monotonic() >= until:
                break
    return endings


def share_used(times: Sequence[float], per_second: float, *, skip: float = 1.0) -> float:
    """How much of a rate these rising moments use, from `skip` seconds after the first one on."""
    late = [moment for moment in times if moment >= times[0] + skip] if times else []
    if len(late) < 2:
        return 0.0
    return (len(late) - 1) / (late[-1] - late[0]) / per_second
