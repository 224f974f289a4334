"""A server of bytes: it records each request, and lets a test write whatever it likes."""

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import orjson

# Closing with linger on and no time to linger sends RST.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_A_MOMENT: Final = 0.005
TASK: Final = "a connection of the tests' own server"

KNOWN: Final = orjson.dumps({"name": "capillary", "interaction": [{"name": "email", "count": 0}]})
"""The body of a customer who has had no e-mail."""


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
        """What stands between the method and the protocol."""
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


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]
Behave = Callable[[Received, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Wire:
    """Listens on a loopback port and behaves as it is told, request by request.

    Args:
        behave: Writes the answer to a request, or does something worse.
        tls: For https.

    Attributes:
        behave: The same; may be changed.
        received: Every request so far.
        connections: How many there have been.
    """

    def __init__(self, behave: Behave, *, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
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

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port and whatever is still open."""
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._open)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name=TASK)
        self._open[task] = writer
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        # Kept in a variable: from Python 3.13 on, a writer that is dropped while open warns.
        writer = self._open.pop(task)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                received = await _read(reader)
                self.received.append(received)
                await _unless_gone(self.behave(received, writer), reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return


async def _unless_gone(behaving: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
    """Behave for as long as there is somebody at the other end."""
    task = asyncio.get_running_loop().create_task(behaving, name=TASK)
    try:
        await asyncio.wait({task}, timeout=_A_MOMENT)
        while not task.done() and not reader.at_eof():
            await asyncio.wait({task}, timeout=_A_MOMENT)
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
    """An answer as bytes.

    Args:
        status: Its status.
        body: Its body.
        lines: Further lines of its head.
        length: What Content-Length says; the truth by default.
    """
    told = len(body) if length is None else length
    head = (f"HTTP/1.1 {status} Said", f"Content-Length: {told}", *lines)
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def always(*pieces: bytes) -> Behave:
    """The same bytes to every request."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))

    return behave


def acting(act: Act) -> Behave:
    """The same act on every request, and then the end of the connection."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        await act(writer)
        if not writer.is_closing():
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    return behave


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
