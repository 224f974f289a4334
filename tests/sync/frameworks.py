"""Programs of other projects that serve a recipe, each in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.docs.readme import BLOCKS

from .clients import until

_ROOT: Final = Path(__file__).parents[2]


class Program:
    """A program, and what it has written.

    Attributes:
        process: Its process.
        log: What it has written on either stream.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.log = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log += line.decode()

    def wrote(self, pattern: str) -> str:
        """Wait until it has written something, and return that."""
        until(lambda: self.process.poll() is not None or re.search(pattern, self.log))
        found = re.search(pattern, self.log)
        assert found is not None, self.log
        return found[0]

    def end(self) -> int:
        """Ask it to stop, as an orchestrator does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self._reading.join()
        return code


@contextmanager
def program(folder: Path, *command: str, **environment: str) -> Iterator[Program]:
    """Run a module of Python's in a folder, for as long as the block lasts."""
    variables: Mapping[str, str] = {
        **os.environ,
        # Some keep files beside the user's.
        "HOME": str(folder),
        "PYTHONPATH": f"{folder}{os.pathsep}{_ROOT}",
        **environment,
    }
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-m", *command],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        running = Program(process)
        try:
            yield running
        finally:
            # Workers that hang, too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def write_module(folder: Path, name: str, block: str, further: str = "") -> None:
    """Write a block of a README, and further lines, as a module."""
    (folder / f"{name}.py").write_text(BLOCKS[block] + further, "utf-8")


@contextmanager
def gunicorn(folder: Path, application: str, *workers: str) -> Iterator[tuple[Program, str]]:
    """Serve by workers that are forked from a process that has imported the application."""
    options = ("--preload", "--bind", "127.0.0.1:0", *workers)
    with program(folder, "gunicorn", *options, application) as running:
        address = running.wrote(r"http://127\.0\.0\.1:\d+")
        yield running, address
