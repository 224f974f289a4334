"""A stream or lookup that is left early leaves nothing behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from capillary_interactions import InteractionsClient, Unavailable
from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .byte_server import ByteServer, Received, answer
from .clients import CUSTOMER, UNLIMITED, client_for
from .leaks import nothing_left
from .leaving import WAYS

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A server in another process: anything left in this one is the client's."""
    with SandboxProcess(latency=0.002, faults=0.1, fault_retry_after=0, unknown=0) as process:
        yield process


@table("way", WAYS, ids=lambda way: way.__name__)
async def test_leaves_no_task_and_no_connection(
    way: Callable[[InteractionsClient], Awaitable[None]], sandbox: SandboxProcess
) -> None:
    """No task is left after the stream, and no connection after the client."""
    async with (
        nothing_left(),
        InteractionsClient(sandbox.client_config(rate=UNLIMITED)) as client,
    ):
        async with nothing_left(connections=True):
            await way(client)
        received = sandbox.counts().received
        await asyncio.sleep(0.01)
        assert sandbox.counts().received == received


def test_leaves_without_a_warning(sandbox: SandboxProcess) -> None:
    """Python's development mode, with every warning an error, prints nothing."""
    environment = {**os.environ, "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}
    ran = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-W", "error", "-m", "tests.end_to_end.leaving", sandbox.base_url],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stderr, ran.stdout, ran.returncode) == ("", "left\n", 0)


async def test_cancels_a_request_without_waiters() -> None:
    """A cancelled lookup closes its connection, on which the answer could still arrive."""
    arrived = asyncio.Event()

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(60)

    async with ByteServer(hang) as server, nothing_left(), client_for(server.base_url) as client:
        async with nothing_left():
            lookup = asyncio.create_task(client.lookup(CUSTOMER))
            await arrived.wait()
            lookup.cancel()
            await asyncio.wait({lookup})
        assert lookup.cancelled()
        assert client.snapshot().in_flight == 0


async def test_drains_running_lookups() -> None:
    """Closing with `drain` waits for an answer that arrives in time, and not for another."""
    arrived = asyncio.Event()

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(0.03 if received.target.endswith("mobile=1") else 60)
        writer.write(answer())

    async with ByteServer(behave) as server, nothing_left():
        client = client_for(server.base_url)
        quick, never = (
            asyncio.create_task(client.lookup(CUSTOMER.mobile(value))) for value in ("1", "2")
        )
        await arrived.wait()
        await client.aclose(drain=0.1)
        assert (await quick).ending == "found"
        outcome = await never
    assert isinstance(outcome, Unavailable)
    assert "closed" in outcome.reason
