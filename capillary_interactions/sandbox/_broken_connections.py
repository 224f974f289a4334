"""Faults that break the connection while an answer is being sent.

aiohttp will not send an answer that is wrong on the wire, so these write to its transport
themselves and then tell it that the connection is gone.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from aiohttp import web

from capillary_interactions.sandbox._responses import Answer

Headers = Mapping[str, str]
ConnectionAction = Callable[[asyncio.Transport], Awaitable[None]]

# Closing with linger on and no time to linger sends RST; Windows has shorter fields.
_NO_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_PIECES: Final = 20


class BrokenResponse(web.StreamResponse):
    """An answer that acts on the connection, after which aiohttp closes it."""

    def __init__(self, action: ConnectionAction | None = None) -> None:
        super().__init__()
        self._action = action

    async def prepare(self, request: web.BaseRequest) -> NoReturn:
        if self._action is not None and request.transport is not None:
            await self._action(request.transport)
        raise ConnectionResetError


def _head(answer: Answer, headers: Headers, *, length: int | None) -> bytes:
    """The first lines of an answer, chunked if it has no length."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (
        f"HTTP/1.1 {answer.status} OK",
        f"Content-Type: {answer.content_type}",
        *(f"{name}: {text}" for name, text in headers.items()),
        framing,
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reset(transport: asyncio.Transport) -> None:
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


async def reset_before(
    transport: asyncio.Transport, _answer: Answer, _headers: Headers, _seconds: float
) -> None:
    """RST before the head."""
    _reset(transport)


async def reset_mid_body(
    transport: asyncio.Transport, answer: Answer, headers: Headers, _seconds: float
) -> None:
    """Head, half the body, RST."""
    body = answer.body
    transport.write(_head(answer, headers, length=len(body)) + body[: len(body) // 2])
    # Let the caller meet the head before the reset, as it would over a network.
    await asyncio.sleep(0.005)
    _reset(transport)


async def truncated(
    transport: asyncio.Transport, answer: Answer, headers: Headers, _seconds: float
) -> None:
    """Half the body that Content-Length promises, FIN."""
    body = answer.body
    # One more than there is, so that even an empty body falls short.
    transport.write(_head(answer, headers, length=len(body) + 1) + body[: len(body) // 2])


async def cut_chunked(
    transport: asyncio.Transport, answer: Answer, headers: Headers, _seconds: float
) -> None:
    """One chunk, FIN without the last chunk."""
    chunk = answer.body[: len(answer.body) // 2 + 1] or b" "
    head = _head(answer, headers, length=None)
    transport.write(head + b"%x\r\n%b\r\n" % (len(chunk), chunk))


async def slow_body(
    transport: asyncio.Transport, answer: Answer, headers: Headers, seconds: float
) -> None:
    """The complete body, a little at a time."""
    body = answer.body
    transport.write(_head(answer, headers, length=len(body)))
    step = len(body) // _PIECES + 1
    for start in range(0, len(body), step):
        await asyncio.sleep(seconds / _PIECES)
        transport.write(body[start : start + step])


async def hang(
    _transport: asyncio.Transport, _answer: Answer, _headers: Headers, _seconds: float
) -> None:
    """Nothing, until the caller disconnects or the sandbox is stopped."""
    await asyncio.get_running_loop().create_future()


ConnectionFault = Callable[[asyncio.Transport, Answer, Headers, float], Awaitable[None]]

CONNECTION_FAULTS: Final[Mapping[str, ConnectionFault]] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (reset_before, reset_mid_body, truncated, cut_chunked, slow_body, hang)
    }
)
"""What each fault does, given the connection, the right answer, headers and `slow_body` seconds."""
