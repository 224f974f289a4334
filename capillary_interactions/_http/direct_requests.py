"""A GET by the short way: aiohttp's connections and parser, without its objects for each request.

A session takes 370,000 instructions for a small answer, two thirds of them for a request, a
response, URLs and timers of its own. Connecting, TLS, limits, chunks and compression are the same
code here, and whatever goes wrong raises what a session would raise.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.http import HttpProcessingError
from attrs import evolve, frozen
from yarl import URL

from capillary_interactions._http.client_errors import raise_as_session
from capillary_interactions._http.connector import Connector, expect_nothing, wait_to_send
from capillary_interactions._http.request_timeout import RequestTimeouts
from capillary_interactions._http.response_body import read_body
from capillary_interactions._protocol.messages import (
    LayeredHeaders,
    Request,
    Response,
    quick_response,
)

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

# With user information, a fragment, spaces or control characters, aiohttp sends something else.
_is_plain: Final = re.compile(r'https?://[!-"$-.0->A-~][!-"$->A-~]*\?[!-"$-?A-~]+').fullmatch
_has_control: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_SWITCHING_PROTOCOLS: Final = 101


class _PreparedRequest(aiohttp.ClientRequest):
    """Many requests use it, and so the key of their connections is put together once."""

    @cached_property
    def connection_key(self) -> Any:
        """What connections of the pool it may use."""
        return super().connection_key


@frozen
class _Head:
    """What the requests to one path have in common.

    Attributes:
        request: What aiohttp's connector takes.
        headers: Those of the request.
        renewed: Those that replace them.
        path: Percent-encoded.
        fields: All header fields, as they are written.
    """

    request: aiohttp.ClientRequest
    headers: Mapping[str, str]
    renewed: Mapping[str, str] | None
    path: str
    fields: bytes


class DirectRequests:
    """GET requests of one credential, over the connections of its session, in the running loop.

    Args:
        session: Its headers are sent.
        connector: The session's.
        timeout: For connecting; its total is not looked at.
        max_body: Bytes of an answer at most, after decompression.
        limits: Bounds of an answer's head, by aiohttp's names.
        options: What else aiohttp's request is made with: a proxy, a context of TLS.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        connector: Connector,
        *,
        timeout: aiohttp.ClientTimeout,
        max_body: int,
        limits: Mapping[str, int],
        options: Mapping[str, Any],
    ) -> None:
        self._session = session
        self._connector = connector
        self._timeout = timeout
        self._max_body = max_body
        self._params: dict[str, Any] = {"read_until_eof": True, **limits}
        self._options = dict(options)
        if "proxy_headers" in options:
            # The session's too, as it sends them: by them aiohttp tells connections apart.
            self._options["proxy_headers"] = {**session.headers, **options["proxy_headers"]}
        self._heads: dict[str, _Head] = {}
        self._loop = asyncio.get_running_loop()
        self._timeouts = RequestTimeouts(self._loop)

    def can_send(self, request: Request) -> bool:
        """Whether a request is one that this sends as a session would."""
        return (
            request.body is None
            and _is_plain(request.url) is not None
            and not self._session.trace_configs
            # Without a tunnel, a proxy wants the whole URL.
            and ("proxy" not in self._options or request.url.startswith("https:"))
        )

    async def send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once.

        Raises:
            ConnectionDroppedError: The connection was closed before an answer came.
            ResponseTooLargeError: The answer is larger than `max_body`.
            aiohttp.ClientError: As a session raises it.
            TimeoutError: It took longer.
        """
        url, _, query = request.url.partition("?")
        head = self._heads.get(url) or self._head(url, request.headers, None)
        timeouts = self._timeouts
        limit = timeouts.start(timeout)
        connection: Connection | None = None
        try:
            connection, renewed = await self._connect(head, request)
            if not (head.headers is request.headers and head.renewed is renewed):
                head = self._head(url, request.headers, renewed)
            message, content = await _exchange(connection, head, query, self._params)
            body = await read_body(content, self._max_body)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if timeouts.stop(limit) and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error
            raise
        timeouts.stop(limit)
        if connection.protocol is not None:
            expect_nothing(connection.protocol)
        # Where the server closes the connection after its answer, that is seen before the next turn
        # of the loop: else the next request would be lost on it, and sent a second time.
        self._loop.call_soon(connection.release)
        return quick_response(status=message.code, headers=message.headers, body=body)

    def close(self) -> None:
        """Leave nothing behind in the event loop."""
        self._timeouts.close()

    async def _connect(
        self, head: _Head, request: Request
    ) -> "tuple[Connection, Mapping[str, str] | None]":
        """A connection on which the request may be sent, and headers that replace its own."""
        try:
            connection = await self._connector.acquire(head.request, [], self._timeout)
            return connection, await wait_to_send(connection, request)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        except (aiohttp.ClientError, OSError) as error:
            raise_as_session(error)

    def _head(
        self, url: str, headers: Mapping[str, str], renewed: Mapping[str, str] | None
    ) -> _Head:
        if isinstance(headers, LayeredHeaders):
            own, common = headers.maps
            head = self._head(url, common, _common(renewed))
            if not any(name in head.request.headers for name in own):
                return evolve(head, fields=_lines(own) + head.fields)
            return self._prepare(url, headers, renewed)
        known = self._heads.get(url)
        if known is not None and known.headers == headers and known.renewed == renewed:
            return known
        self._heads[url] = head = self._prepare(url, headers, renewed)
        return head

    def _prepare(
        self, url: str, headers: Mapping[str, str], renewed: Mapping[str, str] | None
    ) -> _Head:
        parsed, merged = URL(url, encoded=True), self._session.headers.copy()
        for name, value in headers.items():
            merged[name] = value
        request = _PreparedRequest(
            "GET", parsed, headers=merged, session=self._session, **self._options
        )
        request.headers.update(renewed or {})
        fields = _lines(request.headers) + b"\r\n"
        return _Head(request, headers, renewed, parsed.raw_path, fields)


def _common(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return headers.maps[1] if isinstance(headers, LayeredHeaders) else headers


def _lines(headers: Mapping[str, str]) -> bytes:
    for text in (*headers, *headers.values()):
        if _has_control(text):
            raise ValueError("a header must not hold control characters")
    # aiohttp leaves out what is no UTF-8, too.
    return "".join(f"{name}: {text}\r\n" for name, text in headers.items()).encode(
        "utf-8", "ignore"
    )


async def _exchange(
    connection: "Connection", head: _Head, query: str, params: Mapping[str, Any]
) -> "tuple[RawResponseMessage, aiohttp.StreamReader]":
    """Write a request and read the head of its answer; the body is being read then."""
    protocol = connection.protocol
    transport = None if protocol is None else protocol.transport
    if protocol is None or transport is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError("the connection is closed")
    protocol.set_response_params(**params)
    transport.write(f"GET {head.path}?{query} HTTP/1.1\r\n".encode() + head.fields)
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != _SWITCHING_PROTOCOLS:  # noqa: PLR2004 - interim answers
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientResponseError(
            head.request.request_info, (), status=error.code, message=error.message
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise_as_session(error)
    return message, content
