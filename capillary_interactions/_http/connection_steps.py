"""Where does the way to the API end? Its steps by themselves: host, connection, proxy, TLS."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from attrs import define, field, frozen

from capillary_interactions._config.clusters import other_hosts
from capillary_interactions._config.endpoint import is_address, port_of
from capillary_interactions._http import failure_reasons
from capillary_interactions._http.certificate_issuer import issuer_of, shown_issuer
from capillary_interactions._http.connect_tunnel import ask_for_tunnel
from capillary_interactions._http.route import Route
from capillary_interactions._model.check_report import CheckStatus, CheckStep
from capillary_interactions._text.wording import format_duration, pluralise

_T = TypeVar("_T")
_MAX_ADDRESSES: Final = 4
_SOON: Final = 14 * 86400.0
_URL: Final = "base_url (--base-url)"
_PROXY: Final = "proxy (--proxy, CAPILLARY_PROXY)"
_MAY_WANT: Final = "a server that wants a client certificate (--client-cert) closes it, too"
_NETWORK: Final = "at the network (a VPN, a name server, a firewall)"

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _StepError(Exception):
    """Why a step has failed, and what to do about it."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail, advice)
        self.detail = detail
        self.advice = advice


@frozen
class _Found(Generic[_T]):
    """What a step has found, and what is to be done about it soon, if anything is."""

    detail: str
    value: _T
    advice: str = ""


async def connection_steps(base_url: str, route: Route, seconds: float) -> tuple[CheckStep, ...]:
    """Look the host up, connect and negotiate TLS; no request is sent.

    Args:
        base_url: Where the API is.
        route: By which way connections get there.
        seconds: How long each step may take.
    """
    way = _Way(base_url, route, seconds)
    with suppress(_StepError):
        _, writer = await way.open()
        try:
            if way.scheme == "https":
                await way.step("tls", way.negotiate(writer))
        finally:
            writer.transport.abort()
    return tuple(way.steps)


@define(eq=False)
class _Way:
    """One walk to the API, and what it has found; its methods raise `_StepError`."""

    base_url: str
    route: Route
    seconds: float
    steps: list[CheckStep] = field(factory=list, init=False)

    @property
    def scheme(self) -> str:
        return urlsplit(self.base_url).scheme

    @property
    def server(self) -> tuple[str, int]:
        return _place(self.base_url)

    @property
    def context(self) -> ssl.SSLContext:
        return self.route.tls or ssl.create_default_context()

    async def open(self) -> _Streams:
        """A connection to the server, or through a proxy; without TLS of the server's."""
        proxy = self.route.proxy
        host, port = self.server if proxy is None else _place(proxy.url)
        addresses = await self.step("dns", self.resolve(host, port))
        reader, writer = await self.step("tcp", self.connect(addresses, port))
        if proxy is not None:
            try:
                await self.step("proxy", self.tunnel(reader, writer))
            except _StepError:
                writer.transport.abort()
                raise
        return reader, writer

    async def step(self, name: str, running: "Awaitable[_Found[_T]]") -> _T:
        """Run a step, and keep what it has found."""
        started = time.perf_counter()
        try:
            found = await running
        except _StepError as error:
            self._keep(name, "failed", (error.detail, error.advice), started)
            raise
        status: CheckStatus = "warning" if found.advice else "ok"
        self._keep(name, status, (found.detail, found.advice), started)
        return found.value

    def _keep(self, name: str, status: CheckStatus, texts: tuple[str, str], started: float) -> None:
        detail, advice = texts
        seconds = time.perf_counter() - started
        self.steps.append(
            CheckStep(name=name, status=status, detail=detail, advice=advice, seconds=seconds)
        )

    async def resolve(self, host: str, port: int) -> _Found[list[str]]:
        """The addresses of a host."""
        if is_address(host):
            return _Found(f"{host} is an address", [host])
        loop = asyncio.get_running_loop()
        resolving = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        advice = f"look at {self._setting} and {_NETWORK}"
        try:
            found = await self._within(resolving, "the name server does not answer", advice)
        except (OSError, UnicodeError):
            hosts = other_hosts(host)
            raise _StepError(
                f"the host {host} does not resolve{self.route.hint}",
                f"{advice}{hosts and f'; {hosts}'}",
            ) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        more = f" and {pluralise(len(addresses) - 1, 'other')}" if len(addresses) > 1 else ""
        return _Found(f"{host} is {addresses[0]}{more}", addresses)

    async def connect(self, addresses: list[str], port: int) -> _Found[_Streams]:
        """A connection to the first address that accepts one."""
        advice = f"look at the port in {self._setting}, at whether it is up, and {_NETWORK}"
        tried = addresses[:_MAX_ADDRESSES]
        failed = ""
        for address in tried:
            connecting = asyncio.open_connection(address, port)
            try:
                streams = await self._within(
                    connecting, f"no connection{self._to}", advice, share=1 / len(tried)
                )
            except _StepError as error:
                failed = error.detail
            except OSError as error:
                failed = f"no connection{self._to}: {failure_reasons.system(error)}"
            else:
                return _Found(f"connected to {address}, port {port}", streams)
        raise _StepError(f"{failed}{self.route.hint}", advice)

    async def tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> _Found[None]:
        """What the proxy says to a connection to the server."""
        advice = f"look at {self._setting}"
        proxy = self.route.through
        if self.route.proxy is not None and self.route.proxy.url.startswith("https:"):
            await self._handshake(writer, _place(self.route.proxy.url)[0], proxy, advice)
        if self.scheme == "http":
            return _Found(f"requests go to {proxy}", None)
        try:
            asking = ask_for_tunnel(reader, writer, self.server, self.route)
            refusal = await self._within(asking, f"no answer of {proxy}", advice)
        except OSError:
            refusal = failure_reasons.no_tunnel(proxy)
        if refusal:
            raise _StepError(refusal, advice)
        return _Found(f"{proxy} connects to the server", None)

    async def negotiate(self, writer: asyncio.StreamWriter) -> _Found[None]:
        """TLS with the server."""
        await self._handshake(writer, self.server[0], "", f"look at {_URL}")
        return _agreed(writer.get_extra_info("ssl_object"))

    async def _handshake(
        self, writer: asyncio.StreamWriter, host: str, proxy: str, advice: str
    ) -> None:
        owner = f"the TLS certificate of {proxy}" if proxy else failure_reasons.SERVERS
        try:
            handshake = writer.start_tls(self.context, server_hostname=host)
            await self._within(handshake, "the TLS handshake does not end", advice)
        except ssl.SSLCertVerificationError as error:
            reason = failure_reasons.certificate(error, self.route.trust, owner)
            detail, _, what = reason.partition("; ")
            issuer = "" if proxy else await self._unverified_issuer()
            raise _StepError(
                f"{detail} (signed by {issuer})" if issuer else detail, what or advice
            ) from None
        except ssl.SSLError as error:
            detail, _, what = failure_reasons.handshake(error)[0].partition("; ")
            raise _StepError(detail, what or advice) from None
        except OSError:
            detail = "the connection is closed during the TLS handshake"
            raise _StepError(detail, f"{advice}; {_MAY_WANT}") from None

    async def _unverified_issuer(self) -> str:
        """Who has signed the certificate that is not accepted; "" if that cannot be seen."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent
        with suppress(OSError, _StepError):
            _, writer = await _Way(self.base_url, self.route, self.seconds).open()
            try:
                handshake = writer.start_tls(context, server_hostname=self.server[0])
                await self._within(handshake, "", "")
                der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                return issuer_of(der or b"")
            finally:
                writer.transport.abort()
        return ""

    @property
    def _setting(self) -> str:
        proxy = self.route.proxy
        return _URL if proxy is None else proxy.variable or _PROXY

    @property
    def _to(self) -> str:
        return "" if self.route.proxy is None else f" to {self.route.through}"

    async def _within(
        self, awaitable: Awaitable[_T], late: str, advice: str, share: float = 1.0
    ) -> _T:
        seconds = self.seconds * share
        try:
            async with asyncio.timeout(seconds):
                return await awaitable
        except TimeoutError:
            raise _StepError(f"{late} within {seconds:g} s", advice) from None


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", port_of(parts)


def _agreed(tls: Any) -> _Found[None]:
    certificate = tls.getpeercert()
    names = {name: text for ((name, text), *_) in certificate["issuer"]}
    issuer = shown_issuer(names.get("organizationName", ""), names.get("commonName", ""))
    until = ssl.cert_time_to_seconds(certificate["notAfter"])
    left = until - time.time()
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    detail = f"{tls.version()}, certificate by {issuer}, valid until {day}"
    if left > _SOON:
        return _Found(detail, None)
    soon = f"the server's certificate expires in {format_duration(left)}: inform its operator"
    return _Found(detail, None, soon)
