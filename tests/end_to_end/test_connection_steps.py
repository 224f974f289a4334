"""Where does the way to the API end? With real sockets, a real proxy and a private authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions._http.certificate_issuer import issuer_of
from capillary_interactions._http.connection_steps import connection_steps
from capillary_interactions._http.route import build_route
from capillary_interactions._model.check_report import CheckStep
from tests.examples import config

from .authorities import Authority
from .forward_proxies import PASSWORD, USER, behind_tls, tinyproxy

_Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


def _leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def _listening(
    tls: ssl.SSLContext | None = None, connected: _Connected = _leave
) -> AsyncIterator[int]:
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        # A connection that has just come is accepted, and closed, by tasks of the loop's.
        for _ in range(5):
            await asyncio.sleep(0)


async def _look(url: str, seconds: float = 5.0, **settings: Any) -> tuple[CheckStep, ...]:
    """The steps of the way that these settings make."""
    made = config(base_url=url, **{"proxy": None, "allow_http": True, **settings})
    steps = await connection_steps(url, build_route(made, {}, borrowed=False), seconds)
    assert all(step.seconds is not None for step in steps)
    return steps


def _statuses(steps: tuple[CheckStep, ...]) -> dict[str, str]:
    return {step.name: step.status for step in steps}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One that no system knows."""
    return Authority(tmp_path)


async def test_goes_all_the_way(authority: Authority) -> None:
    """The connection, and TLS with who has signed the certificate and until when."""
    until = datetime.now(UTC) + timedelta(days=90)
    async with _listening(authority.server(not_after=until)) as port:
        steps = await _look(f"https://127.0.0.1:{port}", tls=authority.tls)

    assert _statuses(steps) == {"dns": "ok", "tcp": "ok", "tls": "ok"}
    assert "TLSv1.3, certificate by trustme " in steps[2].detail
    assert f"valid until {until:%Y-%m-%d}" in steps[2].detail


async def test_says_that_a_certificate_expires_soon(authority: Authority) -> None:
    """Before lookups fail for it."""
    until = datetime.now(UTC) + timedelta(days=5)
    async with _listening(authority.server(not_after=until)) as port:
        steps = await _look(f"https://127.0.0.1:{port}", tls=authority.tls)

    assert _statuses(steps) == {"dns": "ok", "tcp": "ok", "tls": "warning"}
    assert "expires in 4 d" in steps[2].advice


async def test_names_who_has_signed_what_is_not_accepted(authority: Authority) -> None:
    """A proxy that inspects TLS is known by its name."""
    async with _listening(authority.server()) as port:
        steps = await _look(f"https://127.0.0.1:{port}")

    assert _statuses(steps) == {"dns": "ok", "tcp": "ok", "tls": "failed"}
    assert "certificate is not accepted: " in steps[2].detail
    assert "(signed by trustme " in steps[2].detail
    assert "tls.ca_file" in steps[2].advice


async def test_knows_a_certificate_for_another_host(authority: Authority) -> None:
    """The address is what is wrong."""
    async with _listening(authority.server()) as port:
        steps = await _look(f"https://localhost:{port}", tls=authority.tls)

    assert steps[0].detail.startswith("localhost is ")
    assert "it is for another host name" in steps[2].detail
    assert "--base-url" in steps[2].advice


async def test_thinks_of_a_client_certificate_where_the_handshake_is_broken_off(
    authority: Authority,
) -> None:
    """A server may say why, or just close the connection."""
    async with _listening(authority.asking_server()) as port:
        steps = await _look(f"https://127.0.0.1:{port}", tls=authority.tls)

    assert _statuses(steps) == {"dns": "ok", "tcp": "ok", "tls": "failed"}
    assert "client certificate" in steps[2].advice + steps[2].detail


async def test_knows_a_port_without_tls() -> None:
    """It closes the connection, or answers with something else."""

    def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with _listening(connected=talk) as talking, _listening() as closing:
        for port in (talking, closing):
            steps = await _look(f"https://127.0.0.1:{port}")
            assert _statuses(steps) == {"dns": "ok", "tcp": "ok", "tls": "failed"}
            assert "TLS handshake" in steps[2].detail


async def test_waits_for_no_step_longer_than_its_time() -> None:
    """A server, and a proxy, that accepts connections and says nothing."""
    silent: list[asyncio.StreamWriter] = []
    async with _listening(connected=lambda _, writer: silent.append(writer)) as port:
        url = f"https://127.0.0.1:{port}"
        server = await _look(url, 0.2)
        proxy = await _look("https://host.example", 0.2, proxy=f"http://127.0.0.1:{port}")
        for writer in silent:
            writer.close()

    assert server[2].detail == "the TLS handshake does not end within 0.2 s"
    assert proxy[2].detail.startswith("no answer of the proxy http://127.0.0.1:")


async def test_stops_at_the_first_step_that_fails() -> None:
    """A name that does not exist, and a port where nothing listens."""
    async with _listening() as port:
        pass
    unknown = await _look("https://nowhere.invalid")
    closed = await _look(f"http://127.0.0.1:{port}")

    assert _statuses(unknown) == {"dns": "failed"}
    assert unknown[0].detail == "the host nowhere.invalid does not resolve"
    assert _statuses(closed) == {"dns": "ok", "tcp": "failed"}
    assert closed[1].detail == "no connection: Connection refused"
    assert "--base-url" in closed[1].advice


async def test_goes_through_a_proxy(authority: Authority) -> None:
    """A real one, with TLS of its own, too: its answer to CONNECT, and TLS with the server."""
    found = []
    with tinyproxy() as proxy:
        async with (
            behind_tls(proxy.address, authority.server()) as secure,
            _listening(authority.server()) as port,
        ):
            known = secure.replace("//", f"//{USER}:{PASSWORD}@")
            for way in (proxy.known_url, known, proxy.url):
                url = f"https://127.0.0.1:{port}"
                found.append(await _look(url, proxy=way, tls=authority.tls))
    reached = {"dns": "ok", "tcp": "ok", "proxy": "ok", "tls": "ok"}

    assert [_statuses(steps) for steps in found[:2]] == [reached, reached]
    assert _statuses(found[2]) == {"dns": "ok", "tcp": "ok", "proxy": "failed"}
    assert "refuses to connect (HTTP 407): it wants credentials" in found[2][2].detail
    assert "--proxy" in found[2][2].advice
    assert PASSWORD not in str(found)


async def test_knows_what_is_no_proxy() -> None:
    """It closes the connection, or says something else."""

    def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    async with _listening(connected=talk) as talking, _listening() as closing:
        for port in (talking, closing):
            steps = await _look("https://host.example", proxy=f"http://127.0.0.1:{port}")
            assert "gave no answer of HTTP to CONNECT" in steps[2].detail


_CERTIFICATE = load_pem_x509_certificate(
    trustme.CA(organization_name="Corp \u00c6 Proxy").cert_pem.bytes()
)
_DER = _CERTIFICATE.public_bytes(Encoding.DER)
_SHOWN = {NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME}


def test_reads_the_issuer_that_another_library_has_written() -> None:
    """Its organisation and its common name, as cryptography reads them."""
    names = [str(name.value) for name in _CERTIFICATE.issuer if name.oid in _SHOWN]

    assert issuer_of(_DER) == ", ".join(names)


@given(st.integers(0, len(_DER)), st.integers(0, len(_DER) - 1), st.integers(0, 255))
def test_reads_any_damaged_certificate(cut: int, place: int, byte: int) -> None:
    """What a server sends in its place is no error of ours."""
    damaged = bytearray(_DER)
    damaged[place] = byte

    assert isinstance(issuer_of(bytes(damaged)), str)
    assert isinstance(issuer_of(_DER[:cut]), str)
