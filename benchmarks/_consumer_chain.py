"""Consumers of one queue, one after the other, each interrupted by a signal: is anything lost?"""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from attrs import frozen

from benchmarks._consumer_process import run
from benchmarks.servers.queues import QUEUES, Queue
from capillary_interactions.sandbox import SandboxProcess

_TIMEOUT: Final = 60.0
# Forked from a process that has imported everything: a consumer starts in no time.
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["benchmarks._consumer_process"])


def numbers(count: int) -> list[str]:
    """The numbers of `count` customers."""
    return [str(919_000_000_000 + number) for number in range(count)]


@frozen
class Chain:
    """Consumers of one queue, one after the other.

    Attributes:
        kind: The broker's kind.
        address: Where it listens.
        queue: What they read.
        sandbox: Where they look up.
        log: Where they write down what they have handled.
    """

    kind: str
    address: str
    queue: Queue
    sandbox: str
    log: Path

    def handled(self) -> list[str]:
        """Every event each time it was handled, in order."""
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []

    def start(self) -> BaseProcess:
        """Start a consumer."""
        arguments = (self.kind, self.address, self.queue.name, self.sandbox, str(self.log))
        process = _FORKS.Process(target=run, args=arguments, daemon=True)
        process.start()
        return process

    def interrupt(self, number: signal.Signals, after: int) -> int:
        """Start a consumer and send it a signal after `after` handled events.

        Returns:
            How often events had been handled when it had ended.

        Raises:
            RuntimeError: It did not end as the signal ends it.
        """
        process = self.start()
        wanted = len(self.handled()) + after
        self._until(process, lambda: len(self.handled()) >= wanted)
        time.sleep(random.uniform(0, 0.02))
        self._end(process, number)
        return len(self.handled())

    def finish(self, events: int) -> None:
        """Start a last consumer, and stop it when everything is handled.

        Raises:
            RuntimeError: It did not end well.
        """
        process = self.start()
        self._until(process, lambda: len(set(self.handled())) >= events)
        self._end(process, signal.SIGTERM)

    def _end(self, process: BaseProcess, number: signal.Signals) -> None:
        os.kill(process.pid or 0, number)
        process.join(_TIMEOUT)
        if process.exitcode != (0 if number == signal.SIGTERM else -number):
            raise RuntimeError(f"a consumer ended with {process.exitcode}")

    def _until(self, process: BaseProcess, true: Callable[[], bool]) -> None:
        until = time.monotonic() + _TIMEOUT
        while not true():
            if process.exitcode is not None or time.monotonic() > until:
                raise RuntimeError(
                    f"stuck at {len(set(self.handled()))} events, exit code {process.exitcode}"
                )
            time.sleep(0.005)


@frozen(kw_only=True)
class Interrupted:
    """What a chain of interrupted consumers has handled.

    Attributes:
        handled: How often each event was handled.
        repeated: Events that were handled again though their consumer had ended by SIGTERM.
    """

    handled: Counter[str]
    repeated: int


def interrupted(
    kind: str, address: str, folder: Path, signals: Sequence[signal.Signals], *, events: int
) -> Interrupted:
    """Interrupt one consumer after the other; what was handled once everything is.

    Raises:
        RuntimeError: An event was lost.
    """
    names = "-".join(number.name.lower() for number in dict.fromkeys(signals))
    queue = QUEUES[kind](address, f"{names}-{events}-{len(signals)}")
    asyncio.run(queue.fill(numbers(events)))
    with SandboxProcess(latency=(0.002, 0.02), unknown=0.1) as sandbox:
        chain = Chain(kind, address, queue, sandbox.base_url, folder / f"{queue.name}.{kind}")
        most = max(2, events // (len(signals) + 1))
        ends = [0, *(chain.interrupt(number, random.randrange(1, most)) for number in signals)]
        chain.finish(events)
        left = asyncio.run(queue.left())
    handled = chain.handled()
    if left or set(handled) != set(numbers(events)):
        raise RuntimeError(f"{left} events are left, {events - len(set(handled))} are lost")
    return Interrupted(handled=Counter(handled), repeated=_repeated(handled, ends, signals))


def _repeated(handled: list[str], ends: list[int], signals: Sequence[signal.Signals]) -> int:
    repeated = set[str]()
    for number, (start, end) in zip(signals, pairwise(ends), strict=True):
        if number == signal.SIGTERM:
            repeated |= set(handled[start:end]) & set(handled[end:])
    return len(repeated)
