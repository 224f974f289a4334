"""Three ways to leave a stream early, and a program that takes each of them.

The program takes the address of a sandbox; a test runs it under PYTHONDEVMODE=1 and reads stderr.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

import anyio

from capillary_interactions import BasicAuth, Identifier, InteractionsClient, Outcome

from .clients import client_for, mobiles
from .leaks import nothing_left


class SourceError(Exception):
    """What the source of a stream fails with."""


def endless() -> Iterator[Identifier]:
    """Customers without end."""
    while True:
        yield from mobiles(100)


async def closing(closed: asyncio.Event) -> AsyncIterator[Identifier]:
    """Customers without end, from a source that needs a while to be closed."""
    try:
        for each in endless():
            yield each
    finally:
        await asyncio.sleep(0.001)
        closed.set()


async def failing() -> AsyncIterator[Identifier]:
    """Some customers, and then an error."""
    for each in mobiles(60):
        yield each
    raise SourceError


async def by_break(client: InteractionsClient) -> None:
    """Leave the loop."""
    taken = 0
    async with client.stream(endless()) as outcomes:
        async for _ in outcomes:
            taken += 1
            if taken == 20:
                break


async def by_cancellation(client: InteractionsClient) -> None:
    """Be cancelled while waiting for outcomes."""
    taken = asyncio.Event()

    async def consume() -> None:
        async with client.stream(endless()) as outcomes:
            async for _ in outcomes:
                taken.set()

    consumer = asyncio.create_task(consume())
    await taken.wait()
    consumer.cancel()
    assert isinstance((await asyncio.gather(consumer, return_exceptions=True))[0], BaseException)
    assert consumer.cancelled()


async def by_second_cancellation(client: InteractionsClient) -> None:
    """Be cancelled again while what is under way comes to its end."""
    taken, closed = asyncio.Event(), asyncio.Event()

    async def consume() -> None:
        async with client.stream(closing(closed)) as outcomes:
            async for _ in outcomes:
                taken.set()

    consumer = asyncio.create_task(consume())
    await taken.wait()
    while not consumer.done():
        consumer.cancel()
        await asyncio.sleep(0)
    assert consumer.cancelled()
    assert closed.is_set()


async def by_scope(client: InteractionsClient) -> None:
    """Be cancelled in each turn of the loop, as by anyio's scopes, and the client with it."""
    closed = asyncio.Event()
    with anyio.CancelScope() as scope:
        async with client, client.stream(closing(closed)) as outcomes:
            async for _ in outcomes:
                scope.cancel()
    assert scope.cancelled_caught
    assert closed.is_set()


async def by_source_error(client: InteractionsClient) -> None:
    """Have the source fail, and meet its error bare."""
    try:
        async with client.stream(failing()) as outcomes:
            taken = [outcome async for outcome in outcomes]
    except SourceError:
        return
    raise AssertionError(f"the source's error was lost after {len(taken)} outcomes")


async def by_own_error(client: InteractionsClient) -> None:
    """Fail in the body of the loop."""

    def stumble(_: Outcome) -> None:
        raise SourceError

    with suppress(SourceError):
        async with client.stream(endless()) as outcomes:
            async for outcome in outcomes:
                stumble(outcome)


async def by_closing(client: InteractionsClient) -> None:
    """Close the client under a stream that is being read."""
    try:
        async with client.stream(endless()) as outcomes:
            async for _ in outcomes:
                await client.aclose()
    except RuntimeError:
        return
    raise AssertionError("the stream went on without its client")


WAYS: Final[tuple[Callable[[InteractionsClient], Awaitable[None]], ...]] = (
    by_break,
    by_cancellation,
    by_second_cancellation,
    by_scope,
    by_source_error,
    by_own_error,
    by_closing,
)


async def leave(base_url: str) -> None:
    """Take every way, with a client each."""
    # Only of the machine's load would the loop complain otherwise.
    asyncio.get_running_loop().slow_callback_duration = 60.0
    for way in WAYS:
        async with (
            nothing_left(),
            client_for(base_url, auth=BasicAuth("sandbox", "sandbox")) as client,
            nothing_left(connections=True),
        ):
            await way(client)
        gc.collect()


def main() -> None:
    """Take every way in one event loop after the other."""
    for _ in range(2):
        asyncio.run(leave(sys.argv[1]))
    gc.collect()
    sys.stdout.write("left\n")


if __name__ == "__main__":
    main()
