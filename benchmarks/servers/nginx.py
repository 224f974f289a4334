"""A real nginx with `limit_req` in front of one canned answer, for as long as a block lasts."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

_SAMPLE: Final = Path(__file__).parents[2] / "tests" / "samples" / "documented.json"
_START: Final = 10.0
_TRIES: Final = 5

# `return 200` would be simpler and wrong: nginx runs it before limit_req ever looks.
_CONFIG: Final = """\
daemon off;
master_process off;
worker_rlimit_nofile 4096;
pid {home}/pid;
error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format arrivals '$msec $status $limit_req_status';
    access_log {home}/access.log arrivals;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    default_type application/json;
    limit_req_zone $http_authorization zone=till:1m rate={rate}r/s;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            limit_req zone=till burst={burst} nodelay;
            root {home};
            try_files /answer.json =404;
        }}
    }}
}}
"""


@frozen(kw_only=True)
class Arrival:
    """A request as nginx wrote it down.

    Attributes:
        at: Seconds since the epoch, to the millisecond.
        status: The HTTP status it was answered with.
        limited: What limit_req made of it: PASSED or REJECTED.
    """

    at: float
    status: int
    limited: str


@frozen
class Nginx:
    """An nginx that runs.

    Attributes:
        base_url: Where it listens.
        home: Its directory.
    """

    base_url: str
    home: Path

    def arrivals(self) -> list[Arrival]:
        """Everything it has answered so far, in order."""
        lines = (self.home / "access.log").read_text().splitlines()
        rows = (line.split() for line in lines)
        return [Arrival(at=float(at), status=int(code), limited=how) for at, code, how in rows]

    def complaints(self) -> list[str]:
        """The lines of its error log: one for each request that limit_req rejected."""
        return (self.home / "error.log").read_text().splitlines()


def binary() -> str | None:
    """Where nginx is installed, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(home: Path, *, rate: int, burst: int) -> Iterator[Nginx]:
    """An nginx that allows each credential `rate` requests a second and `burst` beyond them.

    Args:
        home: An empty directory for its configuration and its logs.
        rate: limit_req_zone's rate, in requests a second.
        burst: limit_req's burst.

    Raises:
        RuntimeError: It is not installed, or does not start; what it says is in the message.
    """
    shutil.copy(_SAMPLE, home / "answer.json")
    process, port = _start(home, rate, burst)
    try:
        yield Nginx(f"http://127.0.0.1:{port}", home)
    finally:
        process.terminate()
        process.communicate()


def _start(home: Path, rate: int, burst: int) -> tuple["subprocess.Popen[str]", int]:
    program = binary()
    if program is None:
        raise RuntimeError("nginx is not installed: apt-get install nginx-light")
    said = ""
    for _ in range(_TRIES):
        port = free_port()
        config = home / "nginx.conf"
        config.write_text(_CONFIG.format(home=home, rate=rate, burst=burst, port=port))
        process = subprocess.Popen(
            [program, "-p", str(home), "-e", str(home / "error.log"), "-c", str(config)],
            stderr=subprocess.PIPE,
            text=True,
        )
        if _listens(process, port):
            return process, port
        # Another process may have taken the port meanwhile.
        process.kill()
        said = process.communicate()[1]
    raise RuntimeError(f"nginx does not start: {said.strip()}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _listens(process: "subprocess.Popen[str]", port: int) -> bool:
    until = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.01)
    return False
