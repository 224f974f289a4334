"""A stream's part of the rate, whatever the server's answers do to that rate."""

import asyncio
import itertools
from typing import Any

import pytest

from capillary_interactions import BasicAuth, InteractionsClient, RateLimit
from capillary_interactions._pacing.stream_share import StreamShare
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, busiest, customer, customers, now, settings

SECONDS = 10.0


def _tighten(client: InteractionsClient, number: int) -> None:
    """What headers may do: each answer allows a little less or more than the one before."""
    left = 60 - now() % 60
    for credential in client._pool.all:
        credential.pace.quota_left(left * 17 - 3 * (number % 7), left)


async def _watched(client: InteractionsClient, allowed: list[float]) -> None:
    while True:
        seen = client.snapshot()
        allowed.append(0.0 if seen.cool_down else seen.rate / 20)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("throttled", [0, 30], ids=["", "throttled"])
@pytest.mark.parametrize("tightened", [False, True], ids=["", "tightened"])
@pytest.mark.parametrize(("tills", "share"), [("a", 0.01), ("a", 0.05), ("a", 0.2), ("ab", 0.5)])
async def test_is_held_whatever_the_rate_does(
    tills: str, share: float, tightened: bool, throttled: int
) -> None:
    """With and without headers that tighten and throttles, alone or with two credentials."""
    count = itertools.count(1)

    def answer(_: Request) -> Reply:
        number = next(count)
        if throttled and number % throttled == 0:
            return Response(status=429, headers={"retry-after": "3"})
        if tightened:
            _tighten(client, number)
        return interactions()

    server = Server(answer, takes=0.05)
    config = settings(auth=[BasicAuth(name, "x") for name in tills], rate="20/1")
    async with InteractionsClient(config, transport=server) as client:

        async def read() -> None:
            queries = map(customer, itertools.count())
            async with client.stream(queries, share=share, in_flight=32) as outcomes:
                async for _ in outcomes:
                    pass

        allowed: list[float] = []
        tasks = [asyncio.ensure_future(read()), asyncio.ensure_future(_watched(client, allowed))]
        await asyncio.sleep(SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    # One more, perhaps, at the end of each pause.
    assert len(server.arrivals) <= share * sum(allowed) + 2 + (4 if throttled else 0)
    if not throttled:
        assert len(server.arrivals) >= 0.95 * share * sum(allowed) - 1
    assert busiest(server.arrivals, 1.0) <= share * 20 * len(tills) + 2


async def test_comes_out_of_a_cool_down_at_its_pace() -> None:
    """What was read meanwhile does not leave at once at its end."""
    server = Server()
    async with InteractionsClient(settings(rate="100/1"), transport=server) as client:
        client._pool.all[0].pace.throttled(now(), 0.0)
        await client.lookup(customer(999))
        client._pool.all[0].pace.throttled(now(), 30.0)
        async with client.stream(customers(60), share=0.05, in_flight=50) as outcomes:
            assert len([outcome async for outcome in outcomes]) == 60
    assert server.arrivals[1] >= 30
    assert busiest(server.arrivals[1:], 1.0) <= 7


async def test_has_its_part_again_as_soon_as_the_servers_window_ends() -> None:
    """A part of a rate that was nearly nothing is not waited for longer than that."""

    def answer(_: Request) -> Reply:
        if now() < 1:
            client._pool.all[0].pace.quota_left(1.0, 5.0)
        return interactions()

    server = Server(answer)
    async with (
        InteractionsClient(settings(rate="100/1"), transport=server) as client,
        client.stream(customers(20), share=0.1) as outcomes,
    ):
        assert len([outcome async for outcome in outcomes]) == 20
    assert now() < 5 + 1 + 2.5


async def test_ends_at_once_what_its_part_comes_too_late_for() -> None:
    """By the queue before it, and by a cool-down: at the asking and not at the deadline."""
    server = Server()
    options: dict[str, Any] = {"share": 0.1, "timeout": 3.0, "in_flight": 100}
    async with InteractionsClient(settings(rate="10/1"), transport=server) as client:
        async with client.stream(customers(50), **options) as outcomes:
            ended = [outcome async for outcome in outcomes]
        late = [outcome for outcome in ended if outcome.ending == "unavailable"]
        assert len(late) > 40
        assert all(outcome.elapsed < 0.1 for outcome in late)
        client._pool.all[0].pace.throttled(now(), 30.0)
        async with client.stream(customers(5), **options) as outcomes:
            assert {round(outcome.elapsed, 3) async for outcome in outcomes} == {0.0}


async def test_passes_the_turn_on_when_a_waiter_leaves() -> None:
    """Cancelled while it waits, in the moment of its turn, or with it: the next one has it."""
    config = settings(rate=RateLimit(100, 1.0))
    async with InteractionsClient(config, transport=Server()) as client:
        stream_share = StreamShare(0.01, client._pool)
        for number in range(2):
            await stream_share.acquire(None, number)
            stream_share.consume()
            stream_share.release()
        had: list[int] = []

        async def one(number: int) -> None:
            await stream_share.acquire(None, number)
            had.append(number)
            if number == 14:
                tasks[5].cancel()
            stream_share.release()

        tasks = [asyncio.ensure_future(one(number)) for number in (10, 16, 12, 11, 14, 15)]
        await asyncio.sleep(0.1)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.wait(tasks)
        assert had == [11, 14, 16]


async def test_takes_a_call_again_whose_number_it_still_knows() -> None:
    """One that was called away from the line and has come back waits like the others."""
    async with InteractionsClient(settings(rate="10/1"), transport=Server()) as client:
        stream_share = StreamShare(0.5, client._pool)
        await stream_share.acquire(None, 0)
        first = asyncio.ensure_future(stream_share.acquire(None, 7))
        await asyncio.sleep(0)
        first.cancel()
        again = asyncio.ensure_future(stream_share.acquire(None, 7))
        await asyncio.sleep(0)
        stream_share.release()
        await again
        assert first.cancelled()
