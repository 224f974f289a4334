"""A consumer to be interrupted: it looks events up and writes each down in its handler."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Final

from benchmarks.servers.queues import QUEUES, Queue
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    Outcome,
    RateLimit,
)
from capillary_interactions.integrations.consume import consume

IN_FLIGHT: Final = 16


def run(kind: str, address: str, name: str, sandbox: str, log: str) -> None:
    """Consume until SIGTERM comes; `log` gets a line for each event that was handled."""
    asyncio.run(_consume(QUEUES[kind](address, name), sandbox, Path(log)))


async def _consume(queue: Queue, sandbox: str, log: Path) -> None:
    config = ClientConfig(sandbox, BasicAuth("sandbox", "sandbox"), rate=RateLimit(100_000, 1.0))
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def handle(outcome: Outcome) -> None:
        await asyncio.sleep(random.uniform(0, 0.01))
        os.write(descriptor, f"{queue.text(outcome.item)}\n".encode())
        await asyncio.sleep(random.uniform(0, 0.005))

    async with InteractionsClient(config) as client, queue.read(IN_FLIGHT) as source:
        await consume(
            client,
            source,
            key=lambda message: Identifier.mobile(queue.text(message)),
            handle=handle,
            in_flight=IN_FLIGHT,
            redelivery_delay=0.2,
            stop_on=[signal.SIGTERM],
        )
