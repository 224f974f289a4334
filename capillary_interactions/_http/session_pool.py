"""Which way does a request go? By an aiohttp session, or by the short way over its connections."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from capillary_interactions._http import aiohttp_internals
from capillary_interactions._http.client_errors import (
    DROPPED,
    ConnectionDroppedError,
    raise_as_session,
    translated,
    without_connection,
)
from capillary_interactions._http.connector import NEW_CONNECTION, REQUEST, Connector
from capillary_interactions._http.direct_requests import DirectRequests
from capillary_interactions._http.response_body import read_body
from capillary_interactions._http.route import Route
from capillary_interactions._http.transport import (
    CANCELLED,
    ResponseTooLargeError,
    StaleConnectionError,
    TransportError,
    is_cancelling,
)
from capillary_interactions._http.user_agent import version
from capillary_interactions._protocol.messages import Request, Response


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientError as error:
        raise_as_session(error)


_SEND_ONCE: Final = (_send_once,)
# aiohttp rounds longer timeouts up to whole seconds; a deadline is a deadline.
_NEVER_ROUND: Final = float("inf")
# aiohttp's own bounds (8,190 bytes a field, 128 fields) are below what content delivery networks
# and single sign-on put before an answer; these still keep one answer's headers small.
_LIMITS: Final[dict[str, Any]] = {
    "max_line_size": 64 * 1024,
    "max_field_size": 64 * 1024,
    "max_headers": 1000,
}
_STRAIGHT: Final = Route()
# Sessions that are being closed; a task without a reference may be collected.
_CLOSING: Final = set[asyncio.Task[None]]()


class SessionPool:
    """aiohttp sessions, one for each credential, opened in the event loop that first needs them.

    Args:
        connections: Connections of a session at most; at least the requests under way at once,
            for a wait in here would count against the request's own time.
        attempt: Seconds a request usually gets.
        connect: Seconds for opening a connection.
        max_body: Bytes of an answer at most, after decompression.
        session: A session of the caller's to use for every credential; it is never closed here.
        route: By which way connections reach the server.

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
        route: Route = _STRAIGHT,
    ) -> None:
        self._route = route
        self._options = _request_options(route)
        self._connections = connections
        self._connect = connect
        self._max_body = max_body
        self._borrowed = session
        self.calls_before_send = session is None
        self._sessions: dict[int, aiohttp.ClientSession] = {}
        self._direct: dict[int, DirectRequests] = {}
        self._may_be_direct = session is None and aiohttp_internals.are_as_expected()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._default_timeout = attempt
        self._client_timeout = self._timeout(attempt)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once; see `Transport.send`."""
        try:
            return await self._send(request, timeout)
        except TransportError:
            raise
        except ConnectionDroppedError as error:
            if self._borrowed is None and not NEW_CONNECTION.get():
                raise StaleConnectionError(DROPPED) from error
            raise without_connection(error, "", self._route) from error
        except TimeoutError as error:
            raise self._timeout_error(error, timeout) from error
        except asyncio.CancelledError as error:
            if is_cancelling():
                raise
            raise TransportError(CANCELLED) from error
        except (aiohttp.ClientError, OSError, ValueError, MemoryError, RuntimeError) as error:
            host = urlsplit(request.url).hostname or ""
            meant = translated(error, host, self._route)
            if meant is None:
                raise
            raise meant from error

    async def _send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            await self.aclose()
            self._loop = loop
        session = self._borrowed or self._sessions.get(request.credential)
        if session is None:
            session = self._open(request.credential)
        direct = self._direct.get(request.credential)
        if direct is None or aiohttp_internals.are_replaced() or not direct.can_send(request):
            return await self._send_by(session, request, timeout)
        return await direct.send(request, timeout)

    async def _send_by(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        timeout: float,  # noqa: ASYNC109
    ) -> Response:
        REQUEST.set(request)
        headers = request.headers
        if self._route.proxy is not None and request.url.startswith("http:"):
            # Without a tunnel, the proxy reads the request itself.
            headers = {**headers, **self._route.authorization()}
        usual = timeout == self._default_timeout
        async with session.request(
            "GET" if request.body is None else "POST",
            URL(request.url, encoded=True),
            headers=headers,
            data=request.body,
            allow_redirects=False,
            # A borrowed session may raise by default, and with the whole URL in the text.
            raise_for_status=False,
            middlewares=_SEND_ONCE,
            timeout=self._client_timeout if usual else self._timeout(timeout),
            **self._options,
        ) as response:
            try:
                body = await read_body(response.content, self._max_body)
            except ResponseTooLargeError:
                response.close()
                raise
            return Response(status=response.status, headers=response.headers, body=body)

    async def aclose(self) -> None:
        """Close every session that was opened here."""
        sessions, loop = tuple(self._sessions.values()), self._loop
        for direct in self._direct.values():
            direct.close()
        self._sessions.clear()
        self._direct.clear()
        async with AsyncExitStack() as steps:
            for session in sessions:
                if loop is None or loop is asyncio.get_running_loop() or loop.is_closed():
                    steps.push_async_callback(session.close)
                else:
                    # Its connections belong to a loop that stands still: should it run again, it
                    # ends them.
                    loop.call_soon_threadsafe(_close, loop, session)

    def _open(self, credential: int) -> aiohttp.ClientSession:
        connector = Connector(limit=self._connections, ttl_dns_cache=60)
        session = self._sessions[credential] = aiohttp.ClientSession(
            connector=connector,
            # A content delivery network in front sets cookies that mean nothing.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _user_agent()},
            timeout=self._client_timeout,
            **_LIMITS,
        )
        if self._may_be_direct:
            self._direct[credential] = DirectRequests(
                session,
                connector,
                timeout=self._client_timeout,
                max_body=self._max_body,
                limits=_LIMITS,
                options=self._options,
            )
        return session

    def _timeout_error(self, error: TimeoutError, timeout: float) -> TransportError:
        proxy = self._route.proxy
        way = "" if proxy is None else f" through {proxy}"
        if not isinstance(error, aiohttp.ConnectionTimeoutError):
            return TransportError(f"no whole answer within {timeout:.3g} s{way}")
        seconds = min(self._connect, timeout)
        return TransportError(f"no connection within {seconds:.3g} s{way or self._route.hint}")

    def _timeout(self, total: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect, ceil_threshold=_NEVER_ROUND
        )


def _request_options(route: Route) -> dict[str, Any]:
    """What aiohttp is given with each request."""
    options: dict[str, Any] = {}
    if route.proxy is not None:
        options |= {"proxy": URL(route.proxy.url), "proxy_headers": route.authorization()}
    if route.tls is not None:
        options["ssl"] = route.tls
    return options


def _close(loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
    closing = loop.create_task(session.close())
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)


def _user_agent() -> str:
    known = version()
    return "capillary-interactions" if known is None else f"capillary-interactions/{known}"
