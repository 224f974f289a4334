"""What `bulk` says where nothing can be found, and while it waits: the cause and the way on."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from capillary_interactions import Snapshot
from capillary_interactions.cli._descriptors import max_in_flight
from capillary_interactions.cli._progress import Notices
from tests.tables import table

from .program import invoke, started
from .workspace import Workspace

CREDENTIALS = {"CAPILLARY_USERNAME": "till", "CAPILLARY_PASSWORD": "hunter22"}
PAGE = b"<html><title>400 No required SSL certificate was sent</title></html>"


@contextmanager
def serving(
    status: int,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    tls: bool = False,
) -> Iterator[tuple[str, list[str]]]:
    """A server that answers all alike; its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that breaks a handshake off

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_stops_at_once_where_the_certificate_is_not_accepted(tmp_path: Path) -> None:
    """It will not mend itself: exit 3, the cause, the way on, and every row is still open."""
    with serving(200, tls=True) as (url, asked):
        workspace = Workspace(tmp_path, {**CREDENTIALS, "CAPILLARY_BASE_URL": url})
        workspace.write(range(1, 3))
        ran = workspace.bulk()
        piped = invoke(
            *("bulk", str(workspace.list), "--identifier", "mobile", "--out", "-"),
            env=workspace.settings,
        )
    status = workspace.jobs("status")

    assert (ran.code, piped.code, piped.out, asked) == (3, 3, "", [])
    for text in (ran.err, piped.err, status.out + status.err):
        assert "the server's TLS certificate is not accepted: " in text
        assert "SSL_CERT_FILE" in text
        assert "--base-url" in text
    assert "0 of 2 rows done" in status.out + status.err
    assert not workspace.out.exists()


@pytest.mark.parametrize(
    ("status", "body", "headers", "message"),
    [
        (
            302,
            b"",
            {"Location": "https://login.example/?for=919000000001"},
            "https://login.example)",
        ),
        (400, PAGE, {}, "client certificate (mTLS)"),
        (400, b"<html>Bad Request</html>", {}, "not the API's own answer: check base_url"),
        (407, b"", {}, "a proxy wants credentials"),
        (404, b"<html>Not Found</html>", {}, "check base_url and api"),
    ],
)
def test_stops_after_a_few_where_only_a_setting_explains_it(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str], message: str
) -> None:
    """Not the list is blamed but the setting, and no customer is: the next run asks for them."""
    with serving(status, body=body, headers=headers) as (url, asked):
        workspace = Workspace(tmp_path, {**CREDENTIALS, "CAPILLARY_BASE_URL": url})
        workspace.write(range(1, 201))
        ran = workspace.bulk("--in-flight", "4")
        piped = invoke(
            *(
                "bulk",
                str(workspace.list),
                "--identifier",
                "mobile",
                "--out",
                "-",
                "--in-flight",
                "4",
            ),
            env=workspace.settings,
        )

    assert (ran.code, piped.code, piped.out) == (3, 3, "")
    assert len(asked) <= 2 * 16
    for text in (ran.err, piped.err):
        assert message in text
        assert "looks wrong" not in text
        assert "919000000001" not in text
    assert "0 of 200 rows done" in ran.err


def test_rejects_a_single_customer_for_what_looks_like_a_setting(tmp_path: Path) -> None:
    """Fewer than a few are taken at the server's word: a list of two ends."""
    with serving(404, body=b"<html>Not Found</html>") as (url, _):
        workspace = Workspace(tmp_path, {**CREDENTIALS, "CAPILLARY_BASE_URL": url})
        workspace.write(range(1, 3))
        ran = workspace.bulk()

    assert ran.code == 1
    assert "2 rejected" in ran.err


def test_says_until_when_the_server_makes_it_wait(tmp_path: Path) -> None:
    """A cool-down of ten minutes is announced once, with the time of day at which it ends."""
    with serving(429, body=b"{}", headers={"Retry-After": "600"}) as (url, _):
        workspace = Workspace(tmp_path, {**CREDENTIALS, "CAPILLARY_BASE_URL": url})
        command = (
            "bulk",
            str(workspace.list),
            "--identifier",
            "mobile",
            "--out",
            str(workspace.out),
        )
        with started(*command, **workspace.settings) as process:
            assert process.stderr is not None
            line = process.stderr.readline().decode()
            process.kill()
            rest = process.stderr.read().decode()

    assert line.startswith("the server asks to wait 600 s: resuming at ")
    assert "asks to wait" not in rest


TOMORROW = "the server asks to wait 43200 s: resuming at 2026-11-29 00:00"
NOON = datetime(2026, 11, 28, 12, 0, tzinfo=timezone(timedelta(hours=1)))


def _snapshot(
    cool_down: float = 0.0,
    asked: float = 0.0,
    shortage: str | None = None,
    slowed: str | None = None,
) -> Snapshot:
    return Snapshot(
        rate=1.0, slots_left=0, waiting=0, in_flight=0, cool_down=cool_down, retry_budget=500,
        requests=0, retries=0, throttled=0, endings={}, credentials=(), shortage=shortage,
        asked_to_wait=asked, slowed=slowed,
    )  # fmt: skip


def test_tells_each_wait_once() -> None:
    """Short ones not at all, a longer one anew, and a lookup's own only if it is everybody's."""
    notices, now = Notices(), NOON
    looks = [
        (_snapshot(cool_down=4.9), []),
        (_snapshot(cool_down=30.0), ["the server asks to wait 30 s: resuming at 12:00:30"]),
        (_snapshot(cool_down=29.5), []),
        (_snapshot(cool_down=599.5), ["the server asks to wait 600 s: resuming at 12:09"]),
        (_snapshot(), []),
        (_snapshot(asked=3600.0), []),
        (_snapshot(asked=3600.0), ["the server asks to wait 3600 s: resuming at 13:00"]),
        (_snapshot(asked=3600.0), []),
        (_snapshot(cool_down=43_200.0), [TOMORROW]),
        (_snapshot(shortage="too many open files"), ["too many open files"]),
        (_snapshot(shortage="too many open files"), []),
        (_snapshot(), []),
        (_snapshot(shortage="too many open files"), ["too many open files"]),
    ]  # fmt: skip
    for snapshot, message in looks:
        assert notices.lines(snapshot, now) == message


def test_says_once_that_the_servers_headers_slow_it_down() -> None:
    """A run at a tenth of its rate would look as if something were wrong here."""
    notices = Notices()
    looks = [
        (_snapshot(slowed="9 left"), ["9 left: going at 1/s"]),
        (_snapshot(slowed="8 left"), []),
        (_snapshot(slowed="0 left", cool_down=3.0), []),
        (_snapshot(), []),
        (_snapshot(slowed="9 left"), ["9 left: going at 1/s"]),
    ]  # fmt: skip
    for snapshot, message in looks:
        assert notices.lines(snapshot, NOON) == message


@table(
    ("in_flight", "limit", "open_now", "per_request", "expected"),
    [(200, 64, 10, 1, 38), (200, 64, 10, 2, 19), (32, 1024, 10, 1, 32), (5, 16, 10, 1, 1)],
)
def test_fits_the_limit_of_open_files(
    in_flight: int, limit: int, open_now: int, per_request: int, expected: int
) -> None:
    """Connections leave room for the job's own files, and one there always is."""
    assert (
        max_in_flight(in_flight, limit=limit, open_now=open_now, per_request=per_request)
        == expected
    )


def test_asks_with_fewer_connections_where_few_files_may_be_open(
    tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is looked up before anything is asked, and one line says what to do about it."""
    workspace = Workspace(tmp_path, settings)
    limit = sum(1 for _ in Path("/proc/self/fd").iterdir()) + 20
    monkeypatch.setattr("capillary_interactions.cli._descriptors._limit", lambda: limit)
    ran = workspace.bulk("--in-flight", "200")

    assert ran.code == 0
    assert ran.err.count("too many open files: lower --in-flight or raise ulimit -n") == 1
    assert "too many" not in workspace.bulk("--in-flight", "200", "--quiet", "--restart").err
