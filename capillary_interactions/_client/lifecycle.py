"""In which event loop and process does a client live, and is it open?"""

import asyncio
import logging
import os
from typing import Final

from capillary_interactions._config.limits import RateLimit

_LOGGER: Final = logging.getLogger("capillary_interactions")


def running_loop() -> asyncio.AbstractEventLoop:
    """The running loop of asyncio; a `RuntimeError` if there is none, as under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "capillary_interactions needs asyncio, and no event loop of asyncio runs here; "
            "with anyio choose its asyncio backend, with Hypercorn a worker class of asyncio's, "
            "and from trio itself trio-asyncio"
        ) from None


class ClosedClientError(RuntimeError):
    """A closed client was called."""

    def __init__(self) -> None:
        super().__init__("the client is closed; enter it again with `async with`")


class ClientLifecycle:
    """Binds a client to one running event loop at a time, in one process.

    Args:
        rate: Each process's, for the warning about forks.
        shared: Whether all processes have it together.

    Attributes:
        loop: The loop it is bound to, or None before the first one.
        closed: Whether new work is refused.
    """

    def __init__(self, rate: RateLimit, *, shared: bool = False) -> None:
        self._rate = rate
        self._shared = shared
        self._process = os.getpid()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    def check_open(self) -> None:
        """Raise RuntimeError if it is closed."""
        if self.closed:
            raise ClosedClientError

    def bind_running_loop(self) -> asyncio.AbstractEventLoop:
        """Bind to the running loop, and return it.

        Raises:
            RuntimeError: It is closed, or another loop or process uses it.
        """
        self.check_open()
        loop = running_loop()
        if loop is self.loop:
            return loop
        if os.getpid() != self._process:
            self._check_fork()
        elif self.loop is not None and self.loop.is_running():
            raise RuntimeError(
                "the client is in use by another event loop that still runs; make one client "
                "for each loop, and let them share the quota (ClientConfig.shared), or divide the "
                "rate between them"
            )
        self.loop = loop
        return loop

    def _check_fork(self) -> None:
        if self.loop is not None:
            raise RuntimeError(
                "the client was used before this process was forked from its own; make a client "
                "in each process, and let them share the quota (ClientConfig.shared), or divide "
                "the rate between them"
            )
        self._process = os.getpid()
        if not self._shared:
            _LOGGER.warning(
                "a client made before a fork is used in process %d: each such process sends at the "
                "full rate of %s, so let them share the quota (ClientConfig.shared), or divide the "
                "rate between them",
                self._process,
                self._rate,
            )
