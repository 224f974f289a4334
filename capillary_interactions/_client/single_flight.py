"""Is this very lookup already in the air? Single-flight, and the optional short-lived cache.

A flight is a task of its own that belongs to nobody: a passenger who leaves leaves the others
alone, and the last one to leave takes the task down. Whatever it ends in, an error too, is
everybody's.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from attrs import define, field

from capillary_interactions._client.cleanup import outlast
from capillary_interactions._errors import CapillaryError
from capillary_interactions._pacing.deadline import Caller, Deadline, Refusal
from capillary_interactions._text.tracebacks import clear

if TYPE_CHECKING:
    from capillary_interactions._pacing.stream_share import StreamShare

_T = TypeVar("_T")
_MOST_KEPT: Final = 10_000


@define(eq=False)
class _SharedCall(Generic[_T]):
    key: Hashable
    task: asyncio.Task[_T]
    deadline: Deadline
    passengers: set[Caller] = field(factory=set)


class WaiterTimeoutError(Exception):
    """A passenger's own deadline comes before the flight's end.

    Attributes:
        refusal: Why that is known already, or None at the deadline itself.
    """

    def __init__(self, refusal: Refusal | None = None) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class SharedCallCancelledError(Exception):
    """The flight was taken down from outside: the client closes."""


class SingleFlight(Generic[_T]):
    """The lookups that are in the air, by what they ask."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _SharedCall[_T]] = {}
        self._tasks: set[asyncio.Task[_T]] = set()

    async def board(
        self,
        key: Hashable,
        deadline: float | None,
        depart: Callable[[Deadline], Coroutine[Any, Any, _T]],
        *,
        interactive: bool = True,
        share: "StreamShare | None" = None,
    ) -> _T:
        """What the flight of this key ends in; one departs if none is in the air.

        Args:
            key: What is asked.
            deadline: The loop's time until which this passenger stays, or None.
            depart: Makes the flight; its deadline is that of its most patient passenger, and it
                is interactive from the moment that one is aboard for whom it is.
            interactive: Whether a person waits.
            share: The part of the rate to keep to, while nothing else is wanted.

        Raises:
            LateError: The deadline came first, or comes before anything else can.
        """
        loop = asyncio.get_running_loop()
        flight = self._flights.get(key)
        if flight is None or flight.task.get_loop() is not loop:
            flight = self._depart(key, Deadline(deadline, interactive, share), depart)
        else:
            flight.deadline.join(deadline, interactive=interactive, share=share)
        return await self._fly(loop, flight, deadline)

    def _depart(
        self,
        key: Hashable,
        until: Deadline,
        depart: Callable[[Deadline], Coroutine[Any, Any, _T]],
    ) -> _SharedCall[_T]:
        task = asyncio.get_running_loop().create_task(depart(until))
        flight = _SharedCall(key, task, until)
        self._flights[key] = flight
        self._tasks.add(task)

        def land(task: asyncio.Task[_T]) -> None:
            self._tasks.discard(task)
            self._close(flight)
            if not task.cancelled():
                error = task.exception()  # else asyncio complains of one that no waiter has seen
                if error is not None:
                    # Nothing of the task runs any more that would need what its frames hold.
                    clear(error)
            for passenger in flight.passengers:
                _wake(passenger)

        task.add_done_callback(land)
        return flight

    async def _fly(
        self, loop: asyncio.AbstractEventLoop, flight: _SharedCall[_T], deadline: float | None
    ) -> _T:
        passenger: Caller = loop.create_future()
        flight.passengers.add(passenger)
        flight.deadline.add(passenger, deadline)
        timer = None if deadline is None else loop.call_at(deadline, _wake, passenger)
        try:
            refusal = await passenger
        except asyncio.CancelledError:
            await self._leave(flight, passenger)
            raise
        finally:
            flight.passengers.discard(passenger)
            flight.deadline.discard(passenger)
            if timer is not None:
                timer.cancel()
        if flight.task.cancelled():
            raise SharedCallCancelledError
        if flight.task.done():
            return _result(flight.task)
        await self._leave(flight, passenger)
        raise WaiterTimeoutError(refusal)

    async def drain(self, patience: float) -> None:
        """Let shared calls end, for `patience` seconds at most."""
        tasks = self._under_way()
        if tasks and patience > 0:
            await asyncio.wait(tasks, timeout=patience)

    async def ground(self) -> None:
        """Cancel every shared call, and wait until it is gone."""
        tasks = self._under_way()
        for task in tasks:
            task.cancel()
        await outlast(tasks)

    def _under_way(self) -> tuple[asyncio.Task[_T], ...]:
        loop = asyncio.get_running_loop()
        return tuple(task for task in self._tasks if task.get_loop() is loop)

    def _close(self, flight: _SharedCall[_T]) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _leave(self, flight: _SharedCall[_T], passenger: Caller) -> None:
        flight.passengers.discard(passenger)
        if flight.passengers or flight.task.done():
            return
        # Closed at once: who asks from now on gets a flight of its own, not this one's end.
        self._close(flight)
        flight.task.cancel()
        await outlast((flight.task,))


def _result(task: asyncio.Task[_T]) -> _T:
    error = task.exception()
    if isinstance(error, CapillaryError):
        # Each waiter's own: a traceback grows with every frame that it goes through.
        raise copy(error)
    return task.result()


def _wake(passenger: Caller) -> None:
    if not passenger.done():
        passenger.set_result(None)


@define
class Cache(Generic[_T]):
    """What lookups ended in, for a short while, the most recent ten thousand.

    All are kept for as long, so they go out of date in the order in which they came.

    Attributes:
        ttl: Seconds for which a result is given again.
    """

    ttl: float
    _kept: OrderedDict[Hashable, tuple[float, _T]] = field(factory=OrderedDict, init=False)

    def get(self, key: Hashable, now: float) -> _T | None:
        """The result kept for a key, if it is still fresh."""
        found = self._kept.get(key)
        if found is None:
            return None
        if now >= found[0]:
            del self._kept[key]
            return None
        return found[1]

    def put(self, key: Hashable, result: _T, now: float) -> None:
        """Keep a result; what is out of date goes, and the oldest makes room."""
        self._kept[key] = (now + self.ttl, result)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT or self._is_stale(now):
            self._kept.popitem(last=False)

    def _is_stale(self, now: float) -> bool:
        """Whether the oldest one is out of date."""
        oldest = next(iter(self._kept.values()), None)
        return oldest is not None and oldest[0] <= now
