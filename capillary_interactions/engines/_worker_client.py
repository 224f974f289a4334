"""A client in an event loop and a thread of its own: one for each configuration and process."""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, Final, TypeVar

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.jobs._run.stop_rules import FirstAnswer

_T = TypeVar("_T")
_TICK: Final = 0.25
_CLOSE_TIMEOUT: Final = 5.0


class WorkerClient:
    """A client that functions without an event loop, or with a running one, can use.

    Attributes:
        client: Of use only in coroutines that `run` runs.
        first_answer: Whether it has had an answer.
        unanswered: Lookups without an answer since the last one with.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.client = InteractionsClient(config)
        self.first_answer = FirstAnswer()
        self.unanswered = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="capillary_interactions", daemon=True
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _T], tick: Callable[[], None]) -> _T:
        """Run a coroutine to its end, and call `tick` four times a second and at the end.

        An interruption of this thread cancels the coroutine.
        """
        ended = threading.Event()
        running = asyncio.run_coroutine_threadsafe(_announced(coroutine, ended), self._loop)
        try:
            while not ended.wait(_TICK):
                tick()
        finally:
            if not ended.is_set():
                running.cancel()
                ended.wait(_CLOSE_TIMEOUT)
            tick()
        return running.result()

    def close(self) -> None:
        """End its requests, and its thread."""
        closing = asyncio.run_coroutine_threadsafe(self.client.aclose(), self._loop)
        wait([closing], _CLOSE_TIMEOUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_TIMEOUT)
        if not self._thread.is_alive():
            self._loop.close()


async def _announced(coroutine: Coroutine[Any, Any, _T], ended: threading.Event) -> _T:
    # A future that is cancelled is done before its coroutine is.
    try:
        return await coroutine
    finally:
        ended.set()


# Threads and connections of a process are not those of one that is forked from it.
_clients: dict[tuple[int, ClientConfig], WorkerClient] = {}
_lock = threading.Lock()


def worker_client(config: ClientConfig) -> WorkerClient:
    """This process's client for a configuration, made when it is first asked for."""
    key = (os.getpid(), config)
    with _lock:
        if key not in _clients:
            _clients[key] = WorkerClient(config)
        return _clients[key]


def close_clients() -> None:
    """Close all clients of this process."""
    with _lock:
        own = [key for key in _clients if key[0] == os.getpid()]
        clients = [_clients.pop(key) for key in own]
    for client in clients:
        client.close()


atexit.register(close_clients)
