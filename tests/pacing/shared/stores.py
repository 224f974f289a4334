"""Demands by chance, and a store in memory that can be slow, hang and fail."""

import asyncio
from collections.abc import Callable
from typing import Final

from attrs import define, field
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.shared.schedule import Demand, Reply, Schedule, SharedQuota
from capillary_interactions._pacing.shared.store import StoreError

# Long ago: nothing is left of what was sent before a test.
LONG_AGO: Final = -1e6

LIMITS: Final = st.builds(
    lambda requests, per, part: RateLimit(
        requests, per, None if part is None else max(1, int(part * requests))
    ),
    st.integers(1, 4) | st.integers(5, 3000),
    st.sampled_from([0.1, 1.0, 7.5, 60.0]),
    st.none() | st.floats(0, 1),
)
DEMANDS: Final = st.builds(
    Demand,
    want=st.integers(0, 40),
    ahead=st.just(0.0) | st.floats(0, 0.1),
    unused=st.integers(0, 3),
    revision=st.integers(0, 30),
    used=st.just(0.0) | st.floats(0, 3),
    fill=st.booleans(),
    throttled=st.just(-1.0) | st.floats(0, 200),
    pause=st.just(0.0) | st.floats(0, 100),
    gain=st.just(0.0) | st.floats(0, 5),
    ceiling=st.floats(0.01, 50),
    ceiling_for=st.just(-1.0) | st.just(0.0) | st.floats(0, 100),
)


@define
class MemoryStore:
    """A store that works at once, unless it is to be slow, to hang or to fail.

    Attributes:
        limit: The quota.
        schedule: Its state.
        latency: Seconds that an exchange takes each way; None: it is done at once.
        hangs: Whether exchanges never end.
        fails: Why exchanges fail, or None.
        demands: All that came, those that hang or fail, too.
    """

    limit: RateLimit
    clock: Callable[[], float]
    schedule: Schedule
    latency: float | None = None
    hangs: bool = False
    fails: str | None = None
    demands: list[Demand] = field(factory=list[Demand])
    closed: int = 0

    def exchange_now(self, demand: Demand) -> Reply | None:
        """See `SlotStore`."""
        if self.latency is not None or self.hangs:
            return None
        return self._exchange(demand)

    async def exchange(self, demand: Demand) -> Reply:
        """See `SlotStore`."""
        if self.hangs:
            self.demands.append(demand)
            await asyncio.Event().wait()
        await asyncio.sleep(self.latency or 0.0)
        reply = self._exchange(demand)
        await asyncio.sleep(self.latency or 0.0)
        return reply

    async def close(self) -> None:
        """See `SlotStore`."""
        self.closed += 1

    def _exchange(self, demand: Demand) -> Reply:
        self.demands.append(demand)
        if self.fails is not None:
            raise StoreError(self.fails)
        return self.schedule.exchange(SharedQuota.of(self.limit), demand, self.clock())

    def lose_state(self) -> None:
        """Begin anew, as a server does that was restarted without its data."""
        now = self.clock()
        self.schedule = Schedule.begin(SharedQuota.of(self.limit), now, full_at=now)


def make_stores(limit: RateLimit, clock: Callable[[], float], count: int) -> list[MemoryStore]:
    """The stores of as many processes, with one state and an empty bucket."""
    schedule = Schedule.begin(SharedQuota.of(limit), clock(), full_at=LONG_AGO)
    return [MemoryStore(limit, clock, schedule) for _ in range(count)]
