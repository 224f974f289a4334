"""Runs of an engine that are disturbed, and what they leave."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from pyarrow import dataset, parquet  # type: ignore[import-untyped]

from capillary_interactions.engines._done_store import DoneCounter
from capillary_interactions.sandbox import SandboxProcess

_TIMES: Final = ("elapsed", "waited", "request_id", "ended_at")
_WORKERS: Final = 2
_POLL: Final = 0.2
_MAX_SURVIVAL: Final = 60.0
_PROGRAM: Final = (sys.executable, "-m", "capillary_interactions")


@define
class Scene:
    """A server, a list, and what `bulk` makes of it."""

    server: SandboxProcess
    source: Path
    customers: int
    in_flight: int
    expected: Any = field(default=None, init=False)

    @property
    def environment(self) -> dict[str, str]:
        """What names the server, whose quota is no matter here."""
        return {
            **os.environ,
            "CAPILLARY_BASE_URL": self.server.base_url,
            "CAPILLARY_USERNAME": "sandbox",
            "CAPILLARY_PASSWORD": "sandbox",
            "CAPILLARY_RATE": "1000000/1",
            "CAPILLARY_IN_FLIGHT": str(self.in_flight),
            "PYSPARK_PYTHON": sys.executable,
        }

    def look_up_by_bulk(self) -> None:
        """Fill in `expected`."""
        out = self.source.with_name("expected.parquet")
        command = ("bulk", str(self.source), "--identifier", "mobile", "--out", str(out))
        code = subprocess.call([*_PROGRAM, *command, "--quiet"], env=self.environment)
        assert code == 0  # noqa: S101
        self.expected = _untimed(parquet.read_table(out))

    def check(self, out: Path, title: str, seconds: float, *, ordered: bool) -> None:
        """Say whether a folder holds what is expected, and how many requests that took."""
        result, expected = (
            _untimed(dataset.dataset(out, format="parquet").to_table()),
            self.expected,
        )
        if not ordered:
            order = [(name, "ascending") for name in ("row", "interaction", "message_id")]
            result = result.select(expected.column_names).sort_by(order)
            expected = expected.sort_by(order)
        equal = result.equals(expected)
        received = self.server.counts().received
        print(
            f"{title}: {self.customers:,} customers in {seconds:.0f} s "
            f"({self.customers / seconds:,.0f}/s), {result.num_rows:,} rows, "
            f"{'equal to' if equal else 'NOT EQUAL to'} those of bulk; {received:,} requests, "
            f"{received - self.customers:,} of them repeated",
            flush=True,
        )


def _untimed(table: Any) -> Any:
    return table.drop_columns(list(_TIMES))


def lost_and_stopped(scene: Scene, engine: str) -> None:
    """The command, disturbed three times."""
    out = scene.source.with_name(f"cluster-{engine}")
    run = _Run(scene, engine, out / "_run" / "done", _command(scene, engine, out))
    scene.server.reset_counts()
    began = time.monotonic()
    run.start()
    run.wait_for(1 / 5)
    run.kill_worker()
    run.wait_for(2 / 5)
    run.kill()
    run.start()
    run.wait_for(3 / 5)
    run.interrupt()
    run.start()
    code = run.end()
    assert code == 0, code  # noqa: S101
    scene.check(out, f"cluster --engine {engine}", time.monotonic() - began, ordered=True)
    print(f"  most memory of a worker: {run.memory / 2**20:,.0f} MiB", flush=True)
    shutil.rmtree(out)


def lost_worker(scene: Scene, engine: str) -> None:
    """The library's adapter, with one worker lost."""
    out, done = (scene.source.with_name(f"{name}-{engine}") for name in ("adapter", "done"))
    program = (sys.executable, "-m", "benchmarks._engine_adapters", engine)
    run = _Run(scene, engine, done, (*program, str(scene.source), str(out), str(done)))
    scene.server.reset_counts()
    began = time.monotonic()
    run.start()
    run.wait_for(1 / 3)
    run.kill_worker()
    code = run.end()
    assert code == 0, code  # noqa: S101
    scene.check(out, f"adapter of {engine}", time.monotonic() - began, ordered=False)


def _command(scene: Scene, engine: str, out: Path) -> tuple[str, ...]:
    arguments = (str(scene.source), "--identifier", "mobile", "--out", str(out))
    options = ("--engine", engine, "--workers", str(_WORKERS), "--quiet")
    return (*_PROGRAM, "cluster", *arguments, *options)


class _Run:
    """A program whose workers keep what has ended in a folder."""

    def __init__(self, scene: Scene, engine: str, done: Path, command: Sequence[str]) -> None:
        self.memory = 0
        self._scene = scene
        self._engine = engine
        self._done = done
        self._counter = DoneCounter(done)
        self._command = command
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        # A group of its own, which has its own Ctrl-C.
        self._process = subprocess.Popen(
            self._command,
            env=self._scene.environment,
            stderr=subprocess.DEVNULL if self._engine == "spark" else None,
            start_new_session=True,
        )

    def wait_for(self, share: float) -> None:
        """Wait until that share of the customers has ended."""
        while self._ended() < share * self._scene.customers:
            assert self._process.poll() is None, self._process.returncode  # noqa: S101
            self._measure()
            time.sleep(_POLL)

    def kill_worker(self) -> None:
        """Kill one of the workers."""
        worker = next(self._workers())
        os.kill(worker, signal.SIGKILL)
        print(f"  a worker killed (SIGKILL) after {self._ended():,} customers", flush=True)

    def kill(self) -> None:
        """Kill the program itself, whose workers end with it."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        began = time.monotonic()
        while any(True for _ in self._workers()):
            if time.monotonic() - began > _MAX_SURVIVAL:
                raise AssertionError("its workers have not ended with it")
            time.sleep(_POLL)
        self._report(f"the command killed (SIGKILL), its workers after {_since(began)}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        began = time.monotonic()
        os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait()
        self._report(f"Ctrl-C: exit code {code} after {_since(began)}")

    def end(self) -> int:
        while self._process.poll() is None:
            self._measure()
            time.sleep(_POLL)
        return self._process.returncode

    def _report(self, event: str) -> None:
        ended, received = self._ended(), self._scene.server.counts().received
        print(
            f"  {event}; {ended:,} customers have ended, {received:,} requests: "
            f"{received - ended:,} repeated or to be repeated",
            flush=True,
        )

    def _ended(self) -> int:
        self._counter.refresh()
        return self._counter.endings.total()

    def _workers(self) -> Iterator[int]:
        """Processes that have a file of the folder open, but for the program itself."""
        for entry in Path("/proc").glob("[0-9]*"):
            if int(entry.name) not in {self._process.pid, os.getpid()} and _holds(
                entry, self._done
            ):
                yield int(entry.name)

    def _measure(self) -> None:
        for worker in self._workers():
            # One that has just been killed has no memory any more.
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{worker}/status").read_text("ascii", "replace")
                kilobytes = int(status.partition("VmHWM:")[2].split()[0])
                self.memory = max(self.memory, kilobytes * 1024)


def _holds(process: Path, folder: Path) -> bool:
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                if str(link.readlink()).startswith(f"{folder}/"):
                    return True
    return False


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
