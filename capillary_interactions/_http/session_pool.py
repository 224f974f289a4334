"""The only file that talks HTTP: a pool of aiohttp sessions, one for each credential."""

import asyncio
import os
import socket
import ssl
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from capillary_interactions._config.clusters import other_hosts
from capillary_interactions._http import failure_reasons
from capillary_interactions._http.transport import (
    CANCELLED,
    MisconfiguredError,
    ResponseTooLargeError,
    ShortageError,
    StaleConnectionError,
    TransportError,
    is_cancelling,
)
from capillary_interactions._http.user_agent import version
from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE
from capillary_interactions._protocol.messages import Request, Response

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

# aiohttp sends a GET again by itself when a kept-alive connection turns out to be closed: one that
# the quota does not know of. As another kind of error the same thing comes to our own retry.


class _ConnectionDroppedError(aiohttp.ClientConnectionError):
    """The connection was closed before an answer came."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _ConnectionDroppedError(type(error).__name__) from error


_SEND_ONCE: Final = (_send_once,)
# aiohttp rounds longer timeouts up to whole seconds; a deadline is a deadline.
_NEVER_ROUND: Final = float("inf")
# aiohttp's own bounds (8,190 bytes a field, 128 fields) are below what content delivery networks
# and single sign-on put before an answer; these still keep one answer's headers small.
_MAX_LINE: Final = 64 * 1024
_MAX_HEADERS: Final = 1000
# Sessions that are being closed; a task without a reference may be collected.
_CLOSING: Final = set[asyncio.Task[None]]()


# The request of this task, which is written as soon as it has its connection and may be sent.
_REQUEST: Final = ContextVar[Request]("request")
# Whether its connection was opened for it.
_NEW_CONNECTION: Final = ContextVar[bool]("new_connection", default=False)


class _Connector(aiohttp.TCPConnector):
    """Awaits `Request.before_send` as soon as a request has its connection."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> "Connection":
        _NEW_CONNECTION.set(False)
        connection = await super().connect(req, traces, timeout)
        request = _REQUEST.get()
        before_send, try_send = request.before_send, request.try_send
        if before_send is not None:
            try:
                if try_send is not None and try_send():
                    return connection
                # A token may have been renewed meanwhile; the headers are written after this.
                req.headers.update(await before_send() or {})
            except BaseException:
                # Nothing has been sent on it: it is as good as before.
                connection.release()
                raise
        return connection

    async def _create_connection(self, *args: Any, **kwargs: Any) -> "ResponseHandler":
        _NEW_CONNECTION.set(True)
        return await super()._create_connection(*args, **kwargs)


class SessionPool:
    """aiohttp sessions, one for each credential, opened in the event loop that first needs them.

    Args:
        connections: Connections of a session at most; at least the requests under way at once,
            for a wait in here would count against the request's own time.
        attempt: Seconds a request usually gets.
        connect: Seconds for opening a connection.
        max_body: Bytes of an answer at most, after decompression.
        session: A session of the caller's to use for every credential; it is never closed here.

    Attributes:
        calls_before_send: Whether `Request.before_send` is awaited.
    """

    def __init__(
        self,
        *,
        connections: int,
        attempt: float,
        connect: float,
        max_body: int,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._connections = connections
        self._connect = connect
        self._max_body = max_body
        self._borrowed = session
        self.calls_before_send = session is None
        self._sessions: dict[int, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._default_timeout = attempt
        self._client_timeout = self._timeout(attempt)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once; see `Transport.send`."""
        try:
            return await self._send(request, timeout)
        except TransportError:
            raise
        except _ConnectionDroppedError as error:
            if self._borrowed is None and not _NEW_CONNECTION.get():
                raise StaleConnectionError(_DROPPED) from error
            raise _without_connection(error, "", "") from error
        except TimeoutError as error:
            raise self._timeout_error(error, timeout, request.url) from error
        except asyncio.CancelledError as error:
            if is_cancelling():
                raise
            raise TransportError(CANCELLED) from error
        except (aiohttp.ClientError, OSError, ValueError, MemoryError, RuntimeError) as error:
            host = urlsplit(request.url).hostname or ""
            translated = _translated(error, host, self._unused_proxy(request.url))
            if translated is None:
                raise
            raise translated from error

    async def _send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        _REQUEST.set(request)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            await self.aclose()
            self._loop = loop
        sessions, credential = self._sessions, request.credential
        usual = timeout == self._default_timeout
        async with (self._borrowed or sessions.get(credential) or self._open(credential)).request(
            "GET" if request.body is None else "POST",
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            # A borrowed session may raise by default, and with the whole URL in the text.
            raise_for_status=False,
            middlewares=_SEND_ONCE,
            timeout=self._client_timeout if usual else self._timeout(timeout),
        ) as response:
            body = await response.content.readany()
            if not response.content.at_eof() or len(body) > self._max_body:
                body = await self._read_on(response, body)
            return Response(status=response.status, headers=response.headers, body=body)

    async def aclose(self) -> None:
        """Close every session that was opened here."""
        sessions, loop = tuple(self._sessions.values()), self._loop
        self._sessions.clear()
        async with AsyncExitStack() as steps:
            for session in sessions:
                if loop is None or loop is asyncio.get_running_loop() or loop.is_closed():
                    steps.push_async_callback(session.close)
                else:
                    # Its connections belong to a loop that stands still: should it run again, it
                    # ends them.
                    loop.call_soon_threadsafe(_close, loop, session)

    def _open(self, credential: int) -> aiohttp.ClientSession:
        session = self._sessions[credential] = aiohttp.ClientSession(
            connector=_Connector(limit=self._connections, ttl_dns_cache=60),
            # A content delivery network in front sets cookies that mean nothing.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _user_agent()},
            timeout=self._client_timeout,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            max_headers=_MAX_HEADERS,
        )
        return session

    def _unused_proxy(self, url: str) -> str:
        # A borrowed session may well use it.
        if self._borrowed is not None:
            return ""
        return failure_reasons.unused_proxy(url.partition(":")[0], os.environ)

    def _timeout_error(self, error: TimeoutError, timeout: float, url: str) -> TransportError:
        if not isinstance(error, aiohttp.ConnectionTimeoutError):
            return TransportError(f"no whole answer within {timeout:.3g} s")
        proxy = self._unused_proxy(url)
        return TransportError(f"no connection within {min(self._connect, timeout):.3g} s{proxy}")

    def _timeout(self, total: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect, ceil_threshold=_NEVER_ROUND
        )

    async def _read_on(self, response: aiohttp.ClientResponse, body: bytes) -> bytes:
        parts, size = [body], len(body)
        while size <= self._max_body:
            part = await response.content.readany()
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
        response.close()
        raise ResponseTooLargeError(f"the answer is larger than max_body ({self._max_body} bytes)")


def _close(loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
    closing = loop.create_task(session.close())
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)


def _user_agent() -> str:
    known = version()
    return "capillary-interactions" if known is None else f"capillary-interactions/{known}"


_DROPPED: Final = "the connection was closed before an answer came"


def _translated(error: Exception, host: str, proxy: str) -> TransportError | None:
    """What happened, as an error of ours; None for what is a fault of the program itself."""
    short = _shortage(error)
    if short is not None:
        return ShortageError(short)
    if isinstance(error, MemoryError | RuntimeError):
        return None
    if isinstance(error, aiohttp.ClientConnectorError | ssl.SSLError | _ConnectionDroppedError):
        return _without_connection(error, host, proxy)
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


def _without_connection(error: Exception, host: str, proxy: str) -> TransportError:
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
            return TransportError(_DROPPED)


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
            return _DROPPED
        case aiohttp.ClientPayloadError():
            return "the answer broke off or is badly encoded"
        case _:
            return f"the request failed ({type(error).__name__})"
