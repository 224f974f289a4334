"""Clients in processes of their own, which take turns: one works, all others wait."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from benchmarks._suite.figures import BEFORE, Series

ROOT: Final = Path(__file__).parents[2]
_LAUNCH: Final = Path(__file__).with_name("launch.py")


@frozen
class Checkout:
    """A checkout of this project with an environment of its own.

    Attributes:
        root: Its root.
        python: The interpreter of its environment.
    """

    root: Path
    python: Path

    def command(self, core: int, module: str, *arguments: str) -> tuple[str, ...]:
        """Runs a module of this suite on the library of that checkout; see `launch.py`."""
        launched = (str(_LAUNCH), str(self.root), str(core), module, *arguments)
        return (str(self.python), "-P", *launched)


def checkout_at(root: str) -> Checkout:
    """The checkout at a path, with an environment in `.venv`; for the option `--against`."""
    path = Path(root).resolve()
    return Checkout(path, path / ".venv" / "bin" / "python")


THIS: Final = Checkout(ROOT, Path(sys.executable))


def _cores() -> tuple[int, int]:
    """The CPU of the measured processes, and that of what they talk to; -1 for any."""
    if not hasattr(os, "sched_getaffinity"):
        return -1, -1
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (-1, -1)


CLIENT_CORE, SERVER_CORE = _cores()


@frozen(kw_only=True)
class Contender:
    """What takes part in a comparison.

    Attributes:
        name: In the tables.
        target: Module and function in `benchmarks._peers`, with a colon.
        style: How it works; see `client_process.STYLES`.
        loop: The module whose event loop it has.
        needs: Packages beyond those of this project, by the names they are imported by.
        pace: How many items it does where others do one, for those that are much slower.
        checkout: Whose library it has.
    """

    name: str
    target: str
    style: str = "concurrently"
    loop: str = "asyncio"
    needs: tuple[str, ...] = ()
    pace: float = 1.0
    checkout: Checkout = field(default=THIS)


def with_before(contenders: Sequence[Contender], before: Checkout | None) -> list[Contender]:
    """All, and beside each of this client the same with the library of another checkout."""
    if before is None:
        return list(contenders)
    # Next to each other, so that both meet the same machine.
    return [
        variant
        for one in contenders
        for variant in (one, evolve(one, name=one.name + BEFORE, checkout=before))
        if variant is one or one.target.startswith(_OURS)
    ]


_OURS: Final = ("this_client:", "reading:loads_and_read", "reading:classify")


def installed(contenders: Sequence[Contender]) -> list[Contender]:
    """Those whose packages are there; says which are left out, and how to have them."""
    kept = []
    for one in contenders:
        missing = [name for name in (*one.needs, one.loop) if find_spec(name) is None]
        if missing:
            print(f"left out: {one.name} (pip install {' '.join(missing)})", file=sys.stderr)
        else:
            kept.append(one)
    return kept


class Client:
    """A running client.

    Args:
        process: It, with pipes.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        self._input, self._output = process.stdin, process.stdout
        self.process_id = process.pid

    def wait_until_ready(self) -> None:
        """Block until it is open."""
        self._line()

    def turn(self, items: int) -> tuple[float, float]:
        """Let it do some items; seconds of CPU time and of wall time for each."""
        self._input.write(f"{items}\n".encode())
        self._input.flush()
        cpu, wall = json.loads(self._line())
        return cpu, wall

    def _line(self) -> bytes:
        line = self._output.readline()
        if not line:
            raise RuntimeError("a client has ended before its work was done")
        return line


@contextmanager
def running(
    contender: Contender,
    address: str,
    *,
    environment: Mapping[str, str] = {},
    under: Sequence[str] = (),
    errors: int | None = None,
) -> Iterator[Client]:
    """A client that is open, for as long as the block lasts.

    Args:
        contender: Which.
        address: What it is opened with: mostly a base URL.
        environment: Variables beside those of this process.
        under: A command that runs the client's, as valgrind does.
        errors: Where its standard error goes, as for `subprocess`.
    """
    module = "benchmarks._suite.client_process"
    arguments = (contender.target, contender.style, address, contender.loop)
    command = (*under, *contender.checkout.command(CLIENT_CORE, module, *arguments))
    # One seed for all: the order of sets and dicts is no difference between clients.
    variables = {**os.environ, **environment, "PYTHONHASHSEED": "0"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=errors, env=variables, cwd=ROOT
    ) as process:
        client = Client(process)
        client.wait_until_ready()
        yield client
        process.communicate()


def interleaved(
    contenders: Sequence[Contender],
    address: str,
    *,
    rounds: int,
    items: int,
    environment: Mapping[str, str] = {},
) -> dict[str, Series]:
    """What each took, round by round; every round has the reverse order of the last.

    Args:
        contenders: Who takes part.
        address: What they are opened with.
        rounds: How many are counted; one before them is not.
        items: For each turn.
        environment: Variables beside those of this process.
    """
    series = {one.name: Series() for one in contenders}
    with ExitStack() as stack:
        clients = [
            (one, stack.enter_context(running(one, address, environment=environment)))
            for one in contenders
        ]
        for number in range(rounds + 1):
            for one, client in clients[:: 1 if number % 2 else -1]:
                cpu, wall = _warmed(client, max(1, int(items * one.pace)))
                if number:
                    series[one.name].cpu.append(cpu)
                    series[one.name].wall.append(wall)
    return series


def _warmed(client: Client, items: int) -> tuple[float, float]:
    """A turn behind a short one, in which caches fill and closed connections are opened again."""
    client.turn(min(items, 64))
    return client.turn(items)
