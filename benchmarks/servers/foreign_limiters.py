"""Limiters of other people's, installed from their registries into a folder that goes again."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from benchmarks.servers.nginx import free_port

_HERE: Final = Path(__file__).parent
_ANSWER: Final = (_HERE.parents[1] / "tests" / "samples" / "documented.json").read_text()
_NPM: Final = ("express@5", "express-rate-limit@8", "rate-limiter-flexible@11")
_PYPI: Final = ("flask>=3.1", "flask-limiter>=4.1", "gunicorn>=23")
_START: Final = 30.0

# A quota as HAProxy's documentation counts one: a sliding rate in a stick table, and headers.
_HAPROXY: Final = """\
global
    maxconn 512
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
{frontends}
"""
_FRONTEND: Final = """\
frontend f{port}
    bind 127.0.0.1:{port}
    stick-table type string size 10 expire 10m store http_req_rate({per}s)
    http-request track-sc0 str(till)
    http-request set-var(txn.used) sc_http_req_rate(0)
    http-request set-var(txn.left) int({limit}),sub(txn.used)
    http-request deny deny_status 429 hdr Retry-After 1 if {{ sc_http_req_rate(0) gt {limit} }}
    http-request return status 200 content-type application/json file {home}/answer.json {headers}
"""
_HEADERS: Final = (
    'hdr X-RateLimit-Limit "{limit}" hdr X-RateLimit-Remaining "%[var(txn.left)]" '
    'hdr X-RateLimit-Reset "{per}"'
)

Rules = Mapping[str, Mapping[str, Any]]


def install_npm(home: Path) -> Path | None:
    """Where express and its limiters are, or None without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    (home / "package.json").write_text("{}")
    subprocess.run([npm, "install", "--silent", *_NPM], cwd=home, check=True)
    shutil.copy(_HERE / "express.js", home)
    return home


def install_flask(home: Path) -> Path:
    """Where Flask-Limiter's gunicorn is."""
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *_PYPI], check=True)
    return home / "bin" / "gunicorn"


@contextmanager
def express(home: Path, rules: Rules, skew: float) -> Iterator[str]:
    """The base URL of an express that runs."""
    settings = json.dumps({"rules": rules, "skew": skew, "answer": _ANSWER})
    with subprocess.Popen(
        [shutil.which("node") or "node", "express.js", settings],
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_ENV": "production"},
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.communicate()


@contextmanager
def flask(gunicorn: Path, rules: Rules, strategy: str, *, headers: bool) -> Iterator[str]:
    """The base URL of a Flask that runs, under one worker of gunicorn's."""
    port = free_port()
    named = {name: rule["quotas"] for name, rule in rules.items()}
    settings = {"rules": named, "strategy": strategy, "headers": headers, "answer": _ANSWER}
    command = [str(gunicorn), "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", "16"]
    process = subprocess.Popen(
        [*command, "--keep-alive", "30", "--log-level", "error", "flask_app:create()"],
        cwd=_HERE,
        env={**os.environ, "RULES": json.dumps(settings)},
    )
    with _running(process, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def haproxy(home: Path, rules: Rules) -> Iterator[tuple[list[str], list[str]]]:
    """The base URL of each rule at an HAProxy that runs: without headers, and with them."""
    (home / "answer.json").write_text(_ANSWER)
    ports = [free_port() for _ in (*rules, *rules)]
    quotas = [quota for rule in rules.values() for quota in rule["quotas"]]
    frontends = [
        _frontend(home, port, quota, _HEADERS if place >= len(quotas) else "")
        for place, (port, quota) in enumerate(zip(ports, quotas * 2, strict=True))
    ]
    config = home / "haproxy.cfg"
    config.write_text(_HAPROXY.format(frontends="\n".join(frontends)))
    process = subprocess.Popen([haproxy_binary() or "haproxy", "-db", "-q", "-f", str(config)])
    with _running(process, *ports):
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        yield urls[: len(quotas)], urls[len(quotas) :]


def _frontend(home: Path, port: int, quota: tuple[int, int], headers: str) -> str:
    limit, per = quota
    lines = headers.format(limit=limit, per=per)
    return _FRONTEND.format(port=port, limit=limit, per=per, home=home, headers=lines)


def haproxy_binary() -> str | None:
    """Where HAProxy is installed, or None."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def _running(process: "subprocess.Popen[bytes]", *ports: int) -> Iterator[None]:
    try:
        for port in ports:
            _await(process, port)
        yield
    finally:
        process.terminate()
        process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < until:
        try:
            urlopen(f"http://127.0.0.1:{port}/none", timeout=5).close()
        except OSError as error:
            if getattr(error, "code", None) is not None:
                return
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not start")
