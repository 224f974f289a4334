"""What does an exception of aiohttp's mean? The translation to errors of the transport."""

import socket
import ssl
from typing import Final, NoReturn

import aiohttp

from capillary_interactions._config.clusters import other_hosts
from capillary_interactions._http import failure_reasons
from capillary_interactions._http.route import Route
from capillary_interactions._http.transport import (
    MisconfiguredError,
    ShortageError,
    TransportError,
)

DROPPED: Final = "the connection was closed before an answer came"


class ConnectionDroppedError(aiohttp.ClientConnectionError):
    """The connection was closed before an answer came."""


class NoTunnelError(aiohttp.ClientConnectionError):
    """The proxy that was to connect to the server gave no answer of HTTP."""


_UNCONNECTED: Final = (
    aiohttp.ClientConnectorError,
    ssl.SSLError,
    ConnectionDroppedError,
    NoTunnelError,
)


def raise_as_session(error: Exception) -> NoReturn:
    """Raise what a session raises for an error of its connection; a drop as one of its own.

    aiohttp's sessions send a GET again by themselves when a kept-alive connection turns out to be
    closed: one that the quota does not know of. As another error it comes to the client's retry.
    """
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError):
        raise error
    if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError):
        raise ConnectionDroppedError(type(error).__name__) from error
    if isinstance(error, OSError) and not isinstance(error, aiohttp.ClientError):
        raise aiohttp.ClientOSError(*error.args) from error
    raise error


def raise_of_proxy(error: Exception) -> NoReturn:
    """Raise what went wrong before a proxy had connected: not to be taken for the server's."""
    own = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, TimeoutError)
    if isinstance(error, own):
        raise error
    raise NoTunnelError(type(error).__name__) from error


def translated(error: Exception, host: str, route: Route) -> TransportError | None:
    """What happened, as an error of ours; None for what is a fault of the program itself."""
    short = _shortage(error)
    if short is not None:
        return ShortageError(short)
    if isinstance(error, MemoryError | RuntimeError):
        return None
    if isinstance(error, _UNCONNECTED):
        return without_connection(error, host, route)
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return MisconfiguredError(failure_reasons.certificate(error, route.trust))
    if isinstance(error, aiohttp.ClientResponseError):
        return _without_http(error, route)
    return TransportError(_failure_reason(error))


def _shortage(error: Exception) -> str | None:
    if not isinstance(error, aiohttp.ClientConnectorError):
        # Of a connection that is there, a request may have left.
        sent = isinstance(error, aiohttp.ClientError)
        return None if sent else failure_reasons.shortage(error)
    short = failure_reasons.shortage(error.os_error)
    if short is None and isinstance(error.os_error, socket.gaierror):
        # The resolver does not always say that it could open no file.
        try:
            socket.socket().close()
        except OSError as exc:
            return failure_reasons.shortage(exc)
    return short


def without_connection(error: Exception, host: str, route: Route) -> TransportError:
    """Why there is no connection, or none any more."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            reason, permanent = _without_tls(error, route)
        case ssl.SSLError():
            reason, permanent = failure_reasons.handshake(error)
        case aiohttp.ClientConnectorError():
            reason, permanent = _unconnected(error, host, route), False
        case NoTunnelError():
            reason, permanent = failure_reasons.no_tunnel(route.through), False
        case _:
            alert = failure_reasons.client_alert(error.__cause__)
            reason, permanent = alert or f"{DROPPED}{route.dropped}", alert is not None
    return (MisconfiguredError if permanent else TransportError)(reason)


def _without_tls(
    error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError, route: Route
) -> tuple[str, bool]:
    to_proxy = route.leads_to(error.host, error.port)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        owner = f"the TLS certificate of {route.through}" if to_proxy else failure_reasons.SERVERS
        reason = failure_reasons.certificate(error.certificate_error, route.trust, owner)
        return reason, True
    if to_proxy:
        return failure_reasons.no_tls(route.through), True
    return failure_reasons.handshake(error.os_error)


def _unconnected(error: aiohttp.ClientConnectorError, host: str, route: Route) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        # A proxy has a connection of its own, with its own host.
        if error.host != host:
            return f"the host name of {route.through} does not resolve"
        hosts = other_hosts(host)
        return f"the host name does not resolve{route.hint}{hosts and f'; {hosts}'}"
    proxied = isinstance(error, aiohttp.ClientProxyConnectionError)
    to = f" to {route.through}" if proxied else ""
    return f"no connection{to}: {failure_reasons.system(error.os_error)}{route.hint}"


def _without_http(error: aiohttp.ClientResponseError, route: Route) -> TransportError:
    """Why what came is no answer of HTTP."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        reason, permanent = failure_reasons.proxy_refusal(
            error.status,
            route.through,
            authorised=bool(route.authorization()),
            schemes=_schemes(error),
        )
    else:
        reason, permanent = failure_reasons.bad_answer(error.message)
    return (MisconfiguredError if permanent else TransportError)(reason)


def _schemes(error: aiohttp.ClientHttpProxyError) -> frozenset[str]:
    """How a proxy lets one prove who one is: "basic", "ntlm", ..."""
    fields = error.headers.getall("Proxy-Authenticate", []) if error.headers else []
    return frozenset(field.partition(" ")[0].lower() for field in fields)


def _failure_reason(error: Exception) -> str:
    match error:
        case ConnectionError():
            return DROPPED
        case aiohttp.ClientPayloadError():
            return "the answer broke off or is badly encoded"
        case _:
            return f"the request failed ({type(error).__name__})"
