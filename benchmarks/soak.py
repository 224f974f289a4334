"""Does anything grow or drift? A client at its quota for a long time, over a server that fails.

Usage:

    python -m benchmarks.soak [--seconds 600] [--rate 200] [--faults 0.05] [--traced]
"""

import argparse
import asyncio
import gc
import logging
import os
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks._load import customers
from capillary_interactions import InteractionsClient, RetryPolicy
from capillary_interactions.sandbox import SandboxProcess

_MIB: Final = 1024 * 1024
# Enough for the faults here, so that every lookup ends in an answer.
_PATIENT: Final = RetryPolicy(
    attempts=12, wait_initial=0.05, wait_max=0.5, throttled_initial=0.05, budget=1_000_000
)


@frozen(kw_only=True)
class Sample:
    """A process at one moment.

    Attributes:
        at: Seconds since the beginning.
        rss: Bytes of memory.
        traced: Bytes that Python objects take, or 0 where that is not followed.
        files: Open file descriptors.
        tasks: Tasks of the event loop.
        requests: Requests sent so far.
        retries: Requests sent again so far.
    """

    at: float
    rss: int
    traced: int
    files: int
    tasks: int
    requests: int
    retries: int


@frozen(kw_only=True)
class Soaked:
    """What a run left behind.

    Attributes:
        samples: From begin to end.
        endings: How lookups ended.
        throttled: Requests that the server refused for their rate.
        rate: Requests a second that the setting comes to.
    """

    samples: Sequence[Sample]
    endings: Counter[str]
    throttled: int
    rate: float

    def thirds(self) -> tuple[Sequence[Sample], Sequence[Sample]]:
        """The second and the last third: the first one still opens connections."""
        third = len(self.samples) // 3
        return self.samples[third : 2 * third], self.samples[2 * third :]

    def paces(self) -> tuple[float, float]:
        """Requests a second in the second and in the last third."""
        earlier, later = self.thirds()
        return _pace(earlier), _pace(later)

    def most(self, name: str) -> tuple[int, int]:
        """The most of a figure in the second and in the last third."""
        earlier, later = self.thirds()
        return max(getattr(one, name) for one in earlier), max(getattr(one, name) for one in later)

    def median(self, name: str) -> tuple[float, float]:
        """The median of a figure in both thirds: a leak moves it, a burst of retries does not."""
        earlier, later = self.thirds()
        return (
            statistics.median(getattr(one, name) for one in earlier),
            statistics.median(getattr(one, name) for one in later),
        )


def _pace(samples: Sequence[Sample]) -> float:
    first, last = samples[0], samples[-1]
    return (last.requests - first.requests) / (last.at - first.at)


def _sample(client: InteractionsClient, began: float) -> Sample:
    state = client.snapshot()
    if tracemalloc.is_tracing():
        gc.collect()
    return Sample(
        at=time.monotonic() - began,
        rss=int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        traced=tracemalloc.get_traced_memory()[0],
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        tasks=len(asyncio.all_tasks()),
        requests=state.requests,
        retries=state.retries,
    )


async def soak(seconds: float, *, every: float = 1.0, **settings: Any) -> Soaked:
    """Look customers up for so long, at the quota of a sandbox with these settings."""
    async with SandboxProcess(**settings) as sandbox:
        config = sandbox.client_config(in_flight=64, retry=_PATIENT)
        async with InteractionsClient(config) as client:
            samples, endings = await _watched(client, seconds, every)
            rate = client.snapshot().rate
        counts = await asyncio.to_thread(sandbox.counts)
    return Soaked(samples=samples, endings=endings, throttled=counts.throttled, rate=rate)


async def _watched(
    client: InteractionsClient, seconds: float, every: float
) -> tuple[list[Sample], Counter[str]]:
    endings, samples = Counter[str](), list[Sample]()
    began = time.monotonic()

    async def work() -> None:
        async with client.stream(customers()) as outcomes:
            async for outcome in outcomes:
                endings[outcome.ending] += 1

    working = asyncio.create_task(work())
    while time.monotonic() - began < seconds:
        await asyncio.sleep(every)
        samples.append(_sample(client, began))
    working.cancel()
    await asyncio.wait([working])
    return samples, endings


def _print(soaked: Soaked, per_second: float) -> None:
    print(f"endings {dict(soaked.endings)}, refused for their rate {soaked.throttled}, ", end="")
    print(f"retries {soaked.samples[-1].retries}")
    print("| | second third | last third |\n|---|---|---|")
    paces = soaked.paces()
    print(f"| requests/s | {paces[0]:.2f} | {paces[1]:.2f} |")
    print(f"| share of the quota | {paces[0] / per_second:.1%} | {paces[1] / per_second:.1%} |")
    for name, title, unit in (
        ("rss", "memory at most, MiB", _MIB),
        ("traced", "of it Python objects, MiB", _MIB),
        ("files", "file descriptors at most", 1),
        ("tasks", "tasks at most", 1),
    ):
        earlier, later = soaked.most(name)
        print(f"| {title} | {earlier / unit:.5g} | {later / unit:.5g} |")


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--traced", action="store_true", help="follow Python's own memory: slower")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.traced:
        tracemalloc.start()
    settings = {
        "rate": (options.rate, 1.0),
        "latency": (0.01, 0.05),
        "faults": options.faults,
        "drop_keepalive": 0.01,
    }
    every = max(0.5, options.seconds / 120)
    _print(asyncio.run(soak(options.seconds, every=every, **settings)), options.rate)


if __name__ == "__main__":
    main()
