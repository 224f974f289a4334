"""Does anything of a blocking call remain, at whatever moment its thread is interrupted?

python -m benchmarks.interruptions [--seconds 60] [--seed 1]

Lookups, streams and runs of a job in the main thread are interrupted by a signal, as by Ctrl-C or a
time limit, after 0.01 to 12 ms, while two other threads use the same client. At the end no request
may be under way, no task and no thread may be left, and every row of the job has one outcome. It
exits with 1 otherwise.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import BasicAuth, ClientConfig, Identifier
from capillary_interactions.jobs import CustomerList
from capillary_interactions.sync import InteractionsClient, Job
from capillary_interactions.testing import Response, interactions

_ROWS: Final = 400
_LEAST, _MOST = 1e-5, 0.012


class Interruption(KeyboardInterrupt):
    """What the signal raises."""


class Slow:
    """A transport that takes 2 ms for an answer, and knows how many are under way."""

    def __init__(self) -> None:
        self.under_way = 0

    async def send(self, request: object, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Answer; see `Transport.send`."""
        del request, timeout
        self.under_way += 1
        try:
            await asyncio.sleep(0.002)
        finally:
            self.under_way -= 1
        headers = {"content-type": "application/json"}
        return Response(status=200, headers=headers, body=orjson.dumps(interactions()))

    async def aclose(self) -> None:
        """Close nothing."""


def _customer(number: int) -> Identifier:
    return Identifier.mobile(str(919_000_000_000 + number))


class Scene:
    """Calls that are interrupted, of a client that other threads use, too.

    Attributes:
        calls: How many were made.
        interrupted: How many of them were interrupted.
    """

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self._dice = dice
        self._over = False
        self.transport = Slow()
        config = ClientConfig("eu", BasicAuth("till", "secret"), rate="1000000/1")
        self._client = InteractionsClient(config, transport=self.transport)
        source = folder / "list.csv"
        rows = (f"{_customer(number).value}\n" for number in range(_ROWS))
        source.write_text("mobile\n" + "".join(rows), "utf-8")
        self._customers = CustomerList(source, identifier="mobile")
        self._job_file = folder / "list.job"
        self.calls = self.interrupted = 0

    def run(self, seconds: float) -> None:
        """Interrupt calls for a while."""
        signal.signal(signal.SIGALRM, self._interrupt)
        others = [threading.Thread(target=self._look_up_others) for _ in range(2)]
        for thread in others:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._call(self._dice.choice([self._lookup, self._stream, self._part, self._run_job]))
        self._over = True
        for thread in others:
            thread.join()

    def _interrupt(self, *_: object) -> None:
        raise Interruption

    def _call(self, call: Callable[[], object]) -> None:
        self.calls += 1
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, self._dice.uniform(_LEAST, _MOST))
                call()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Interruption:
            self.interrupted += 1

    def _look_up_others(self) -> None:
        dice = random.Random(1)
        while not self._over:
            self._client.lookup(_customer(dice.randrange(1000)))

    def _lookup(self) -> object:
        return self._client.lookup(_customer(self._dice.randrange(1000)))

    def _stream(self) -> object:
        return list(self._client.stream(map(_customer, range(30)), in_flight=4))

    def _part(self) -> object:
        with self._client.stream(map(_customer, range(30))) as outcomes:
            return next(outcomes)

    def _run_job(self) -> object:
        with Job.open(self._job_file, self._customers) as job:
            return job.run(self._client, in_flight=4)

    def left(self) -> list[str]:
        """What should not be there, once the calls are over."""
        with Job.open(self._job_file, self._customers) as job:
            done = job.run(self._client).status
        under_way, in_flight = self.transport.under_way, self._client.snapshot().in_flight
        self._client.close()
        names = [thread.name for thread in threading.enumerate()][1:]
        wrong: dict[str, Any] = {
            "requests under way": under_way,
            "lookups in flight": in_flight,
            "threads": names,
            "rows without one outcome": _ROWS - done.endings["found"],
        }
        return [f"{what}: {value}" for what, value in wrong.items() if value]


def main() -> None:
    """Print what was done and what is left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), random.Random(given.seed))
        scene.run(given.seconds)
        left = scene.left()
    print(f"{scene.calls:,} calls, {scene.interrupted:,} of them interrupted")
    print("\n".join(left) or "nothing is left")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
