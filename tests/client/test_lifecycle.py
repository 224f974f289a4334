"""The loops and processes that a client lives in, one after the other."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import Found, InteractionsClient
from capillary_interactions.integrations.consume import consume
from capillary_interactions.jobs import Job
from capillary_interactions.testing import run_without_waiting
from tests.fakes import Server, customer, customers, settings
from tests.forks import forks, in_a_fork
from tests.tables import table


def client_of(server: Server, **changes: object) -> InteractionsClient:
    """A client of a server."""
    return InteractionsClient(settings(**changes), transport=server)


async def test_may_be_entered_again() -> None:
    """Closed is not for ever."""
    client = client_of(Server())
    for _ in range(3):
        async with client:
            assert isinstance(await client.lookup(customer()), Found)


def test_may_be_used_by_one_event_loop_after_the_other() -> None:
    """Repeated asyncio.run, also where the last one ended in the middle of something."""
    server = Server()
    client = client_of(server, rate="5/1")

    async def some() -> None:
        async with client:
            assert len(await client.lookup_all(customers(10))) == 10

    async def cut_off() -> None:
        lookups = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(20)]
        await asyncio.wait(lookups, timeout=0.5)

    for main in (some, cut_off, some):
        run_without_waiting(main())
    assert client.snapshot().in_flight == client.snapshot().waiting == 0


def test_says_why_it_cannot_serve_two_loops_at_once() -> None:
    """A second loop that runs beside the first is refused, in words."""
    client = client_of(Server())
    refusals: list[BaseException] = []

    def elsewhere() -> None:
        try:
            run_without_waiting(client.lookup(customer(2)))
        except RuntimeError as error:
            refusals.append(error)

    async def here() -> None:
        await client.lookup(customer(1))
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert isinstance(await client.lookup(customer(3)), Found)

    run_without_waiting(here())
    (refused,) = refusals
    assert "in use by another event loop that still runs" in str(refused)


def _looked_up(client: InteractionsClient) -> str:
    # asyncio's own loop of the parent, if one runs, is not the child's.
    asyncio._set_running_loop(None)
    return run_without_waiting(client.lookup(customer())).ending


@forks
def test_serves_in_a_fork_where_it_was_not_used_before(caplog: pytest.LogCaptureFixture) -> None:
    """A client made at import time works in forked workers, and warns of the rate."""
    client = client_of(Server())

    def work() -> str:
        with caplog.at_level(logging.WARNING):
            return f"{_looked_up(client)}, {'divide the rate' in caplog.text}"

    assert in_a_fork(work) == "found, True"


@forks
def test_warns_of_no_rate_in_a_fork_that_shares_the_quota(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """All processes have it together."""
    client = client_of(Server(), shared=f"file:{tmp_path}/quota")

    def work() -> str:
        with caplog.at_level(logging.WARNING):
            return f"{_looked_up(client)}, {caplog.text!r}"

    assert in_a_fork(work) == "found, ''"


@forks
def test_says_why_it_cannot_serve_in_a_fork_where_it_was_used_before() -> None:
    """Connections and waiters of the parent are not the child's."""
    client = client_of(Server())
    assert _looked_up(client) == "found"
    text = in_a_fork(lambda: _looked_up(client))
    assert text.startswith("RuntimeError: the client was used before this process was forked")


def test_makes_no_event_loop_by_itself() -> None:
    """A client may be made before any loop runs, and asked how it is."""
    snapshot = client_of(Server()).snapshot()
    assert (snapshot.in_flight, snapshot.requests) == (0, 0)


_CONSUME: Any = consume  # with arguments that are never called


async def _nothing() -> AsyncIterator[Any]:
    for each in list[int]():
        yield each


@table(
    "use",
    [
        lambda client: client.__aenter__(),
        lambda client: client.lookup(customer()),
        lambda client: client.lookup_all([]),
        lambda client: client.stream([]).__aenter__(),
        lambda _: Job.open("a.job").__aenter__(),
        lambda client: _CONSUME(client, _nothing(), key=str, handle=print),
    ],
)
def test_says_that_it_needs_asyncio(
    use: Callable[[InteractionsClient], Coroutine[Any, Any, Any]],
) -> None:
    """Under trio, or anyio or Hypercorn on trio, there is no event loop of asyncio's."""
    work = use(client_of(Server()))
    try:
        with pytest.raises(RuntimeError, match="needs asyncio"):
            work.send(None)
    finally:
        work.close()
