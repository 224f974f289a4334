"""Single-flight for equal lookups, and the optional short-lived cache.

One task per key, owned by the registry. A cancelled caller does not affect the others; when the
last one leaves, the task is cancelled. All callers get its result, or its error.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from copy import copy
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

from capillary_interactions._client.cleanup import wait_until_done
from capillary_interactions._errors import CapillaryError
from capillary_interactions._pacing.deadline import Caller, Deadline, Refusal
from capillary_interactions._text.tracebacks import clear

_T = TypeVar("_T")
_MAX_ENTRIES: Final = 10_000


class WaiterTimeoutError(Exception):
    """The deadline of one caller comes before the end of the shared call.

    Attributes:
        refusal: Why that is known already, or None at the deadline itself.
    """

    def __init__(self, refusal: Refusal | None = None) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class SharedCallCancelledError(Exception):
    """The task was cancelled while callers waited for it, as when the client is closed."""


@define(eq=False)
class _SharedCall(Generic[_T]):
    """One call, and the futures of those who wait for it."""

    key: Hashable
    deadline: Deadline
    registry: "SingleFlight[_T]"
    task: asyncio.Task[_T] = field(init=False)
    waiters: set[Caller] = field(factory=set)

    async def run(self, start: Callable[..., Coroutine[Any, Any, _T]], *arguments: Any) -> _T:
        result = await start(*arguments)
        # At once: a callback of the task costs one more iteration of the event loop.
        self.task.remove_done_callback(self.on_done)
        self._end()
        return result

    def on_done(self, task: asyncio.Task[_T]) -> None:
        """The task has failed or was cancelled, perhaps before its first step."""
        if not task.cancelled():
            error = task.exception()  # else asyncio logs an error that no waiter has retrieved
            if error is not None:
                # The task has ended, so nothing needs what its frames hold.
                clear(error)
        self._end()

    def _end(self) -> None:
        self.registry.forget(self)
        for waiter in self.waiters:
            _wake(waiter)


class SingleFlight(Generic[_T]):
    """The shared calls in progress, by key."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, _SharedCall[_T]] = {}
        self._tasks: set[asyncio.Task[_T]] = set()

    async def call(
        self,
        key: Hashable,
        deadline: Deadline,
        start: Callable[..., Coroutine[Any, Any, _T]],
        *arguments: Any,
    ) -> _T:
        """The result of the shared call with this key, which is started unless it is in progress.

        The deadline of the first caller becomes that of the call, with those of others joined.

        Raises:
            WaiterTimeoutError: The deadline came first, or it is known that it will.
            SharedCallCancelledError: The task was cancelled.
        """
        loop = asyncio.get_running_loop()
        at = deadline.at
        call = self._calls.get(key)
        if call is None or call.task.get_loop() is not loop:
            call = self._calls[key] = _SharedCall(key, deadline, self)
            call.task = task = loop.create_task(call.run(start, *arguments))
            task.add_done_callback(call.on_done)
            self._tasks.add(task)
        else:
            call.deadline.join(at, interactive=deadline.interactive, share=deadline.share)
        waiter: Caller = loop.create_future()
        call.waiters.add(waiter)
        call.deadline.add(waiter, at)
        timer = None if at is None else loop.call_at(at, _wake, waiter)
        try:
            refusal = await waiter
        except asyncio.CancelledError:
            await self._drop_waiter(call, waiter)
            raise
        finally:
            call.waiters.discard(waiter)
            call.deadline.discard(waiter)
            if timer is not None:
                timer.cancel()
        if not call.task.done():
            await self._drop_waiter(call, waiter)
            raise WaiterTimeoutError(refusal)
        return _result(call.task)

    def forget(self, call: _SharedCall[_T]) -> None:
        """A call has ended."""
        self._tasks.discard(call.task)
        if self._calls.get(call.key) is call:
            del self._calls[call.key]

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - waits, does not cancel
        """Let shared calls end, for `timeout` seconds at most."""
        tasks = self._running_tasks()
        if tasks and timeout > 0:
            await asyncio.wait(tasks, timeout=timeout)

    async def cancel_all(self) -> None:
        """Cancel every shared call, and wait until all have ended."""
        tasks = self._running_tasks()
        for task in tasks:
            task.cancel()
        await wait_until_done(tasks)

    def _running_tasks(self) -> tuple[asyncio.Task[_T], ...]:
        loop = asyncio.get_running_loop()
        return tuple(task for task in self._tasks if task.get_loop() is loop)

    async def _drop_waiter(self, call: _SharedCall[_T], waiter: Caller) -> None:
        call.waiters.discard(waiter)
        if call.waiters or call.task.done():
            return
        # At once: the next caller starts a call of its own instead of joining this one.
        if self._calls.get(call.key) is call:
            del self._calls[call.key]
        call.task.cancel()
        await wait_until_done((call.task,))


def _result(task: asyncio.Task[_T]) -> _T:
    if task.cancelled():
        raise SharedCallCancelledError
    error = task.exception()
    if isinstance(error, CapillaryError):
        # A copy for each waiter: a traceback grows with every frame that it passes.
        raise copy(error)
    return task.result()


def _wake(waiter: Caller) -> None:
    if not waiter.done():
        waiter.set_result(None)


@define
class Cache(Generic[_T]):
    """The most recent results, for callers that each say how old one may be."""

    _entries: OrderedDict[Hashable, tuple[float, _T]] = field(factory=OrderedDict, init=False)
    _longest: float = field(default=0.0, init=False)

    def get(self, key: Hashable, now: float, ttl: float) -> _T | None:
        """The result of a key, unless it was stored `ttl` seconds ago or earlier."""
        stored_at, result = self._entries.get(key, (now, None))
        return None if now >= stored_at + ttl else result

    def put(self, key: Hashable, result: _T, now: float, ttl: float) -> None:
        """Store a result, in place of those that are too many, or too old for every caller."""
        self._longest = max(self._longest, ttl)
        self._entries[key] = (now, result)
        self._entries.move_to_end(key)
        while len(self._entries) > _MAX_ENTRIES or self._oldest_expires_at() <= now:
            self._entries.popitem(last=False)

    def _oldest_expires_at(self) -> float:
        if not self._entries:
            return float("inf")
        return next(iter(self._entries.values()))[0] + self._longest
