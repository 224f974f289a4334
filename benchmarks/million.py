"""What does a job on disk cost, and does it stay small? One long list against a fast server.

The list goes through a job, and in turn, a part at a time, through the same stream without one.
The share is that of all parts together, with the interval it lies in at 95 % (bootstrap over the
parts): a machine with neighbours may be a third slower from one part to the next. Memory is
measured in processes of their own, for a tenth of the list and for all of it. Garbage and freed
memory are treated as in `capillary-interactions bulk`, and its event loop is used, or with
`--as-library` those of Python and the C library. It exits with 1 where a figure is not as it should
be. Usage:

    python -m benchmarks.million [--rows 1000000] [--part 10000] [--parts 80] [--as-library]
"""

import argparse
import asyncio
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks._fast_server import fast_server
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    RateLimit,
)
from capillary_interactions.cli._loop import run_async
from capillary_interactions.events import AttemptBegan, Event
from capillary_interactions.jobs import CustomerList, Job

_T = TypeVar("_T")

_IN_FLIGHT = 32

# As it should be: MiB over the imports, and for ten times the rows; seconds; a share of the stream.
_MEMORY = 150.0
_GROWTH = 1.25
_FIRST = 2.0
_SHARE = 0.9
_DRAWS = 2000


def _client(base_url: str, seen: list[float] | None = None) -> InteractionsClient:
    def watch(event: Event) -> None:
        if isinstance(event, AttemptBegan) and seen is not None and not seen:
            seen.append(time.perf_counter())

    config = ClientConfig(
        base_url,
        BasicAuth("till", "secret"),
        rate=RateLimit(1_000_000, 1.0),
        in_flight=_IN_FLIGHT,
    )
    return InteractionsClient(config, observers=() if seen is None else (watch,))


def _write_list(path: Path, rows: int, first: int = 0) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "name", "mobile", "city"))
        writer.writerows(
            (number, f"Customer {number}", 919_000_000_000 + number, "Bengaluru")
            for number in range(first, first + rows)
        )


def _identifiers(path: Path) -> Iterator[Identifier]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield Identifier.mobile(row["mobile"])


async def _bare(client: InteractionsClient, path: Path) -> None:
    async with client.stream(_identifiers(path)) as outcomes:
        async for _ in outcomes:
            pass


async def _job(client: InteractionsClient, path: Path) -> None:
    async with Job.open(_file(path), CustomerList(path, identifier="mobile")) as job:
        report = await job.run(client)
    assert report.complete  # noqa: S101 - or the figure means nothing


def _file(path: Path) -> Path:
    return path.with_suffix(".job")


_Turn = Callable[[InteractionsClient, Path], Awaitable[None]]
# Seconds without a job and with one.
_Pair = tuple[float, float]


async def _timed(turn: _Turn, client: InteractionsClient, path: Path) -> tuple[float, float]:
    """Seconds for a part, and those of this process's CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    await turn(client, path)
    return time.perf_counter() - began, time.process_time() - cpu


async def _share(base_url: str, folder: Path, part: int, parts: int) -> float:
    """How much of the stream's throughput is left with a job; prints it, too."""
    pairs, cpu_pairs = list[_Pair](), list[_Pair]()
    async with _client(base_url) as client:
        for number in range(parts + 1):
            path = folder / f"part-{number}.csv"
            _write_list(path, part, number * part)
            # In turn first and second, for the machine is not equally fast all the time.
            turns = (_bare, _job) if number % 2 else (_job, _bare)
            taken = {turn: await _timed(turn, client, path) for turn in turns}
            if number:  # the first one warms up
                pairs.append((taken[_bare][0], taken[_job][0]))
                cpu_pairs.append((taken[_bare][1], taken[_job][1]))
            # Not timed: to take a file of 40 MB away is no part of a job, and takes 50 ms.
            _file(path).unlink()
            path.unlink()
    rate = part * parts / sum(job for _, job in pairs)
    print(f"{parts} parts of {part} rows, with a job: {rate:.0f} lookups a second")
    print(f"as a share of the bare stream: {_told(pairs)}; by CPU time: {_told(cpu_pairs)}")
    return _of_all(pairs)


def _of_all(pairs: Sequence[_Pair]) -> float:
    return sum(bare for bare, _ in pairs) / sum(job for _, job in pairs)


def _told(pairs: Sequence[_Pair]) -> str:
    dice = random.Random(5)
    drawn = sorted(_of_all(dice.choices(pairs, k=len(pairs))) for _ in range(_DRAWS))
    low, high = drawn[_DRAWS // 40], drawn[-_DRAWS // 40]
    parts = [bare / job for bare, job in pairs]
    return (
        f"{_of_all(pairs):.3f} ({low:.3f}..{high:.3f}; parts {min(parts):.2f}..{max(parts):.2f}, "
        f"median {statistics.median(parts):.3f})"
    )


def _peak() -> float:
    """The most memory this process has had, in MiB."""
    # Not getrusage(): that begins with the size of the process it was started from.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _measure(base_url: str, path: Path) -> None:
    """Run a whole list, and print the figures as JSON: for a process of its own."""
    base, seen = _peak(), list[float]()
    began = time.perf_counter()
    file = _file(path)
    async with (
        _client(base_url, seen) as client,
        Job.open(file, CustomerList(path, identifier="mobile")) as job,
    ):
        report = await job.run(client)
    figures = {
        "rows": report.status.rows,
        "complete": report.complete,
        "peak": _peak() - base,
        "first": seen[0] - began,
        "seconds": time.perf_counter() - began,
        "job": file.stat().st_size / 2**20,
    }
    file.unlink()
    print(json.dumps(figures))


def _in_own_process(
    base_url: str, folder: Path, rows: int, more: Sequence[str]
) -> tuple[float, float]:
    """The most memory of a run, in MiB, and the seconds until its first request."""
    path = folder / f"list-{rows}.csv"
    _write_list(path, rows)
    command = [sys.executable, "-m", "benchmarks.million", "--measure", base_url, str(path)]
    command += more
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert told["complete"]  # noqa: S101
    print(
        f"{told['rows']:>9,} rows: {told['peak']:.0f} MiB at most over the imports, "
        f"first request after {told['first']:.2f} s, {told['seconds']:.0f} s in all, "
        f"{told['rows'] / told['seconds']:.0f} rows a second, job's file {told['job']:.0f} MiB"
    )
    path.unlink()
    return told["peak"], told["first"]


def _missed(share: float | None, runs: list[tuple[float, float]]) -> list[str]:
    """What is not as it should be."""
    peaks, firsts = [peak for peak, _ in runs], [first for _, first in runs]
    judged = {
        f"a share of {_SHARE}": share is None or share >= _SHARE,
        f"{_MEMORY:.0f} MiB": all(peak <= _MEMORY for peak in peaks),
        "memory that does not grow with the list": peaks == [] or peaks[-1] <= _GROWTH * peaks[0],
        f"the first request within {_FIRST:.0f} s": all(first <= _FIRST for first in firsts),
    }
    return [name for name, met in judged.items() if not met]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=10_000)
    parser.add_argument("--parts", type=int, default=80)
    parser.add_argument("--measure", nargs=2, metavar=("URL", "LIST"), help=argparse.SUPPRESS)
    parser.add_argument("--as-library", action="store_true")
    options = parser.parse_args()
    if options.measure:
        _run(_measure(options.measure[0], Path(options.measure[1])), options)
    elif missed := _measure_all(options):
        sys.exit(f"missed: {', '.join(missed)}")


def _run(coroutine: Coroutine[Any, Any, _T], options: argparse.Namespace) -> _T:
    return asyncio.run(coroutine) if options.as_library else run_async(coroutine)


def _measure_all(options: argparse.Namespace) -> list[str]:
    more = ["--as-library"] if options.as_library else []
    with fast_server() as base_url, tempfile.TemporaryDirectory() as name:
        folder, share = Path(name), None
        if options.parts:
            share = _run(_share(base_url, folder, options.part, options.parts), options)
        sizes = (options.rows // 10, options.rows) if options.rows else ()
        runs = [_in_own_process(base_url, folder, rows, more) for rows in sizes]
    return _missed(share, runs)


if __name__ == "__main__":
    main()
