"""Connections in memory, on which a script is fed to aiohttp's protocol."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp.client_proto import ResponseHandler
from attrs import frozen


@frozen
class Script:
    """What a server writes once it has the request.

    Attributes:
        pieces: What arrives in one read each; an empty one is a turn of the loop without any.
        ending: What follows: "silence", "end" or "reset".
        after: Seconds until the first of it.
    """

    pieces: Sequence[bytes]
    ending: str = "silence"
    after: float = 0.0


class Wire(asyncio.Transport):
    """A connection in memory."""

    def __init__(self, protocol: ResponseHandler, script: Script) -> None:
        super().__init__()
        self.written = b""
        self._protocol = protocol
        self._left = list(script.pieces)
        self._ending = script.ending
        self._after = script.after
        self._loop = asyncio.get_running_loop()
        self._paused = self._closing = False
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Keep it, and begin to answer."""
        self.written += data
        self._loop.call_later(self._after, self._feed)

    def _feed(self) -> None:
        if self._closing or self._paused:
            return
        if self._left:
            piece = self._left.pop(0)
            if piece:
                self._protocol.data_received(piece)
            self._loop.call_soon(self._feed)
        elif self._ending == "end":
            self._protocol.eof_received()
            self.close()
        elif self._ending == "reset":
            self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def _lose(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, error)

    def pause_reading(self) -> None:
        """Feed nothing more."""
        self._paused = True

    def resume_reading(self) -> None:
        """Feed again."""
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._feed)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._closing

    def close(self) -> None:
        """Close it."""
        self._lose(None)

    abort = close
