"""Certificates of a company's own: its authority, and servers that ask for one of the client."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from benchmarks.servers.brokers import free_port, running
from benchmarks.servers.nginx import binary
from capillary_interactions import Found, Outcome, Rejected, Tls, Unavailable

from .authorities import Authority
from .byte_server import KNOWN, ByteServer, Received, always, answer
from .clients import CUSTOMER, client_for

_NGINX: Final = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {home}/server.pem;
        ssl_certificate_key {home}/server.pem;
        ssl_client_certificate {home}/authority.pem;
        ssl_verify_client on;
        return 200 '{answer}';
    }}
}}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs for servers and clients."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def identities(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> dict[str | None, Tls]:
    """The settings of clients that show a certificate, by what is wrong with it."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    files: dict[str | None, Path] = {
        "good": authority.certificate("good"),
        "expired": authority.certificate("expired", not_after=yesterday),
        "foreign": Authority(tmp_path_factory.mktemp("other")).certificate("foreign"),
    }
    shown = {name: evolve(authority.tls, client_cert=str(file)) for name, file in files.items()}
    return shown | {None: authority.tls}


async def looked_up(base_url: str, tls: Tls) -> Outcome:
    """How a lookup ends with these settings."""
    async with client_for(base_url, tls=tls) as client:
        return await client.lookup(CUSTOMER)


def reason_of(outcome: Outcome) -> tuple[str, int]:
    """Why there is no answer, and after how many attempts."""
    assert isinstance(outcome, Unavailable | Rejected)
    return outcome.reason, outcome.attempts


async def test_trusts_the_authority_that_is_named(authority: Authority, tmp_path: Path) -> None:
    """And no other one; the reason names the setting."""
    other, offered = Authority(tmp_path), list[str | None]()

    async def answers(_: Received, writer: asyncio.StreamWriter) -> None:
        offered.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(answer())

    context = authority.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with ByteServer(answers, tls=context) as server:
        assert isinstance(await looked_up(server.base_url, authority.tls), Found)
        refused = reason_of(await looked_up(server.base_url, other.tls))
    reason = (
        "the server's TLS certificate is not accepted: none of the authorities in tls.ca_file "
        "(--ca-file, CAPILLARY_CA_FILE) has signed it"
    )
    assert refused == (reason, 1)
    assert offered == ["http/1.1"]


async def test_says_what_else_is_wrong_with_a_certificate(authority: Authority) -> None:
    """Its host name or its dates."""
    expired = authority.server(not_after=datetime.now(UTC) - timedelta(days=1))
    async with ByteServer(always(answer()), tls=expired) as server:
        dates = reason_of(await looked_up(server.base_url, authority.tls))
    async with ByteServer(always(answer()), tls=authority.server()) as server:
        named = server.base_url.replace("127.0.0.1", "localhost")
        name = reason_of(await looked_up(named, authority.tls))
    assert "it has expired" in dates[0]
    assert "it is for another host name; look at base_url (--base-url)" in name[0]
    assert (dates[1], name[1]) == (1, 1)


async def test_hints_at_variables_that_are_not_read(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of requests and curl, and one that names no file."""
    reasons = []
    for name, value in (("REQUESTS_CA_BUNDLE", "x.pem"), ("SSL_CERT_FILE", "/no/such/file.pem")):
        monkeypatch.setenv(name, value)
        async with ByteServer(always(answer()), tls=authority.server()) as server:
            reasons.append(reason_of(await looked_up(server.base_url, Tls()))[0])
    assert reasons[0].endswith("(REQUESTS_CA_BUNDLE is set, but is not read)")
    assert reasons[1].endswith("; that of SSL_CERT_FILE cannot be read")


@contextmanager
def asking_nginx(home: Path, authority: Authority) -> Iterator[str]:
    """An nginx that wants a client certificate; where."""
    program, port = binary(), free_port()
    if program is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    authority.write_server(home)
    settings = _NGINX.format(home=home, port=port, answer=KNOWN.decode())
    (home / "nginx.conf").write_text(settings)
    command = [program, "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    with running(command, home, port):
        yield f"https://127.0.0.1:{port}"


async def test_shows_its_certificate_to_nginx(
    tmp_path: Path, authority: Authority, identities: dict[str | None, Tls]
) -> None:
    """Which answers with a page where it is missing or not accepted."""
    with asking_nginx(tmp_path, authority) as base_url:
        ended = {name: await looked_up(base_url, tls) for name, tls in identities.items()}
    assert isinstance(ended.pop("good"), Found)
    reasons = {name: reason_of(outcome) for name, outcome in ended.items()}
    assert (
        "wants a client certificate (mTLS): the file of one is tls.client_cert" in reasons[None][0]
    )
    for name in ("expired", "foreign"):
        assert (
            "the server does not accept the client certificate (tls.client_cert" in reasons[name][0]
        )
    assert {attempts for _, attempts in reasons.values()} == {1}


@contextmanager
def alerting(tls: ssl.SSLContext) -> Iterator[str]:
    """A server that breaks a handshake off with its reason, as asyncio's servers do not; where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer())

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a handshake that it has broken off

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


async def test_reads_what_a_server_says_as_it_breaks_off(
    authority: Authority, identities: dict[str | None, Tls]
) -> None:
    """One attempt where a certificate is refused; below TLS 1.3, a missing one is a guess."""
    with alerting(authority.asking_server()) as base_url:
        ended = {name: await looked_up(base_url, tls) for name, tls in identities.items()}
    assert isinstance(ended.pop("good"), Found)
    reasons = {name: reason_of(outcome) for name, outcome in ended.items()}
    failed, own = (
        "the TLS handshake failed",
        "the client certificate (tls.client_cert, --client-cert)",
    )
    vague = "sslv3 alert handshake failure); the server may want a client certificate (mTLS)"
    assert reasons == {
        None: (f"{failed} ({vague}", 3),
        "expired": (f"{failed}: {own} has expired", 1),
        "foreign": (f"{failed}: the server does not know who has signed {own}", 1),
    }
