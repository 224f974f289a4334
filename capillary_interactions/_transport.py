"""The only file that talks HTTP: a pool of aiohttp sessions, one for each credential."""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from capillary_interactions._exchange import (
    OversizedError,
    Request,
    Response,
    StaleError,
    TransportError,
)
from capillary_interactions._version import version

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
# Sessions that are being closed; a task that nobody holds may be forgotten.
_CLOSING: Final = set[asyncio.Task[None]]()


# What the request of this task awaits when it has its connection: it is written at once then.
_LEAVE: Final = ContextVar[Callable[[], Awaitable[None]] | None]("leave", default=None)
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
                await leave()
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
        session = self._borrowed or await self._session(request.credential)
        _LEAVE.set(request.leave)
        try:
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
                raise StaleError(_failure(dropped)) from dropped
            raise TransportError(_failure(dropped)) from dropped
        except TimeoutError as late:
            raise TransportError(_lateness(late, timeout, self._connect)) from late
        except (aiohttp.ClientError, OSError, ValueError) as failed:
            raise TransportError(_failure(failed)) from failed

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
        )

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
        raise OversizedError(f"the answer is larger than max_body ({self._max_body} bytes)")


def _close(loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
    closing = loop.create_task(session.close())
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)


def _user_agent() -> str:
    known = version()
    return "capillary-interactions" if known is None else f"capillary-interactions/{known}"


def _lateness(late: TimeoutError, timeout: float, connect: float) -> str:
    if isinstance(late, aiohttp.ConnectionTimeoutError):
        return f"no connection within {min(connect, timeout):.3g} s"
    return f"no whole answer within {timeout:.3g} s"


def _system_error(error: OSError) -> str:
    """The system's own words for it; asyncio's name the address instead of the cause."""
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)


def _failure(failed: Exception) -> str:  # noqa: PLR0911 - a table in the form of a match
    """What happened, in words. Never the error's own text: it may hold the whole URL."""
    match failed:
        case aiohttp.ClientConnectorDNSError():
            return "the host name does not resolve"
        case aiohttp.ClientConnectorCertificateError():
            return "the server's TLS certificate is not accepted"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "the TLS handshake failed"
        case aiohttp.ClientConnectorError():
            return f"no connection: {_system_error(failed.os_error)}"
        case _DroppedError() | ConnectionError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientPayloadError():
            return "the answer broke off or is badly encoded"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case _:
            return f"the request failed ({type(failed).__name__})"
