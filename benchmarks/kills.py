"""Does a job survive `kill -9` at any moment? Chains of runs, each killed, until they are complete.

A process runs a job against a sandbox with faults and writes its results; it is killed after a
random time, while a part of the list or a batch of outcomes is committed, or during an export, and
started again. In the end the results of a chain must be those of a job that was never killed, in
every format, and no customer with a recorded outcome may have been looked up again.
Usage:

    python -m benchmarks.kills [--kills 50] [--customers 5000] [--seed 1]
"""

import argparse
import asyncio
import csv
import itertools
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks._results import SUFFIXES, answers, recorded, rows_of
from capillary_interactions import InteractionsClient, RateLimit, RetryPolicy
from capillary_interactions.jobs import CustomerList, Job
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import SandboxProcess

_MOMENTS = ("time", "reading", "commit", "export")
_MAX_SURVIVORS = 20
_EXIT_TIMEOUT = 60.0
_RETRY = RetryPolicy(attempts=12, wait_initial=0.01, throttled_initial=0.01, budget=1_000_000)


def sandbox_with_faults() -> SandboxProcess:
    """A sandbox of which every tenth request fails."""
    return SandboxProcess(latency=(0.001, 0.02), faults=0.1)


def write_list(path: Path, customers: int) -> None:
    """A list with some customers twice, and some bad rows."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "mobile"))
        for number in range(customers):
            mobile = "" if number % 50 == 7 else str(919_000_000_000 + number % (customers - 20))
            writer.writerow((f'Customer "{number}",\nof ours', mobile))


async def run_once(sandbox: str, path: Path, out: Path, in_flight: int = 16) -> None:
    """Start or resume a job, and export its results."""
    from capillary_interactions import BasicAuth, ClientConfig  # noqa: PLC0415

    config = ClientConfig(
        sandbox,
        BasicAuth("sandbox", "sandbox"),
        rate=RateLimit(100_000, 1.0),
        retry=_RETRY,
        in_flight=in_flight,
    )
    customers = CustomerList(path, identifier="mobile")
    async with (
        InteractionsClient(config) as client,
        Job.open(out.with_suffix(".job"), customers) as job,
    ):
        report = await job.run(client)
        assert report.complete  # noqa: S101
        _print_moment("export")
        for suffix in SUFFIXES:
            await job.export(out.with_suffix(suffix))


def _print_moment(moment: str) -> None:
    sys.stdout.write(f"{moment}\n")
    sys.stdout.flush()


def _child(sandbox: str, path: str, out: str) -> None:
    # The parent kills it at these moments.
    for name, moment in (("record", "commit"), ("add", "reading")):
        setattr(Store, name, _announced(getattr(Store, name), moment))
    asyncio.run(run_once(sandbox, Path(path), Path(out)))


def _announced(call: Callable[..., None], moment: str) -> Callable[..., None]:
    def announced(*arguments: Any) -> None:
        _print_moment(moment)
        call(*arguments)

    return announced


@define
class Chain:
    """One job, killed again and again until it is complete.

    Attributes:
        sandbox: The server.
        path: The list.
        out: The results, under each suffix.
        rng: When to kill.
        asked: Requests for each customer when their outcome was first seen.
        kills: The kills so far, by what was waited for.
    """

    sandbox: SandboxProcess
    path: Path
    out: Path
    rng: random.Random
    asked: dict[str, int] = field(factory=dict)
    kills: Counter[str] = field(factory=Counter)

    def run(self, max_kills: int) -> None:
        """Run until it is complete; after `max_kills` it is not killed any more."""
        while True:
            moment = self.rng.choice(_MOMENTS)
            if self.kills.total() >= max_kills:
                moment = "never"
            if self._run_once(moment):
                return
            self.kills[moment] += 1
            self._note_requests()

    def _run_once(self, moment: str) -> bool:
        """Run one process; return whether it has completed the job."""
        arguments = ["--child", self.sandbox.base_url, str(self.path), str(self.out)]
        command = [sys.executable, "-m", "benchmarks.kills", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            if moment != "never":
                self._wait(process, moment)
                process.kill()
            code = process.wait(_EXIT_TIMEOUT)
        assert code in {0, -9}, code  # noqa: S101 - or something else is wrong
        return code == 0

    def _wait(self, process: "subprocess.Popen[bytes]", moment: str) -> None:
        assert process.stdout is not None  # noqa: S101
        remaining = {"export": 1, "reading": self.rng.randrange(1, 3)}.get(
            moment, self.rng.randrange(1, 5)
        )
        if moment == "time":
            # Its first second is spent on imports.
            until = time.monotonic() + self.rng.uniform(0.2, 2.0)
            while time.monotonic() < until and process.poll() is None:
                select.select([process.stdout], [], [], 0.01)
                time.sleep(0.005)
            return
        while remaining and (line := process.stdout.readline()):
            remaining -= line.strip().decode() == moment
        time.sleep(self.rng.uniform(0, 0.06 if moment == "export" else 0.005))

    def _note_requests(self) -> None:
        """Note how many requests there were for the customers with an outcome."""
        for value in recorded(self.out.with_suffix(".job")):
            if value not in self.asked:
                self.asked[value] = self.sandbox.received_for(value)
        for suffix in SUFFIXES:
            out = self.out.with_suffix(suffix)
            if out.exists():
                rows = len({row["row"] for row in answers(out)})
                assert rows == len(rows_of(self.path))  # noqa: S101 - complete, or no file

    def check(self, undisturbed: Path) -> None:
        """See that all is as with a job that was never killed."""
        for suffix in SUFFIXES:
            ours, expected = self.out.with_suffix(suffix), undisturbed.with_suffix(suffix)
            assert answers(ours) == answers(expected), suffix  # noqa: S101
        again = {
            value
            for value, count in self.asked.items()
            if self.sandbox.received_for(value) != count
        }
        assert not again, f"{len(again)} customers were looked up again"  # noqa: S101
        left = [path.name for path in self.out.parent.glob(f".{self.out.name}*")]
        assert not left, left  # noqa: S101


def run_chains(folder: Path, kills: int, customers: int, rng: random.Random) -> Counter[str]:
    """Run chains until there were enough kills; return their number at each moment."""
    path = folder / "list.csv"
    write_list(path, customers)
    done: Counter[str] = Counter()
    with sandbox_with_faults() as sandbox:
        asyncio.run(run_once(sandbox.base_url, path, folder / "undisturbed"))
        expected = answers(folder / "undisturbed.jsonl")
        assert [row["row"] for row in expected] == list(range(1, customers + 1))  # noqa: S101
        for number in itertools.count():
            if done.total() >= kills:
                break
            assert number - done.total() < _MAX_SURVIVORS, "too few are killed"  # noqa: S101
            sandbox.reset_counts()
            chain = Chain(sandbox, path, folder / f"chain-{number}", rng)
            chain.run(min(kills - done.total(), 12))
            chain.check(folder / "undisturbed")
            done += chain.kills
    return done


def main() -> None:
    """Kill, check and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(*options.child)
        return
    with tempfile.TemporaryDirectory() as name:
        rng = random.Random(options.seed)
        began = time.monotonic()
        done = run_chains(Path(name), options.kills, options.customers, rng)
        seconds = time.monotonic() - began
        missed = [moment for moment in _MOMENTS if options.kills >= 50 and not done[moment]]
        assert not missed, f"never killed at: {missed}"  # noqa: S101
        kinds = ", ".join(f"{count} {moment}" for moment, count in sorted(done.items()))
        print(
            f"{done.total()} kills ({kinds}) in {seconds:.0f} s: complete, equal, none asked twice"
        )


if __name__ == "__main__":
    main()
