"""Which connections come in, and has this one been used before?"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Receive = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# aiohttp logs request lines that it cannot read, and those may hold phone numbers.
_SILENT: Final = logging.getLogger(__name__)
_SILENT.setLevel(logging.CRITICAL + 1)


class ConnectionServer(web.Server):
    """A server of aiohttp that counts its connections and logs nothing.

    Attributes:
        accepted: TCP connections accepted, those that only asked for counts left out.
    """

    def __init__(self, receive: Receive) -> None:
        # Cancellation frees a request that hangs as soon as its caller goes away.
        super().__init__(receive, handler_cancellation=True, access_log=None, logger=_SILENT)
        self.accepted = 0
        self._used: set[web.RequestHandler] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count it."""
        self.accepted += 1
        super().connection_made(handler, transport)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget it."""
        self._used.discard(handler)
        super().connection_lost(handler, exc)

    def is_reused(self, connection: web.RequestHandler) -> bool:
        """Whether a connection has carried a request before this one."""
        if connection in self._used:
            return True
        self._used.add(connection)
        return False

    def uncount(self, connection: web.RequestHandler) -> None:
        """Take a connection that only asks for counts out of them."""
        if not self.is_reused(connection):
            self.accepted -= 1
