"""How is a connection spoilt while an answer is on its way?

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

ConnectionAction = Callable[[asyncio.Transport], Awaitable[None]]

# Closing with linger on and no time to linger sends RST; Windows has shorter fields.
_NO_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_PIECES: Final = 20


class BrokenResponse(web.StreamResponse):
    """An answer that acts on the connection and leaves it unusable."""

    def __init__(self, act: ConnectionAction | None = None) -> None:
        super().__init__()
        self._act = act

    async def prepare(self, request: web.BaseRequest) -> NoReturn:
        """Act, then have aiohttp close what is left of the connection."""
        if self._act is not None and request.transport is not None:
            await self._act(request.transport)
        raise ConnectionResetError


def head(answer: Answer, request_id: str, *, length: int | None) -> bytes:
    """The first lines of an answer, chunked if it has no length."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (
        f"HTTP/1.1 {answer.status} OK",
        f"Content-Type: {answer.content_type}",
        f"X-Cap-Requestid: {request_id}",
        framing,
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reset(transport: asyncio.Transport) -> None:
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def reset_before(_answer: Answer, _request_id: str, _seconds: float) -> ConnectionAction:
    """RST before the head."""

    async def act(transport: asyncio.Transport) -> None:
        _reset(transport)

    return act


def reset_mid_body(answer: Answer, request_id: str, _seconds: float) -> ConnectionAction:
    """Head, half the body, RST."""
    body = answer.body

    async def act(transport: asyncio.Transport) -> None:
        transport.write(head(answer, request_id, length=len(body)) + body[: len(body) // 2])
        # Let the caller meet the head before the reset, as it would over a network.
        await asyncio.sleep(0.005)
        _reset(transport)

    return act


def truncated(answer: Answer, request_id: str, _seconds: float) -> ConnectionAction:
    """Half the body that Content-Length promises, FIN."""
    body = answer.body

    async def act(transport: asyncio.Transport) -> None:
        # One more than there is, so that even an empty body falls short.
        transport.write(head(answer, request_id, length=len(body) + 1) + body[: len(body) // 2])

    return act


def cut_chunked(answer: Answer, request_id: str, _seconds: float) -> ConnectionAction:
    """One chunk, FIN without the last chunk."""

    async def act(transport: asyncio.Transport) -> None:
        chunk = answer.body[: len(answer.body) // 2 + 1] or b" "
        written = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        transport.write(head(answer, request_id, length=None) + written)

    return act


def slow_body(answer: Answer, request_id: str, seconds: float) -> ConnectionAction:
    """The whole body, a little at a time."""
    body = answer.body

    async def act(transport: asyncio.Transport) -> None:
        transport.write(head(answer, request_id, length=len(body)))
        step = len(body) // _PIECES + 1
        for start in range(0, len(body), step):
            await asyncio.sleep(seconds / _PIECES)
            transport.write(body[start : start + step])

    return act


def hang(_answer: Answer, _request_id: str, _seconds: float) -> ConnectionAction:
    """Nothing, until the caller goes away or the sandbox is stopped."""

    async def act(_: asyncio.Transport) -> None:
        await asyncio.get_running_loop().create_future()

    return act


CONNECTION_FAULTS: Final[Mapping[str, Callable[[Answer, str, float], ConnectionAction]]] = (
    MappingProxyType(
        {
            cut.__name__: cut
            for cut in (reset_before, reset_mid_body, truncated, cut_chunked, slow_body, hang)
        }
    )
)
"""What each fault does, given the right answer, the request's name and `slow_body` seconds."""
