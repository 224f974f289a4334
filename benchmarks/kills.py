"""Does a job survive `kill -9` at any moment? Chains of runs, each killed, until they are complete.

A process runs a job against a sandbox with faults and writes its results; it is killed after a
random time, while a part of the list or a batch of outcomes is committed, or during an export, and
started again. In the end the results of a chain must be those of a job that was never killed, in
every format, and no customer with a recorded outcome may have been looked up again.
Usage:

    python -m benchmarks.kills [--kills 50] [--customers 5000] [--seed 1] [--grow]

With --grow each chain begins with three quarters of its list; when that is done, the others are
added, and then every second answer is made older and asked for again (`refresh`), all of it through
kills.
"""

import argparse
import asyncio
import csv
import itertools
import random
import select
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
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
_REFRESH = 3600
_EXIT_TIMEOUT = 60.0
_RETRY = RetryPolicy(attempts=12, wait_initial=0.01, throttled_initial=0.01, budget=1_000_000)


def sandbox_with_faults() -> SandboxProcess:
    """A sandbox of which every tenth request fails."""
    return SandboxProcess(latency=(0.001, 0.02), faults=0.1)


def write_list(path: Path, customers: int, rows: int | None = None) -> None:
    """A list with some customers twice, and some bad rows; or only its first rows."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "mobile"))
        for number in range(customers if rows is None else rows):
            mobile = "" if number % 50 == 7 else str(919_000_000_000 + number % (customers - 20))
            writer.writerow((f'Customer "{number}",\nof ours', mobile))


async def run_once(
    sandbox: str, path: Path, out: Path, in_flight: int = 16, refresh: timedelta | None = None
) -> None:
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
        report = await job.run(client, refresh=refresh)
        assert report.complete  # noqa: S101
        _print_moment("export")
        for suffix in SUFFIXES:
            await job.export(out.with_suffix(suffix))


def _print_moment(moment: str) -> None:
    sys.stdout.write(f"{moment}\n")
    sys.stdout.flush()


def _child(sandbox: str, path: str, out: str, refresh: str) -> None:
    # The parent kills it at these moments.
    for name, moment in (("record", "commit"), ("add", "reading")):
        setattr(Store, name, _announced(getattr(Store, name), moment))
    age = timedelta(seconds=float(refresh)) if refresh else None
    asyncio.run(run_once(sandbox, Path(path), Path(out), refresh=age))


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
        sizes: How many rows the list has had.
        refresh: Of how many seconds an answer is asked for again; 0 for none.
    """

    sandbox: SandboxProcess
    path: Path
    out: Path
    rng: random.Random
    asked: dict[str, int] = field(factory=dict)
    kills: Counter[str] = field(factory=Counter)
    sizes: set[int] = field(factory=set)
    refresh: int = 0

    def run(self, max_kills: int) -> None:
        """Run until it is complete; after `max_kills` it is not killed any more."""
        self.sizes.add(len(rows_of(self.path)))
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
        refresh = str(self.refresh or "")
        arguments = ["--child", self.sandbox.base_url, str(self.path), str(self.out), refresh]
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
        since = time.time() - self.refresh if self.refresh else 0.0
        for value in recorded(self.out.with_suffix(".job"), since):
            if value not in self.asked:
                self.asked[value] = self.sandbox.received_for(value)
        for suffix in SUFFIXES:
            out = self.out.with_suffix(suffix)
            if out.exists():
                rows = len({row["row"] for row in answers(out)})
                assert rows in self.sizes  # noqa: S101 - complete, or no file

    def make_older(self) -> None:
        """Have every second answer asked for again by the next runs."""
        self._note_requests()
        self.refresh = _REFRESH
        with closing(sqlite3.connect(self.out.with_suffix(".job"))) as connection, connection:
            connection.execute(
                "UPDATE outcome SET at = at - ? WHERE first % 2 = 0", (2 * _REFRESH,)
            )
        newer = set(recorded(self.out.with_suffix(".job"), time.time() - _REFRESH))
        self.asked = {value: count for value, count in self.asked.items() if value in newer}

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


def run_chains(
    folder: Path, kills: int, customers: int, rng: random.Random, *, grow: bool = False
) -> Counter[str]:
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
            max_kills = min(kills - done.total(), 12)
            if grow:
                chain.path = folder / f"list-{number}.csv"
                write_list(chain.path, customers, 3 * customers // 4)
                chain.run(max_kills // 3)
                write_list(chain.path, customers)
                chain.run(2 * max_kills // 3)
                chain.make_older()
            chain.run(max_kills)
            chain.check(folder / "undisturbed")
            done += chain.kills
    return done


def main() -> None:
    """Kill, check and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(*options.child)
        return
    with tempfile.TemporaryDirectory() as name:
        rng = random.Random(options.seed)
        began = time.monotonic()
        done = run_chains(Path(name), options.kills, options.customers, rng, grow=options.grow)
        seconds = time.monotonic() - began
        missed = [moment for moment in _MOMENTS if options.kills >= 50 and not done[moment]]
        assert not missed, f"never killed at: {missed}"  # noqa: S101
        kinds = ", ".join(f"{count} {moment}" for moment, count in sorted(done.items()))
        print(
            f"{done.total()} kills ({kinds}) in {seconds:.0f} s: complete, equal, none asked twice"
        )


if __name__ == "__main__":
    main()
