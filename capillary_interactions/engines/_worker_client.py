"""A worker's client: one for each configuration and process, in the thread of synchronous ones."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.jobs._run.stop_rules import FirstAnswer
from capillary_interactions.sync._loop_thread import hold_loop_thread

_T = TypeVar("_T")
_TICK: Final = 0.25


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
        self._thread = hold_loop_thread(self.client.aclose, self.client.aclose)

    def run(self, coroutine: Coroutine[Any, Any, _T], tick: Callable[[], None]) -> _T:
        """Run a coroutine to its end, and call `tick` four times a second and at the end.

        An interruption of this thread cancels the coroutine.
        """
        ticks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = self._thread.new_call(partial(_ticking, coroutine, ticks), ticks)
        try:
            return self._thread.finish(call, lambda _: tick())
        finally:
            tick()

    def close(self) -> None:
        """End its requests, and its part of the thread."""
        self._thread.run(self.client.aclose)
        self._thread.release(self.client.aclose)


async def _ticking(coroutine: Coroutine[Any, Any, _T], ticks: "queue.SimpleQueue[Any]") -> _T:
    ticking = asyncio.create_task(_tick(ticks))
    try:
        return await coroutine
    finally:
        ticking.cancel()


async def _tick(ticks: "queue.SimpleQueue[Any]") -> None:
    while True:
        await asyncio.sleep(_TICK)
        ticks.put(None)


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
