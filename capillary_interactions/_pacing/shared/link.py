"""Exchanges with a store, one at a time, which end in time; when does an outage begin and end?"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

from capillary_interactions._errors import SettingsReason
from capillary_interactions._pacing.shared.schedule import Demand, Reply
from capillary_interactions._pacing.shared.store import SlotStore, StoreError

# Failures in a row with which an outage begins; a setting that is refused will not work later.
_MAX_FAILURES: Final = 3
# Seconds after the first failure, twice that after the next one; and in an outage.
_FIRST_RETRY: Final = 0.05
PROBE_INTERVAL: Final = 1.0
# Of the last round trip in what is usual.
_WEIGHT: Final = 0.2


class StoreLink:
    """The exchanges of one process, and whether the store is out of order.

    Args:
        store: The store.
        timeout: Seconds that an exchange may take.
        on_outage: Called when an outage begins, with its reason, and with None when it ends.

    Attributes:
        timeout: See above.
        outage: Why the store is out of order, or None.
        busy: Whether an exchange is in progress.
        retry_at: No exchange begins before this time of the loop.
        round_trip: Seconds that an exchange usually takes.
        lateness: Seconds by which the last one took longer.
    """

    def __init__(
        self, store: SlotStore, timeout: float, on_outage: Callable[[str | None], None]
    ) -> None:
        self.timeout = timeout
        self.outage: str | None = None
        self.busy = False
        self.retry_at = -math.inf
        self.round_trip = self.lateness = 0.0
        self._store = store
        self._on_outage = on_outage
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._probe: Callable[[], None] = lambda: None

    @property
    def must_fill(self) -> bool:
        """Whether the last exchange has failed: the store may have lost its state."""
        return self._failures > 0

    def attach(self, loop: asyncio.AbstractEventLoop, probe: Callable[[], None]) -> None:
        """Serve a loop that runs now; a previous one is gone, with what was in progress there.

        Args:
            loop: The running event loop.
            probe: Begins an exchange; called some time after each failure.
        """
        self._loop, self._probe = loop, probe
        self._task = self._timer = None
        self.busy = False
        self.retry_at = -math.inf
        if self.outage is not None:
            self._set_timer(0.0)

    def exchange(self, demand: Demand, done: Callable[[Reply | None], None]) -> None:
        """Exchange at once if the store can, and else in a task.

        Args:
            demand: What is sent.
            done: Called with the reply, or with None after a failure.
        """
        try:
            reply = self._store.exchange_now(demand)
        except StoreError as error:
            self._fail(error.reason)
            done(None)
            return
        if reply is None:
            self.busy = True
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._exchange(demand, done))
        else:
            # It may wait for a lock now and then, which says nothing about the next exchange.
            self.round_trip = self.lateness = 0.0
            self._succeed()
            done(reply)

    async def close(self, last: Demand | None) -> None:
        """End what is in progress, send a last demand if there is one, and close the store."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        self.busy = False
        try:
            if last is not None and self._store.exchange_now(last) is None:
                async with asyncio.timeout(self.timeout):
                    await self._store.exchange(last)
        except (StoreError, TimeoutError):
            pass  # the slots expire
        finally:
            await self._store.close()

    async def _exchange(self, demand: Demand, done: Callable[[Reply | None], None]) -> None:
        reply = await self._reply(demand)
        self.busy, self._task = False, None
        done(reply)

    async def _reply(self, demand: Demand) -> Reply | None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            async with asyncio.timeout(self.timeout):
                reply = await self._store.exchange(demand)
        except StoreError as error:
            self._fail(error.reason)
        except TimeoutError:
            self._fail(self._too_slow)
        except Exception as error:  # noqa: BLE001 - a fault in a store must not leave all waiting
            self._fail(f"{type(error).__name__} in the store")
        else:
            if (elapsed := loop.time() - asked_at) <= self.timeout:
                self._measure(elapsed)
                self._succeed()
                return reply
            # This process stood still meanwhile.
            self._fail(self._too_slow)
        return None

    def _measure(self, elapsed: float) -> None:
        usual = self.round_trip or elapsed
        self.lateness = max(0.0, elapsed - usual)
        # A single long one, as the first one that opens a connection, is not usual.
        self.round_trip = usual + _WEIGHT * (min(elapsed, 2 * usual) - usual)

    @property
    def _too_slow(self) -> str:
        return f"no answer within {self.timeout:g} s"

    def _succeed(self) -> None:
        self._failures = 0
        if self.outage is not None:
            self.outage = None
            self._on_outage(None)

    def _fail(self, reason: str) -> None:
        self._failures += 1
        began = self.outage is None
        if self._failures >= _MAX_FAILURES or isinstance(reason, SettingsReason):
            self.outage = reason
        wait = _FIRST_RETRY * 2 ** (self._failures - 1) if self.outage is None else PROBE_INTERVAL
        self.retry_at = asyncio.get_running_loop().time() + wait
        self._set_timer(wait)
        if began and self.outage is not None:
            self._on_outage(reason)

    def _set_timer(self, wait: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None:
            self._timer = self._loop.call_later(wait, self._probe)
