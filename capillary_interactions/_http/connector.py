"""How does a request get its connection? aiohttp's pool of them, with what the API's pace needs."""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp

from capillary_interactions._http.client_errors import ConnectionDroppedError, raise_of_proxy
from capillary_interactions._protocol.messages import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

# The request of this task, which is written as soon as it has its connection and may be sent.
REQUEST: Final = ContextVar[Request]("request")
# Whether its connection was opened for it.
NEW_CONNECTION: Final = ContextVar[bool]("new_connection", default=False)

# asyncio allocates memory for the longest read before each one, 256 KiB, and glibc maps and unmaps
# what is larger than 128 KiB: three system calls, a sixth of aiohttp's CPU time for a request.
_READ_SIZE: Final = 64 * 1024


class Connector(aiohttp.TCPConnector):
    """Awaits `Request.before_send` as soon as a request of a session has its connection."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> "Connection":
        """Connect for a session, whose request is in `REQUEST`."""
        connection = await self.acquire(req, traces, timeout)
        # The headers are written after this.
        req.headers.update(await wait_to_send(connection, REQUEST.get()) or {})
        return connection

    async def acquire(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> "Connection":
        """A connection out of the pool, or a new one; `NEW_CONNECTION` has which."""
        while True:
            NEW_CONNECTION.set(False)
            connection = await super().connect(req, traces=traces, timeout=timeout)
            if NEW_CONNECTION.get() or _is_unspoilt(connection):
                return connection
            connection.close()

    def _release(
        self, key: Any, protocol: "ResponseHandler", *, should_close: bool = False
    ) -> None:
        expect_nothing(protocol)
        super()._release(key, protocol, should_close=should_close)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> "ResponseHandler":
        NEW_CONNECTION.set(True)
        if req.proxy is None:
            protocol = await super()._create_connection(req, traces, timeout)
        else:
            protocol = await self._connect_by_proxy(req, traces, timeout)
        _shorten_reads(protocol.transport)
        return protocol

    async def _connect_by_proxy(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> "ResponseHandler":
        # aiohttp limits the time of each step, but not that of the answer to CONNECT.
        async with asyncio.timeout(timeout.sock_connect):
            try:
                return await super()._create_connection(req, traces, timeout)
            except (aiohttp.ClientError, OSError) as error:
                raise_of_proxy(error)


async def wait_to_send(connection: "Connection", request: Request) -> "Mapping[str, str] | None":
    """Wait until a request may be sent; headers that replace those of the same names, if any.

    Raises:
        ConnectionDroppedError: The connection cannot be used any more.
    """
    before_send, try_send = request.before_send, request.try_send
    if before_send is None:
        return None
    try:
        if try_send is not None and try_send():
            return None
        # A token may have been renewed meanwhile.
        headers = await before_send()
    except BaseException:
        # Nothing has been sent on it: it is as good as before.
        connection.release()
        raise
    if not _is_unspoilt(connection):
        connection.close()
        raise ConnectionDroppedError("closed before the request was sent")
    return headers


def expect_nothing(protocol: "ResponseHandler") -> None:
    """Have what comes before the next request close the connection, be it a part of an answer."""
    # aiohttp's parser would keep the part unseen, and the next request has a parser of its own.
    protocol._parser = None  # noqa: SLF001 - without effect where aiohttp has another name for it


def _is_unspoilt(connection: "Connection") -> bool:
    """Whether it is open, and what comes on it next will be the answer to the next request.

    aiohttp uses a pooled connection on which something has come unasked, and takes that for the
    answer: to a question about another customer.
    """
    protocol = connection.protocol
    return protocol is not None and protocol.is_connected() and not protocol.should_close


def _shorten_reads(transport: asyncio.Transport | None) -> None:
    # The names are asyncio's own; those of other event loops keep the buffer that they read into.
    for reader in (transport, getattr(transport, "_ssl_protocol", None)):
        if getattr(reader, "max_size", 0) > _READ_SIZE:
            cast("Any", reader).max_size = _READ_SIZE
