"""What does a job on disk cost, and does it stay small? One long list against a fast server.

A list goes through a job, and through the same stream without one: two processes in turns of half
a second, each stopped while the other runs (`_alternating.py`). The share is that of all such pairs
together, with the interval it lies in at 95 % (bootstrap over the pairs). `--control` puts a second
bare stream in the job's place, to see what such a share is worth: it should be one. Memory is
measured for a tenth of a long list and for all of it. The garbage collector runs as in
`capillary-interactions bulk`, and so does the event loop, or with `--as-library` as Python has
them. It exits with 1 where a figure is not as it should be. Usage:

    python -m benchmarks.million [--rows 1000000] [--part 25000] [--pairs 20] [--control]
        [--as-library]
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
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks._alternating import in_turns, wait_for_start
from benchmarks.servers.fastest_http import fast_server
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    RateLimit,
)
from capillary_interactions.cli._runtime import run_async
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

# Lookups before the first turn.
_WARM = 1000
_COMMAND = (sys.executable, "-m", "benchmarks.million")


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


_WORK = {"bare": _bare, "job": _job}
# Seconds of a bare stream, and of what it is compared with.
_Pair = tuple[float, float]


async def _work(base_url: str, type_: str, path: Path) -> None:
    """Do one half of a pair: for a process of its own, which has its turns."""
    async with _client(base_url) as client:
        warm = path.with_name(f"warm-{path.name}")
        _write_list(warm, _WARM)
        await _WORK[type_](client, warm)
        over = wait_for_start()
        await _WORK[type_](client, path)
    over()


def _share(options: argparse.Namespace, base_url: str, folder: Path, more: Sequence[str]) -> float:
    """How much of the stream's throughput is left with a job; prints it, too."""
    kinds = ("bare", "bare" if options.control else "job")
    pairs, cpu_pairs = list[_Pair](), list[_Pair]()
    for number in range(options.pairs):
        paths = [folder / f"{number}-{index}.csv" for index in range(2)]
        for path in paths:
            _write_list(path, options.part, number * options.part)
        commands = [
            [*_COMMAND, "--work", base_url, kind, str(path), *more]
            for kind, path in zip(kinds, paths, strict=True)
        ]
        bare, other = in_turns(commands, number)
        pairs.append((bare.seconds, other.seconds))
        cpu_pairs.append((bare.cpu, other.cpu))
        for left in folder.iterdir():
            left.unlink()
    rate = options.part * options.pairs / sum(other for _, other in pairs)
    compared = "another bare stream" if options.control else "a job"
    print(f"{options.pairs} pairs of {options.part} rows, with {compared}: {rate:.0f} a second")
    print(f"as a share of the bare stream: {_format(pairs)}; by CPU time: {_format(cpu_pairs)}")
    return _of_all(pairs)


def _of_all(pairs: Sequence[_Pair]) -> float:
    return sum(bare for bare, _ in pairs) / sum(other for _, other in pairs)


def _format(pairs: Sequence[_Pair]) -> str:
    rng = random.Random(5)
    drawn = sorted(_of_all(rng.choices(pairs, k=len(pairs))) for _ in range(_DRAWS))
    low, high = drawn[_DRAWS // 40], drawn[-_DRAWS // 40]
    shares = [bare / other for bare, other in pairs]
    return (
        f"{_of_all(pairs):.3f} ({low:.3f}..{high:.3f}; pairs {min(shares):.2f}..{max(shares):.2f}, "
        f"median {statistics.median(shares):.3f})"
    )


def _peak() -> float:
    """The most memory this process has had, in MiB."""
    # Not getrusage(): that begins with the size of the process it was started from.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _measure(base_url: str, path: Path) -> None:
    """Run a long list, and print the figures as JSON: for a process of its own."""
    base, seen = _peak(), list[float]()
    started_at = time.perf_counter()
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
        "first": seen[0] - started_at,
        "seconds": time.perf_counter() - started_at,
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
    command = [*_COMMAND, "--measure", base_url, str(path), *more]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert figures["complete"]  # noqa: S101
    print(
        f"{figures['rows']:>9,} rows: {figures['peak']:.0f} MiB at most over the imports, "
        f"first request after {figures['first']:.2f} s, {figures['seconds']:.0f} s in all, "
        f"{figures['rows'] / figures['seconds']:.0f} rows a second, "
        f"job's file {figures['job']:.0f} MiB"
    )
    path.unlink()
    return figures["peak"], figures["first"]


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
    parser.add_argument("--part", type=int, default=25_000)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("URL", "LIST"), help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=3, metavar=("URL", "KIND", "LIST"), help=argparse.SUPPRESS)
    parser.add_argument("--as-library", action="store_true")
    options = parser.parse_args()
    if options.measure:
        _run(_measure(options.measure[0], Path(options.measure[1])), options)
    elif options.work:
        base_url, kind, path = options.work
        _run(_work(base_url, kind, Path(path)), options)
    elif missed := _measure_all(options):
        sys.exit(f"missed: {', '.join(missed)}")


def _run(coroutine: Coroutine[Any, Any, _T], options: argparse.Namespace) -> _T:
    return asyncio.run(coroutine) if options.as_library else run_async(coroutine)


def _measure_all(options: argparse.Namespace) -> list[str]:
    more = ["--as-library"] if options.as_library else []
    with fast_server() as base_url, tempfile.TemporaryDirectory() as name:
        folder, share = Path(name), None
        if options.pairs:
            share = _share(options, base_url, folder, more)
        sizes = (options.rows // 10, options.rows) if options.rows else ()
        runs = [_in_own_process(base_url, folder, rows, more) for rows in sizes]
    return _missed(share, runs)


if __name__ == "__main__":
    main()
