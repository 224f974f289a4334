"""A server that records each request and writes the bytes a test gives it."""

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, Final, NamedTuple, Self

import orjson

from tests.described import request_violations

# Closing with SO_LINGER on and a linger time of zero sends RST.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_POLL_INTERVAL: Final = 0.005
TASK: Final = "a connection of the tests' own server"

KNOWN: Final = orjson.dumps({"name": "capillary", "interaction": [{"name": "email", "count": 0}]})
"""The body of a customer without e-mails."""


class Received(NamedTuple):
    """One request as it came.

    Attributes:
        head: Everything before the body.
        body: What its Content-Length promised.
        at: The loop's time of its arrival.
    """

    head: bytes
    body: bytes
    at: float

    @property
    def target(self) -> str:
        """The request target, between the method and the protocol."""
        return self.head.split(b"\r\n", 1)[0].split(b" ")[1].decode("ascii")

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): text.strip() for name, _, text in pairs}

    @property
    def till(self) -> str:
        """The user name of its Basic credentials."""
        pair = base64.b64decode(self.headers["authorization"].removeprefix("Basic "))
        return pair.decode().partition(":")[0]

    def violations(self, extra: Collection[str] = (), *, prefix: str = "") -> list[str]:
        """What the OpenAPI description does not allow."""
        method = self.head.partition(b" ")[0].decode()
        return request_violations(
            method, self.target, self.headers, body=self.body, extra=extra, prefix=prefix
        )


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]
Behave = Callable[[Received, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class ByteServer:
    """Listens on a loopback port and passes each request to a callback.

    A test that has passed fails where a request is not one that the OpenAPI description allows.

    Args:
        behave: Writes the answer to a request, or does something worse.
        tls: For https.
        described: Whether requests are compared with the description.
        extra: Parameters that requests may have beside those that are described.

    Attributes:
        behave: The same; may be changed.
        received: Every request so far.
        connections: Number of connections accepted so far.
    """

    def __init__(
        self,
        behave: Behave,
        *,
        tls: ssl.SSLContext | None = None,
        described: bool = True,
        extra: Collection[str] = (),
    ) -> None:
        self.behave = behave
        self._described = described
        self._extra = extra
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.received: list[Received] = []
        self.connections = 0
        self.base_url = ""

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=256
        )
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        """Close the port and all connections, and judge what was received."""
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if kind is None and self._described:
            for request in self.received:
                assert request.violations(self._extra) == [], request.target

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._open)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name=TASK)
        self._open[task] = writer
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        # In a variable: from Python 3.13 on, a writer that is collected while open warns.
        writer = self._open.pop(task)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                received = await _read(reader)
                self.received.append(received)
                await _until_disconnect(self.behave(received, writer), reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return


async def _until_disconnect(
    behaving: Coroutine[Any, Any, None], reader: asyncio.StreamReader
) -> None:
    """Run until the client disconnects."""
    task = asyncio.get_running_loop().create_task(behaving, name=TASK)
    try:
        await asyncio.wait({task}, timeout=_POLL_INTERVAL)
        while not task.done() and not reader.at_eof():
            await asyncio.wait({task}, timeout=_POLL_INTERVAL)
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    received = Received(head, b"", asyncio.get_running_loop().time())
    length = int(received.headers.get("content-length", 0))
    return received._replace(body=await reader.readexactly(length))


def answer(status: int = 200, body: bytes = KNOWN, *lines: str, length: int | None = None) -> bytes:
    """Return an answer as bytes.

    Args:
        status: Its status.
        body: Its body.
        lines: Further lines of its head.
        length: The Content-Length; that of the body by default.
    """
    head = (
        f"HTTP/1.1 {status} Reason",
        f"Content-Length: {len(body) if length is None else length}",
        *lines,
    )
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def always(*pieces: bytes) -> Behave:
    """Answer every request with the same bytes."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))

    return behave


def acting(act: Act) -> Behave:
    """Do the same for every request, and close the connection."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        await act(writer)
        if not writer.is_closing():
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    return behave


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
