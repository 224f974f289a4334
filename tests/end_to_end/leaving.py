"""Ways to leave a stream early, and a program that takes each of them.

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
    """Raised by a stream's source or its caller."""


def endless() -> Iterator[Identifier]:
    """Yield customers without end."""
    while True:
        yield from mobiles(100)


async def closing(closed: asyncio.Event) -> AsyncIterator[Identifier]:
    """Yield customers without end; closing this source takes a while."""
    try:
        for customer in endless():
            yield customer
    finally:
        await asyncio.sleep(0.001)
        closed.set()


async def failing() -> AsyncIterator[Identifier]:
    """Yield some customers, and raise."""
    for customer in mobiles(60):
        yield customer
    raise SourceError


async def by_break(client: InteractionsClient) -> None:
    """Break out of the loop."""
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
    """Be cancelled again while running lookups finish."""
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
    """Be cancelled in each iteration of the loop, as by anyio's scopes, and the client with it."""
    closed = asyncio.Event()
    with anyio.CancelScope() as scope:
        async with client, client.stream(closing(closed)) as outcomes:
            async for _ in outcomes:
                scope.cancel()
    assert scope.cancelled_caught
    assert closed.is_set()


async def by_source_error(client: InteractionsClient) -> None:
    """Have the source fail, and get its error outside any ExceptionGroup."""
    try:
        async with client.stream(failing()) as outcomes:
            taken = [outcome async for outcome in outcomes]
    except SourceError:
        return
    raise AssertionError(f"the source's error was lost after {len(taken)} outcomes")


async def by_own_error(client: InteractionsClient) -> None:
    """Fail in the body of the loop."""

    def fail(_: Outcome) -> None:
        raise SourceError

    with suppress(SourceError):
        async with client.stream(endless()) as outcomes:
            async for outcome in outcomes:
                fail(outcome)


async def by_closing(client: InteractionsClient) -> None:
    """Close the client under a stream that is being read."""
    try:
        async with client.stream(endless()) as outcomes:
            async for _ in outcomes:
                await client.aclose()
    except RuntimeError:
        return
    raise AssertionError("the stream continued without its client")


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
    """Take every way, each with its own client."""
    # Debug mode would log slow callbacks, which only show the machine's load.
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
    """Take every way in one event loop."""
    asyncio.run(leave(sys.argv[1]))
    gc.collect()
    sys.stdout.write("left\n")


if __name__ == "__main__":
    main()
