"""Does every event get handled, whatever becomes of its consumer? Real brokers, killed consumers.

A consumer process reads a full queue, looks every event up in a sandbox and writes each down in
its handler; it is killed at random and started again. At the end every event must be written down
and the broker must have none left: then none was acknowledged unhandled. At last the quota is small
and the events many; and a second reader of Kafka's comes and goes. Exits with 1 if an event was
lost or handled twice after SIGTERM, or more were unacknowledged than the bound. Usage:

    python -m benchmarks.consumers [--events 5000] [--kills 10] [--brokers redis,nats,...]
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks._consumer_chain import interrupted, numbers
from benchmarks._consumer_process import IN_FLIGHT
from benchmarks.servers.brokers import KINDS, broker, missing, program
from benchmarks.servers.queues import BATCH, QUEUES, KafkaQueue, Queue
from capillary_interactions import Identifier, InteractionsClient, Outcome
from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.sandbox import Sandbox, SandboxProcess

_MIB: Final = 1024 * 1024


@frozen(kw_only=True)
class Pressure:
    """How a consumer behaves that has far more events than quota.

    Attributes:
        handled: Events handled.
        held: The most that were delivered and not acknowledged at once.
        bound: The most that might be.
        grown: Bytes of memory that it took on between its first third and its end.
        late: Requests more than the quota allowed.
    """

    handled: int
    held: int
    bound: int
    grown: int
    late: int


async def pressed(
    kind: str, address: str, *, events: int, seconds: float, rate: int = 20
) -> Pressure:
    """Let a consumer with a quota of `rate` a second face many events for some time."""
    queue = QUEUES[kind](address, f"pressure-{events}")
    await queue.fill(numbers(events))
    handled = Counter[str]()
    held, memory = [0], [0]

    async def handle(outcome: Outcome) -> None:
        handled[queue.text(outcome.item)] += 1

    # In this process: a server that is not run for a while would read late, and refuse.
    async with Sandbox(rate=(rate, 1.0), latency=0.005) as sandbox:
        async with (
            InteractionsClient(sandbox.client_config()) as client,
            queue.read(IN_FLIGHT) as source,
        ):
            consumer = Consumer(
                client,
                source,
                key=lambda message: Identifier.mobile(queue.text(message)),
                handle=handle,
                in_flight=IN_FLIGHT,
            )
            running = asyncio.create_task(consumer.run())
            await _first(handled, running)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(seconds / 30)
                memory.append(_memory())
                held.append(await _held(queue, consumer, events, handled))
            consumer.stop()
            await running
        counts = sandbox.counts
    return Pressure(
        handled=handled.total(),
        held=max(held),
        bound=IN_FLIGHT + BATCH,
        grown=memory[-1] - max(memory[: len(memory) // 3 + 1]),
        late=counts.throttled,
    )


async def _first(handled: Counter[str], running: "asyncio.Task[Any]") -> None:
    # The group of Kafka's takes a second to let a member in.
    while not handled and not running.done():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)


async def _held(queue: Queue, consumer: Consumer[Any], events: int, handled: Counter[str]) -> int:
    held = await queue.held()
    if held is None and hasattr(queue, "_ready"):
        before = handled.total()
        # What was handled while the broker answered may count twice, as may what is on its way.
        return events - await queue.left() - before - (handled.total() - before)
    return consumer.held if held is None else held


def _memory() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _report(kind: str, folder: Path, events: int, times: int) -> list[str]:
    """Interrupt, press and print; what was not as it must be."""
    wrong = []
    with broker(kind, folder) as address:
        for number in (signal.SIGKILL, signal.SIGTERM):
            began = time.monotonic()
            seen = interrupted(kind, address, folder, [number] * times, events=events)
            again = sum(count - 1 for count in seen.handled.values())
            print(
                f"{kind}: {events} events, {times} x {number.name}: all handled, {again} more than "
                f"once, none left, in {time.monotonic() - began:.0f} s"
            )
            if seen.repeated:
                wrong.append(f"{kind}: {seen.repeated} handled twice after SIGTERM")
        pressure = asyncio.run(pressed(kind, address, events=events, seconds=30.0))
        print(
            f"{kind}: {events} events waiting, 20/s: {pressure.handled} handled in 30 s, at most "
            f"{pressure.held} of {pressure.bound} unacknowledged, {pressure.late} over the quota, "
            f"memory grew by {pressure.grown / _MIB:.1f} MiB"
        )
        if pressure.held > pressure.bound:
            wrong.append(f"{kind}: {pressure.held} unacknowledged, more than {pressure.bound}")
        if kind == "kafka":
            again = sum(count - 1 for count in asyncio.run(moved(address, events=1000)).values())
            print(f"kafka: a second reader comes and goes: all handled, {again} more than once")
    return wrong


async def moved(address: str, *, events: int) -> Counter[str]:
    """Let a second reader of Kafka's take partitions over, and leave; how often each is handled."""
    queue = KafkaQueue(address, f"moved-{events}")
    await queue.fill(numbers(events))
    handled = Counter[str]()

    async def handle(outcome: Outcome) -> None:
        await asyncio.sleep(0.02)
        handled[queue.text(outcome.item)] += 1

    async def read(client: InteractionsClient, until: int) -> None:
        async with queue.read(4) as source:
            consumer = Consumer(
                client,
                source,
                key=lambda message: Identifier.mobile(queue.text(message)),
                handle=handle,
                in_flight=4,
                ordered_by=lambda message: message.partition,
            )
            running = asyncio.create_task(consumer.run())
            while len(handled) < until and not running.done():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
            consumer.stop()
            await running

    async with (
        SandboxProcess(unknown=0) as sandbox,
        InteractionsClient(sandbox.client_config()) as client,
    ):
        await asyncio.gather(read(client, events), read(client, events // 2))
    if left := await queue.left():
        raise RuntimeError(f"{left} events are left")
    return handled


def main() -> None:
    """Interrupt, press and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--brokers", default=",".join(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    wrong: list[str] = []
    for kind in options.brokers.split(","):
        if program(kind) is None:
            print(f"{kind}: {missing(kind)}")
            continue
        with tempfile.TemporaryDirectory() as name:
            try:
                wrong += _report(kind, Path(name), options.events, options.kills)
            except RuntimeError as error:
                wrong.append(f"{kind}: {error}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
