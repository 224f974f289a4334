"""How long do an import of the library and the start of the program take, in fresh processes?"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Final

from attrs import frozen

from benchmarks._suite.clients import CLIENT_CORE, THIS, Checkout
from benchmarks._suite.figures import BEFORE, Report, Spread, markdown, ratios, spread
from benchmarks._suite.options import Options

_LIBRARIES: Final = "import aiohttp, attrs, cattrs"
_THIS: Final = "from capillary_interactions import ClientConfig, Identifier, InteractionsClient"
_CLIENT: Final = (
    f"{_THIS}, BasicAuth; InteractionsClient(ClientConfig('eu', BasicAuth('till', 'secret')))"
)
# What a table and colours need of them.
_TERMINAL: Final = "import click, rich.console, rich.table, rich.progress"
_COMPLETION: Final = {
    "_CAPILLARY_INTERACTIONS_COMPLETE": "bash_complete",
    "COMP_WORDS": "capillary-interactions lo",
    "COMP_CWORD": "1",
}
# Seconds that click and rich take where the goal for the program's start was set.
_TERMINAL_SECONDS: Final = 0.27
# Of an import, after the interpreter has started: printed by the process itself.
_TIMED: Final = (
    "import time; began = time.process_time(); {code}; print(time.process_time() - began)"
)


@frozen(kw_only=True)
class _Start:
    """A process to start.

    Attributes:
        name: In the tables.
        arguments: Of the interpreter.
        checkout: Whose.
        variables: Of its environment.
        whole: Whether its time is all of it, and not what it prints.
    """

    name: str
    arguments: tuple[str, ...]
    checkout: Checkout = THIS
    variables: Mapping[str, str] = {}
    whole: bool = True

    def seconds(self, folder: str) -> float:
        """CPU time of one run."""
        environment = {**os.environ, "PYTHONPATH": str(self.checkout.root), **self.variables}
        # As installed: compiled once, and not at every start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = (str(self.checkout.python), *self.arguments)
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            printed = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.name} failed with exit code {process.returncode}")
        return usage.ru_utime + usage.ru_stime if self.whole else float(printed)


def start_up(options: Options) -> Report:
    """Imports beside those of the libraries below, and the program's start beside click's."""
    before = options.before
    imports = _measure(
        _imports(THIS) + (_imports(before)[1:] if before else []), options.few_rounds
    )
    programs = _measure(
        _programs(THIS) + (_programs(before)[1:] if before else []), options.few_rounds
    )
    imported, started = _against_first(imports), _against_first(programs)
    figures = {
        **imported,
        **{name: _scaled(one) for name, one in started.items()},
    }
    rows = [(name, *_milliseconds(imports[name]), one) for name, one in imported.items()]
    more = [
        (name, *_milliseconds(programs[name]), one, figures[name]) for name, one in started.items()
    ]
    first = markdown(("import, in a fresh process", "CPU ms", "times the first"), rows)
    second = markdown(
        ("program, whole process", "CPU ms", "times the first", "s where the first is 0.27"), more
    )
    return Report(title="Import and start", text=f"{first}\n\n{second}", figures=figures)


def _imports(checkout: Checkout) -> list[_Start]:
    codes = {
        "aiohttp, attrs, cattrs": _LIBRARIES,
        "the library": _THIS,
        "the library, and a client made": _CLIENT,
    }
    return [
        _Start(
            name=_named(name, checkout),
            arguments=("-c", _TIMED.format(code=code)),
            checkout=checkout,
            whole=False,
        )
        for name, code in codes.items()
    ]


def _programs(checkout: Checkout) -> list[_Start]:
    program = ("-m", "capillary_interactions")
    starts: Sequence[tuple[str, tuple[str, ...], Mapping[str, str]]] = (
        ("click and rich imported", ("-c", _TERMINAL), {}),
        ("--version", (*program, "--version"), {}),
        ("--help", (*program, "--help"), {}),
        ("completion of a command", program, _COMPLETION),
    )
    return [
        _Start(name=_named(name, checkout), arguments=arguments, checkout=checkout, variables=more)
        for name, arguments, more in starts
    ]


def _named(name: str, checkout: Checkout) -> str:
    return name if checkout is THIS else name + BEFORE


def _measure(starts: Sequence[_Start], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, round by round, in alternating order."""
    took: dict[str, list[float]] = {start.name: [] for start in starts}
    affinity = os.sched_getaffinity(0) if CLIENT_CORE >= 0 else None
    try:
        if affinity is not None:
            # What is started inherits it.
            os.sched_setaffinity(0, {CLIENT_CORE})
        with TemporaryDirectory() as folder:
            for number in range(rounds + 1):
                for start in starts[:: 1 if number % 2 else -1]:
                    seconds = start.seconds(folder)
                    # The first round reads files that the others find in memory.
                    if number:
                        took[start.name].append(seconds)
    finally:
        if affinity is not None:
            os.sched_setaffinity(0, affinity)
    return took


def _against_first(took: Mapping[str, list[float]]) -> dict[str, Spread]:
    first = next(iter(took.values()))
    return {name: spread(ratios(mine, first)) for name, mine in took.items()}


def _scaled(times: Spread) -> Spread:
    return Spread(*(one * _TERMINAL_SECONDS for one in (times.median, times.low, times.high)))


def _milliseconds(took: list[float]) -> tuple[str]:
    return (f"{spread(took).median * 1e3:.0f}",)
