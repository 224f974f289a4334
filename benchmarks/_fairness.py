"""Whose turn is it? Lookups beside streams, streams with a share, several credentials."""

import asyncio
import statistics
from collections import Counter
from typing import Final

from benchmarks._load import client_of, customers
from benchmarks.servers.rate_limited import Rule, limited
from capillary_interactions import (
    BasicAuth,
    Identifier,
    InteractionsClient,
    RateLimit,
    events,
)
from capillary_interactions._http.transport import Transport

LIMIT: Final = RateLimit(50, 1.0)
RULE: Final = Rule(kind="sliding log", requests=100_000, per=1.0, takes=0.02)
_TILLS: Final = tuple(BasicAuth(f"till{number}", "secret") for number in range(3))


def _now() -> float:
    # The event loop's clock, so that it may be simulated.
    return asyncio.get_running_loop().time()


async def _pull(client: InteractionsClient, share: float | None, counts: list[float]) -> None:
    async with client.stream(customers(), share=share) as outcomes:
        async for _ in outcomes:
            counts.append(_now())  # noqa: PERF401 - each one as it comes


async def lookups_beside_a_stream(
    base_url: str, seconds: float, transport: Transport | None = None
) -> tuple[list[float], int]:
    """How long single lookups waited while a stream took all it could get, and its outcomes."""
    streamed, waits = list[float](), list[float]()
    async with client_of(base_url, LIMIT, transport=transport) as client:
        stream = asyncio.create_task(_pull(client, None, streamed))
        until = _now() + seconds
        number = 0
        while _now() < until:
            await asyncio.sleep(0.25)
            outcome = await client.lookup(Identifier.email(f"c{number}@example.com"))
            waits.append(outcome.waited)
            number += 1
        stream.cancel()
        await asyncio.wait([stream])
    return waits, len(streamed)


async def stream_under_a_flood(
    base_url: str, seconds: float, transport: Transport | None = None
) -> tuple[int, int]:
    """Outcomes of a stream, and of lookups of which there are always a hundred waiting."""
    streamed, looked_up = list[float](), Counter[str]()
    async with client_of(base_url, LIMIT, transport=transport) as client:

        async def flood(one: int) -> None:
            number = 0
            while True:
                email = f"c{one}.{number}@example.com"
                outcome = await client.lookup(Identifier.email(email), timeout=seconds + 30)
                looked_up[outcome.ending] += 1
                number += 1

        tasks = [asyncio.create_task(flood(one)) for one in range(100)]
        tasks.append(asyncio.create_task(_pull(client, None, streamed)))
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return len(streamed), looked_up["found"]


async def stream_with_a_share(
    base_url: str, share: float, seconds: float, transport: Transport | None = None
) -> float:
    """The part of the client's rate that a stream with a share uses, alone on the client."""
    streamed = list[float]()
    async with client_of(base_url, LIMIT, transport=transport) as client:
        stream = asyncio.create_task(_pull(client, share, streamed))
        await asyncio.sleep(seconds)
        stream.cancel()
        await asyncio.wait([stream])
        return (len(streamed) - 1) / (streamed[-1] - streamed[0]) / client.snapshot().rate


async def several_credentials(
    base_url: str, seconds: float, throttled: int | None, transport: Transport | None = None
) -> tuple[list[int], list[float]]:
    """Requests of each credential, and its cool-down, with one of them refused at the start."""
    sent = Counter[int]()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.AttemptBegan):
            sent[event.credential] += 1

    config = client_of(base_url, LIMIT, auth=_TILLS).config
    async with InteractionsClient(config, observers=[watch], transport=transport) as client:
        if throttled is not None:
            # As its answer would: the pace of that credential hears of a refusal.
            await client.lookup(Identifier.mobile("919000000001"))
            client._pool.all[throttled].on_throttled(_now(), 60.0)  # noqa: SLF001
        stream = asyncio.create_task(_pull(client, None, []))
        await asyncio.sleep(seconds)
        pauses = [one.cool_down for one in client.snapshot().credentials]
        stream.cancel()
        await asyncio.wait([stream])
    return [sent[place] for place in range(len(_TILLS))], pauses


def print_turns(seconds: float) -> None:
    """What each of them gets."""
    with limited({"turns": RULE}) as server:
        url = server.url("turns")
        waits, streamed = asyncio.run(lookups_beside_a_stream(url, seconds))
        slot = LIMIT.per / LIMIT.requests
        print(
            f"lookup beside a saturating stream: waits {statistics.median(waits) / slot:.2f} slots "
            f"(median), {max(waits) / slot:.2f} (most), of {slot * 1e3:.0f} ms; the stream goes on "
            f"at {streamed / seconds:.1f}/s"
        )
        streamed, looked_up = asyncio.run(stream_under_a_flood(url, seconds))
        print(
            f"stream under a flood of lookups: {streamed / (streamed + looked_up):.1%} of the "
            f"{(streamed + looked_up) / seconds:.1f}/s"
        )
        for share in (0.8, 0.25):
            used = asyncio.run(stream_with_a_share(url, share, seconds))
            print(f"stream with share={share}: uses {used:.1%} of the rate")
        sent, _ = asyncio.run(several_credentials(url, seconds, None))
        print(f"three credentials: {[f'{one / seconds:.1f}/s' for one in sent]}")
        sent, pauses = asyncio.run(several_credentials(url, seconds, 1))
        print(f"one of three cools down {pauses}: {[f'{one / seconds:.1f}/s' for one in sent]}")
