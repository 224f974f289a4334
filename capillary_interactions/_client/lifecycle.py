"""In which event loop and process does a client live, and is it open?"""

import asyncio
import logging
import os
from typing import Final

from capillary_interactions._config.limits import RateLimit

_LOGGER: Final = logging.getLogger("capillary_interactions")


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs.

    Raises:
        RuntimeError: There is none of asyncio's: trio may run in its place.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "capillary_interactions needs asyncio, and no event loop of asyncio runs here; "
            "with anyio choose its asyncio backend, with Hypercorn a worker class of asyncio's, "
            "and from trio itself trio-asyncio"
        ) from None


class ClientLifecycle:
    """One loop after the other, never two at once; a fork is another home.

    Args:
        rate: What each process sends at, for the word on forks.
    """

    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self.closed = False

    def check_open(self) -> None:
        """Whether new work is taken.

        Raises:
            RuntimeError: It is closed.
        """
        if self.closed:
            raise RuntimeError("the client is closed; enter it again with `async with`")

    def enter(self) -> asyncio.AbstractEventLoop:
        """Live in the running loop, and give it.

        Raises:
            RuntimeError: It is closed, or another loop or process uses it.
        """
        self.check_open()
        loop = running_loop()
        if loop is self._loop:
            return loop
        if os.getpid() != self._process:
            self._enter_process()
        elif self._loop is not None and self._loop.is_running():
            raise RuntimeError(
                "the client is in use by another event loop that still runs; make one client "
                "for each loop, and divide the rate between them"
            )
        self._loop = loop
        return loop

    def _enter_process(self) -> None:
        if self._loop is not None:
            raise RuntimeError(
                "the client was used before this process was forked from its own; make a client "
                "in each process, and divide the rate between them"
            )
        self._process = os.getpid()
        _LOGGER.warning(
            "a client made before a fork is used in process %d: each such process sends at the "
            "full rate of %s, so divide the rate between them",
            self._process,
            self._rate,
        )
