"""Synchronous clients of a server that is none, and what a thread does with them."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from capillary_interactions.sync import InteractionsClient
from tests.fakes import Server, settings


def client_of(server: Server, **changes: Any) -> InteractionsClient:
    """A client of a server."""
    return InteractionsClient(settings(**changes), transport=server)


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, for half a minute at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.001)


class InThread(threading.Thread):
    """A call in another thread, and what it returned or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.returned: Any = None
        self.raised: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Call."""
        try:
            self.returned = self._call()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.raised = error

    def result(self) -> Any:
        """What it returned, or raised."""
        self.join(10)
        assert not self.is_alive(), "it still waits"
        if self.raised is not None:
            raise self.raised
        return self.returned


@contextmanager
def interrupted_when(condition: Callable[[], object]) -> Iterator[None]:
    """Press Ctrl-C, in the main thread, as soon as something is so."""

    def press() -> None:
        until(condition)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    # Workers of xdist ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = InThread(press)
    try:
        yield
        thread.result()
    finally:
        signal.signal(signal.SIGINT, before)


class BlockedLoop:
    """An observer that blocks the thread that calls it, once."""

    def __init__(self) -> None:
        self.blocked = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, _: object) -> None:
        """Block."""
        self.blocked.set()
        self.goes_on.wait(10)


def has_running_loop() -> bool:
    """Whether an event loop runs in the thread that calls."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
