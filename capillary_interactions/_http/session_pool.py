"""The only file that talks HTTP: a pool of aiohttp sessions, one for each credential."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from capillary_interactions._http import failure_reasons
from capillary_interactions._http.user_agent import version
from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE
from capillary_interactions._protocol.messages import (
    MisconfiguredError,
    Request,
    Response,
    ResponseTooLargeError,
    ShortageError,
    StaleConnectionError,
    TransportError,
)

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

# aiohttp sends a GET again by itself when a kept-alive connection turns out to be closed: one that
# the quota does not know of. As another kind of error the same thing comes to our own retry.


class _DroppedError(aiohttp.ClientConnectionError):
    """The connection was closed before an answer came."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as dropped:
        raise _DroppedError(type(dropped).__name__) from dropped


_SEND_ONCE: Final = (_send_once,)
# aiohttp rounds longer timeouts up to whole seconds; a deadline is a deadline.
_NEVER_ROUND: Final = float("inf")
# aiohttp's own bounds (8,190 bytes a field, 128 fields) are below what content delivery networks
# and single sign-on put before an answer; these still keep one answer's headers small.
_MAX_FIELD: Final = 64 * 1024
_MAX_FIELDS: Final = 1000
# Sessions that are being closed; a task that nobody holds may be forgotten.
_CLOSING: Final = set[asyncio.Task[None]]()


# What the request of this task awaits when it has its connection: it is written at once then.
_Leave = Callable[[], Awaitable[Mapping[str, str] | None]]
_LEAVE: Final = ContextVar[_Leave | None]("leave", default=None)
# Whether its connection was opened for it.
_FRESH: Final = ContextVar[bool]("fresh", default=False)


class _Connector(aiohttp.TCPConnector):
    """Lets requests that have their connections leave in line."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> "Connection":
        _FRESH.set(False)
        connection = await super().connect(req, traces, timeout)
        leave = _LEAVE.get()
        if leave is not None:
            try:
                # A token may have been renewed meanwhile; the headers are written after this.
                req.headers.update(await leave() or {})
            except BaseException:
                # Nothing has been sent on it: it is as good as before.
                connection.release()
                raise
        return connection

    async def _create_connection(self, *args: Any, **kwargs: Any) -> "ResponseHandler":
        _FRESH.set(True)
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
        knows_departure: Whether `Request.leave` is awaited.
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
        self.knows_departure = session is None
        self._sessions: dict[int, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._usual = attempt
        self._usual_timeout = self._timeout(attempt)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once; see `Transport.send`."""
        _LEAVE.set(request.leave)
        try:
            session = self._borrowed or await self._session(request.credential)
            async with session.request(
                "GET" if request.body is None else "POST",
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                # A borrowed session may raise by default, and with the whole URL in the text.
                raise_for_status=False,
                middlewares=_SEND_ONCE,
                timeout=self._usual_timeout if timeout == self._usual else self._timeout(timeout),
            ) as response:
                body = await self._read(response)
                return Response(status=response.status, headers=response.headers, body=body)
        except TransportError:
            raise
        except _DroppedError as dropped:
            if self._borrowed is None and not _FRESH.get():
                raise StaleConnectionError(_DROPPED) from dropped
            raise _without_connection(dropped, "", "") from dropped
        except TimeoutError as late:
            raise self._too_late(late, timeout, request.url) from late
        except (aiohttp.ClientError, OSError, ValueError, MemoryError, RuntimeError) as failed:
            translated = _translated(
                failed, urlsplit(request.url).hostname or "", self._unused_proxy(request.url)
            )
            if translated is None:
                raise
            raise translated from failed

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

    async def _session(self, credential: int) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            await self.aclose()
            self._loop = loop
        session = self._sessions.get(credential)
        if session is None:
            session = self._sessions[credential] = self._open()
        return session

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(limit=self._connections, ttl_dns_cache=60),
            # A content delivery network stands in front and hands out cookies that tell nothing.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _user_agent()},
            timeout=self._usual_timeout,
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
            max_headers=_MAX_FIELDS,
        )

    def _unused_proxy(self, url: str) -> str:
        # A borrowed session may well use it.
        if self._borrowed is not None:
            return ""
        return failure_reasons.unused_proxy(url.partition(":")[0], os.environ)

    def _too_late(self, late: TimeoutError, timeout: float, url: str) -> TransportError:
        if not isinstance(late, aiohttp.ConnectionTimeoutError):
            return TransportError(f"no whole answer within {timeout:.3g} s")
        proxy = self._unused_proxy(url)
        return TransportError(f"no connection within {min(self._connect, timeout):.3g} s{proxy}")

    def _timeout(self, total: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect, ceil_threshold=_NEVER_ROUND
        )

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = response.content
        body = await content.readany()
        if content.at_eof() and len(body) <= self._max_body:
            return body
        parts, size = [body], len(body)
        while size <= self._max_body:
            part = await content.readany()
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


def _translated(failed: Exception, host: str, proxy: str) -> TransportError | None:
    """What happened, as an error of ours; None for what is a fault of the program itself."""
    short = _shortage(failed)
    if short is not None:
        return ShortageError(short)
    if isinstance(failed, MemoryError | RuntimeError):
        return None
    if isinstance(failed, aiohttp.ClientConnectorError | ssl.SSLError | _DroppedError):
        return _without_connection(failed, host, proxy)
    if isinstance(failed, aiohttp.ServerFingerprintMismatch):
        return MisconfiguredError(failure_reasons.certificate(failed))
    if isinstance(failed, aiohttp.ClientResponseError):
        return _without_http(failed)
    return TransportError(_failure(failed))


def _shortage(failed: Exception) -> str | None:
    if not isinstance(failed, aiohttp.ClientConnectorError):
        # Of a connection that is there, a request may have left.
        is_late = isinstance(failed, aiohttp.ClientError)
        return None if is_late else failure_reasons.shortage(failed)
    short = failure_reasons.shortage(failed.os_error)
    if short is None and isinstance(failed.os_error, socket.gaierror):
        # The resolver does not always say that it could open no file.
        try:
            socket.socket().close()
        except OSError as error:
            return failure_reasons.shortage(error)
    return short


def _without_connection(failed: Exception, host: str, proxy: str) -> TransportError:
    """Why there is no connection, or none any more."""
    match failed:
        case aiohttp.ClientConnectorCertificateError():
            return MisconfiguredError(failure_reasons.certificate(failed.certificate_error))
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            reason, settled = failure_reasons.handshake(getattr(failed, "os_error", failed))
            return (MisconfiguredError if settled else TransportError)(reason)
        case aiohttp.ClientConnectorError():
            return TransportError(_unconnected(failed, host, proxy))
        case _:
            if failure_reasons.wants_certificate(failed.__cause__):
                return MisconfiguredError(CLIENT_CERTIFICATE)
            return TransportError(_DROPPED)


def _unconnected(failed: aiohttp.ClientConnectorError, host: str, proxy: str) -> str:
    if isinstance(failed, aiohttp.ClientConnectorDNSError):
        # A borrowed session's proxy has a connection of its own, with its own host.
        whose = " of the proxy" if failed.host != host else ""
        return f"the host name{whose} does not resolve{proxy}"
    whom = " to the proxy" if isinstance(failed, aiohttp.ClientProxyConnectionError) else ""
    return f"no connection{whom}: {failure_reasons.system(failed.os_error)}{proxy}"


def _without_http(failed: aiohttp.ClientResponseError) -> TransportError:
    """Why what came is no answer of HTTP."""
    if isinstance(failed, aiohttp.ClientHttpProxyError):
        kind = MisconfiguredError if failed.status in {403, 405, 407} else TransportError
        return kind(failure_reasons.proxy_refusal(failed.status))
    reason, settled = failure_reasons.bad_answer(failed.message)
    return (MisconfiguredError if settled else TransportError)(reason)


def _failure(failed: Exception) -> str:
    match failed:
        case ConnectionError():
            return _DROPPED
        case aiohttp.ClientPayloadError():
            return "the answer broke off or is badly encoded"
        case _:
            return f"the request failed ({type(failed).__name__})"
