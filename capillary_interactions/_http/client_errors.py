"""What does an exception of aiohttp's mean? The translation to errors of the transport."""

import socket
import ssl
from typing import Final, NoReturn

import aiohttp

from capillary_interactions._config.clusters import other_hosts
from capillary_interactions._http import failure_reasons
from capillary_interactions._http.transport import (
    MisconfiguredError,
    ShortageError,
    TransportError,
)
from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE

DROPPED: Final = "the connection was closed before an answer came"


class ConnectionDroppedError(aiohttp.ClientConnectionError):
    """The connection was closed before an answer came."""


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


def translated(error: Exception, host: str, proxy: str) -> TransportError | None:
    """What happened, as an error of ours; None for what is a fault of the program itself."""
    short = _shortage(error)
    if short is not None:
        return ShortageError(short)
    if isinstance(error, MemoryError | RuntimeError):
        return None
    if isinstance(error, aiohttp.ClientConnectorError | ssl.SSLError | ConnectionDroppedError):
        return without_connection(error, host, proxy)
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return MisconfiguredError(failure_reasons.certificate(error))
    if isinstance(error, aiohttp.ClientResponseError):
        return _without_http(error)
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


def without_connection(error: Exception, host: str, proxy: str) -> TransportError:
    """Why there is no connection, or none any more."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return MisconfiguredError(failure_reasons.certificate(error.certificate_error))
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            reason, permanent = failure_reasons.handshake(getattr(error, "os_error", error))
            return (MisconfiguredError if permanent else TransportError)(reason)
        case aiohttp.ClientConnectorError():
            return TransportError(_unconnected(error, host, proxy))
        case _:
            if failure_reasons.wants_certificate(error.__cause__):
                return MisconfiguredError(CLIENT_CERTIFICATE)
            return TransportError(DROPPED)


def _unconnected(error: aiohttp.ClientConnectorError, host: str, proxy: str) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        # A borrowed session's proxy has a connection of its own, with its own host.
        owner = " of the proxy" if error.host != host else ""
        hosts = other_hosts(host) if not owner else ""
        return f"the host name{owner} does not resolve{proxy}{hosts and f'; {hosts}'}"
    proxied = " to the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    return f"no connection{proxied}: {failure_reasons.system(error.os_error)}{proxy}"


def _without_http(error: aiohttp.ClientResponseError) -> TransportError:
    """Why what came is no answer of HTTP."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        type_ = MisconfiguredError if error.status in {403, 405, 407} else TransportError
        return type_(failure_reasons.proxy_refusal(error.status))
    reason, permanent = failure_reasons.bad_answer(error.message)
    return (MisconfiguredError if permanent else TransportError)(reason)


def _failure_reason(error: Exception) -> str:
    match error:
        case ConnectionError():
            return DROPPED
        case aiohttp.ClientPayloadError():
            return "the answer broke off or is badly encoded"
        case _:
            return f"the request failed ({type(error).__name__})"
