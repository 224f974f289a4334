"""Worker processes of this machine are killed, or the process that has started them."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions.engines import done_counts
from capillary_interactions.engines._cluster.on_processes import ProcessEngine
from capillary_interactions.sandbox import Sandbox, SandboxProcess
from tests.cli.program import Ran, ended, started

from .runs import MOBILES, request_of, result, run, write_list


class _LosingOne(ProcessEngine):
    """Its process is killed when the first part is done."""

    def results(self, work: Any, parts: Any) -> Iterator[Any]:
        """As by any engine."""
        for number, ended_part in enumerate(super().results(work, parts)):
            if number == 0:
                os.kill(next(iter(self._pool._processes)), signal.SIGKILL)
            yield ended_part


async def test_a_lost_worker_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    """All parts are done, and what had ended of its own is not asked for again."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"
    sandbox.latency = 0.02

    running = await run(sandbox, request_of(source, out), _LosingOne(1), in_flight=2)

    assert running.complete
    assert set(result(out)["row"].to_pylist()) == set(range(1, len(MOBILES) + 1))
    # What ends in a quarter of a second, and what is in flight.
    assert sandbox.counts.received <= len(MOBILES) + 60


@pytest.fixture
def server() -> Iterator[SandboxProcess]:
    """A server that counts, and takes its time."""
    with SandboxProcess(messages=1, latency=0.03) as running:
        yield running


class _Command:
    """The command, on a list of 180 customers."""

    def __init__(self, server: SandboxProcess, folder: Path) -> None:
        self.out = folder / "out"
        self.source = write_list(folder / "list.csv", *MOBILES)
        self.arguments = (
            *("cluster", str(self.source), "--identifier", "mobile", "--out", str(self.out)),
            *("--workers", "1", "--in-flight", "1"),
        )
        self.env = {
            "CAPILLARY_BASE_URL": server.base_url,
            "CAPILLARY_USERNAME": "sandbox",
            "CAPILLARY_PASSWORD": "sandbox",
            "CAPILLARY_RATE": "100000/1",
        }

    def interrupted(self, number: signal.Signals) -> Ran:
        """Run it, and send it a signal when some customers more have ended."""
        before = self.ended()
        with started(*self.arguments, **self.env) as process:
            while self.ended() == before:
                time.sleep(0.02)
                assert process.poll() is None, process.communicate()
            process.send_signal(number)
            return ended(process)

    def ended(self) -> int:
        """How many customers have."""
        done = self.out / "_run" / "done"
        return done_counts(done).total() if done.exists() else 0


async def test_a_run_that_is_stopped_or_killed_goes_on(
    server: SandboxProcess, tmp_path: Path
) -> None:
    """No customer is asked twice, but for those whose answers were on their way when it died."""
    command = _Command(server, tmp_path)

    stopped = await asyncio.to_thread(command.interrupted, signal.SIGINT)
    kept = command.ended()
    killed = await asyncio.to_thread(command.interrupted, signal.SIGKILL)
    whole = await run(server, request_of(command.source, command.out))

    asked = Counter(server.received_for(str(mobile)) for mobile in MOBILES)
    assert (stopped.code, killed.code, whole.complete) == (130, -signal.SIGKILL, True)
    assert "the same command again goes on" in stopped.err
    assert 0 < kept < command.ended() == len(MOBILES)
    # What ends in a quarter of a second, and what is in flight.
    assert asked[1] + asked[2] == len(MOBILES)
    assert asked[2] <= 60
