"""Runs of the program for the tests beside: in this process, in another one, on a terminal."""

import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import orjson
from attrs import frozen

from capillary_interactions.cli._app import run

COMMAND = (sys.executable, "-m", "capillary_interactions")
CLEAN = frozenset(name for name in os.environ if name.startswith("CAPILLARY_"))


@frozen
class Ran:
    """What a run left.

    Attributes:
        code: Its exit code.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output."""
        return json_lines(self.out)


def json_lines(text: str) -> list[dict[str, Any]]:
    """JSON lines, by their rows."""
    return sorted(map(orjson.loads, text.splitlines()), key=lambda line: line["row"])


def invoke(
    *arguments: str,
    stdin: str | bytes = "",
    stdout: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run the program in this process, with its output in a file if a descriptor is given."""
    # Not click's runner: the one of click 8.3.3 gives its streams the descriptors of the real ones.
    content = stdin.encode() if isinstance(stdin, str) else stdin
    input_, out, err = (
        io.TextIOWrapper(io.BytesIO(text), "utf-8", newline="") for text in (content, b"", b"")
    )
    with (
        mock.patch.dict(os.environ, environment(**(env or {})), clear=True),
        mock.patch.multiple(
            sys,
            stdin=input_,
            stdout=out if stdout is None else open(stdout, "w", closefd=False),
            stderr=err,
        ),
    ):
        code = run(arguments)
    return Ran(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def environment(**env: str) -> dict[str, str]:
    """An environment without settings but these."""
    kept = {name: value for name, value in os.environ.items() if name not in CLEAN}
    return {**kept, **env}


@contextmanager
def started(*arguments: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a process of its own, while it runs."""
    with subprocess.Popen(  # noqa: S603 - this very program
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> Ran:
    """What a process left that comes to its end by itself."""
    out, err = process.communicate(timeout=30)
    return Ran(process.returncode, out.decode(), err.decode())


def on_terminal(*arguments: str, answers: tuple[tuple[str, str], ...] = (), **env: str) -> Ran:
    """Run the program on a terminal of 100 columns; what it wrote to either stream is in `out`.

    Args:
        arguments: Its arguments.
        answers: What to look for, and what to type then.
        env: Settings.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - this very program
        [*COMMAND, *arguments],
        env=environment(COLUMNS="100", TERM="xterm", **env),
        preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - Ctrl-C needs a terminal of its own
    )
    os.close(theirs)
    text = _talk(ours, list(answers), time.monotonic() + 30)
    os.close(ours)
    return Ran(process.wait(timeout=30), text, "")


def _talk(terminal: int, answers: list[tuple[str, str]], until: float) -> str:
    text = ""
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        text += piece.decode(errors="replace")
        if answers and answers[0][0] in text:
            os.write(terminal, answers.pop(0)[1].encode())
    return text.replace("\r\n", "\n")
