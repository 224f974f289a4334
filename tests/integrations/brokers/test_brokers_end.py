"""A broker ends with the process that started it, and says why it does not start."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.servers.brokers import KINDS, missing, program, running

_ROOT = Path(__file__).parents[3]
_TIMEOUT = 20.0
# What shows that it runs: RabbitMQ listens seconds later only.
_PROCESSES = {
    "redis": "redis-server",
    "nats": "nats-server",
    "rabbitmq": "erl_child_setup",
    "kafka": "tansu",
    "sqs": "moto_server",
}
_STARTER = """
import sys
from pathlib import Path
from benchmarks.servers.brokers import broker
with broker(sys.argv[1], Path(sys.argv[2])):
    sys.stdin.read()
"""


def _started(kind: str, home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - this Python
        [sys.executable, "-c", _STARTER, kind, str(home)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        text=True,
    )


def _living_in(home: Path) -> list[str]:
    """What runs in a directory, or in one below it, whatever its parent is by now."""
    names = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while it is looked at, or be a stranger's
            if (process / "cwd").readlink().is_relative_to(home):
                names.append((process / "comm").read_text().strip())
    return names


def _becomes_true(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + _TIMEOUT
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc for what is left")
@pytest.mark.parametrize("kind", KINDS)
def test_ends_with_the_process_that_started_it(kind: str, tmp_path: Path) -> None:
    """By SIGKILL, which leaves no time to tidy up: no part of it lives on."""
    if program(kind) is None:
        pytest.skip(missing(kind))
    with _started(kind, tmp_path) as starter:
        assert _becomes_true(lambda: _PROCESSES[kind] in _living_in(tmp_path))
        starter.kill()
    assert _becomes_true(lambda: not _living_in(tmp_path)), _living_in(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc for what is left")
def test_ends_what_it_has_started_itself(tmp_path: Path) -> None:
    """At the end of the block nothing runs any more, grandchildren included."""
    script = f"sleep 60 & exec {sys.executable} -m http.server -b 127.0.0.1 $0"
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with running(["sh", "-c", script, str(port)], tmp_path, port):
        assert "sleep" in _living_in(tmp_path)
    assert _becomes_true(lambda: not _living_in(tmp_path)), _living_in(tmp_path)


def test_says_why_it_does_not_start(tmp_path: Path) -> None:
    """With its own output, as soon as it has ended."""
    began = time.monotonic()
    with (
        pytest.raises(RuntimeError, match="no room for a broker"),
        running(["sh", "-c", "echo no room for a broker; exit 1"], tmp_path, 1),
    ):
        pass
    assert time.monotonic() - began < _TIMEOUT
