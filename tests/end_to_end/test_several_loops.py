"""One client in several event loops, one after the other, with real connections in each."""

import asyncio
from collections.abc import Iterator

import pytest

from capillary_interactions import Found, InteractionsClient
from capillary_interactions.sandbox import SandboxProcess

from .clients import CUSTOMER, mobiles
from .leaks import nothing_left


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A server that no loop of this process has to run for."""
    with SandboxProcess(unknown=0) as process:
        yield process


def test_moves_from_a_stopped_loop_to_another(sandbox: SandboxProcess) -> None:
    """The connections of the first loop are neither used nor waited for in the second."""
    client = InteractionsClient(sandbox.client_config())
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        for loop, mobile in zip((first, second, first), mobiles(3), strict=True):
            assert isinstance(loop.run_until_complete(client.lookup(mobile)), Found)
        first.run_until_complete(client.aclose())
        for loop in (first, second):
            loop.run_until_complete(asyncio.sleep(0.01))
    finally:
        first.close()
        second.close()


def test_closes_in_another_loop_than_it_was_used_in(sandbox: SandboxProcess) -> None:
    """Closing does not wait for anything of a stopped loop."""
    client = InteractionsClient(sandbox.client_config())
    loop = asyncio.new_event_loop()
    try:
        assert isinstance(loop.run_until_complete(client.lookup(CUSTOMER)), Found)
        asyncio.run(client.aclose())
        loop.run_until_complete(asyncio.sleep(0.01))
    finally:
        loop.close()


def test_opens_again_in_the_next_loop(sandbox: SandboxProcess) -> None:
    """One client entered in several event loops leaves nothing in any of them."""
    client = InteractionsClient(sandbox.client_config())

    async def once() -> str:
        async with nothing_left(), client:
            return (await client.lookup(CUSTOMER)).ending

    assert [asyncio.run(once()) for _ in range(3)] == ["found"] * 3
