"""Processes that look customers up and share one quota, and are killed, ended and replaced."""

import asyncio
import json
import os
import random
import select
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Final

from attrs import define, field, frozen

from benchmarks._load import client_of
from capillary_interactions import Identifier, InteractionsClient, RateLimit

PROCESSES: Final = 4
_TASKS: Final = 32
_EXIT_TIMEOUT: Final = 10.0


@frozen(kw_only=True)
class Work:
    """What each process does.

    Attributes:
        base_url: The server.
        limit: The quota of all of them together.
        shared: Where they meet.
    """

    base_url: str
    limit: RateLimit
    shared: str


@define
class Workers:
    """The processes that run.

    They are forked from this one, which has imported everything: a fresh start of Python would
    take most of the second that some of them live.

    Attributes:
        work: What they do.
        lookups: How many lookups each process had ended that came to its own end, by ending.
    """

    work: Work
    lookups: list[Counter[str]] = field(factory=list)
    _running: dict[int, int] = field(factory=dict)
    _started: int = 0

    def start(self, until: float) -> None:
        """Start one that ends at a time of the monotonic clock."""
        reading, writing = os.pipe()
        number, self._started = self._started, self._started + 1
        process = os.fork()
        if process == 0:
            try:
                os.close(reading)
                counts = asyncio.run(_look_up(self.work, number, until))
                os.write(writing, json.dumps(counts).encode())
            finally:
                os._exit(0)
        os.close(writing)
        self._running[process] = reading

    def kill(self, rng: random.Random) -> None:
        """Kill one of them, without warning."""
        process = rng.choice(list(self._running))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(self._running.pop(process))

    def wait(self) -> None:
        """Wait for the end of all, and take in what they have done."""
        for process, reading in self._running.items():
            ended, _, _ = select.select([reading], [], [], _EXIT_TIMEOUT)
            if not ended:
                os.kill(process, signal.SIGKILL)
            self.lookups.append(Counter(json.loads(os.read(reading, 4096) or b"{}")))
            os.close(reading)
            os.waitpid(process, 0)
        self._running.clear()

    def kill_all(self) -> None:
        """Leave none behind."""
        while self._running:
            self.kill(random.Random(0))


def warm_up(work: Work) -> None:
    """Import all that a lookup needs, so that no process has to."""
    asyncio.run(_look_up(work, 9_999, time.monotonic() + 0.2))


@contextmanager
def workers(work: Work) -> Iterator[Workers]:
    """Processes that are gone in the end."""
    running = Workers(work)
    try:
        yield running
    finally:
        running.kill_all()


async def _look_up(work: Work, process: int, until: float) -> Counter[str]:
    endings = Counter[str]()
    async with client_of(work.base_url, work.limit, shared=work.shared) as client:
        repeats = (_repeat(client, endings, f"9190{process:04}{task:04}") for task in range(_TASKS))
        with suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                await asyncio.gather(*repeats)
    return endings


async def _repeat(client: InteractionsClient, endings: Counter[str], prefix: str) -> None:
    for number in count():
        outcome = await client.lookup(Identifier.mobile(f"{prefix}{number:04}"))
        endings[outcome.ending] += 1


def steady(running: Workers, seconds: float) -> None:
    """All of them at work all the time."""
    until = time.monotonic() + seconds
    for _ in range(PROCESSES):
        running.start(until)
    running.wait()


def killed(running: Workers, seconds: float) -> None:
    """One killed after the other, at any moment; another joins after each."""
    rng, until = random.Random(1), time.monotonic() + seconds
    for _ in range(PROCESSES):
        running.start(until)
    while until - time.monotonic() > 1.0:
        time.sleep(rng.random() * 0.8)
        running.kill(rng)
        running.start(until)
    running.wait()


def restarted(running: Workers, seconds: float) -> None:
    """Each ends after a second, and another begins in its place."""
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        running.start(min(until, now + 1.0))
        time.sleep(1.0 / PROCESSES)
    running.wait()


SCENES: Final = {"at work": steady, "killed, joining": killed, "restarted every second": restarted}
