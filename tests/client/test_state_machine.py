"""Whatever arrives, fails, is throttled, leaves or passes: what always holds.

A state machine over a real client on a hand-moved clock. Only the transport is made up: it keeps
count, and it does with each request what the machine has thought of.
"""

import asyncio
from collections import deque
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from capillary_interactions import (
    Found,
    InteractionsClient,
    Outcome,
    Query,
    RateLimit,
    RetryPolicy,
    Timeouts,
)
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import JumpingEventLoop, interactions
from tests import fakes

BUDGET = 120
PATIENCE = 2.0
TOTAL = 30.0
SHORT = st.none() | st.floats(0.01, 12)
HINT = st.none() | st.floats(0, 20)
QUOTAS = st.builds(
    RateLimit, st.integers(1, 20), st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([None, 1])
)


class Outside:
    """The server of the machine: one mood a request, and good ones after that."""

    def __init__(self) -> None:
        self.moods: deque[fakes.Reply] = deque()
        self.arrivals: list[float] = []
        self.first: dict[str, None] = {}
        self.takes = 0.05

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Count, take some time, do what the mood is."""
        self.arrivals.append(asyncio.get_running_loop().time())
        self.first.setdefault(fakes.asked(request)["mobile"])
        mood = self.moods.popleft() if self.moods else interactions()
        await asyncio.sleep(min(self.takes, timeout))
        if self.takes >= timeout:
            raise TransportError("no whole answer in time")
        return fakes.response(mood)

    async def aclose(self) -> None:
        """Nothing is held."""


class Machine(RuleBasedStateMachine):
    """One client, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingEventLoop()
        self.outside = Outside()
        self.pending: dict[asyncio.Task[list[Outcome]], float | None] = {}
        # Customers in the order of asking; lookups, and items of streams.
        self.asked: dict[bool, list[str]] = {True: [], False: []}
        self.number = 0

    @initialize(rate=QUOTAS, places=st.integers(1, 6))
    def begin(self, rate: RateLimit, places: int) -> None:
        """A client of some quota."""
        self.rate = rate
        self.client = InteractionsClient(
            fakes.settings(
                rate=rate,
                in_flight=places,
                retry=RetryPolicy(attempts=3, budget=BUDGET, wait_max=5.0),
                timeouts=Timeouts(total=TOTAL, attempt=PATIENCE),
            ),
            transport=self.outside,
        )
        self.pace = self.client._pool.all[0].pace
        self.configured = self.pace.rate
        self.burst = self.pace.state().slots_left

    def _customer(self, *, interactive: bool) -> Query:
        self.number += 1
        identifier = fakes.customer(self.number)
        self.asked[interactive].append(identifier.value)
        return Query(identifier)

    def _run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(count=st.integers(1, 12), timeout=SHORT)
    def look_up(self, count: int, timeout: float | None) -> None:
        """People ask."""

        async def one() -> list[Outcome]:
            return [await self.client.lookup(self._customer(interactive=True), timeout)]

        for _ in range(count):
            task = self.loop.create_task(one())
            self.pending[task] = TOTAL if timeout is None else timeout
        self._run(0)

    @rule(count=st.integers(1, 25), timeout=SHORT, at_once=st.integers(1, 8))
    def stream(self, count: int, timeout: float | None, at_once: int) -> None:
        """A stream begins."""

        async def several() -> list[Outcome]:
            async with self.client.stream(
                range(count),
                key=lambda _: self._customer(interactive=False),
                in_flight=at_once,
                timeout=timeout,
            ) as outcomes:
                return [outcome async for outcome in outcomes]

        self.pending[self.loop.create_task(several())] = timeout
        self._run(0)

    @rule(count=st.integers(1, 15), status=st.sampled_from([500, 502, 503]), hint=HINT)
    def fail(self, count: int, status: int, hint: float | None) -> None:
        """The server fails for a while."""
        self.outside.moods.extend([self._refusal(status, hint)] * count)

    @rule(count=st.integers(1, 15))
    def break_connections(self, count: int) -> None:
        """The network fails for a while."""
        self.outside.moods.extend([TransportError("the connection was closed")] * count)

    @rule(count=st.integers(1, 5), hint=HINT)
    def throttle(self, count: int, hint: float | None) -> None:
        """The server has had enough."""
        self.outside.moods.extend([self._refusal(429, hint)] * count)

    @rule(left=st.integers(0, 5), reset=st.floats(0, 5))
    def tell_what_is_left(self, left: int, reset: float) -> None:
        """The server's headers speak of a smaller quota."""
        headers = {"x-ratelimit-remaining": str(left), "x-ratelimit-reset": f"{reset:.3f}"}
        self.outside.moods.append(
            Response(status=200, headers=headers, body=fakes.response(interactions()).body)
        )

    @rule(takes=st.sampled_from([0.0, 0.05, 0.3, PATIENCE + 1]))
    def take_time(self, takes: float) -> None:
        """The server is as slow as that from now on."""
        self.outside.takes = takes

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), slots=st.integers(0, 3))
    def leave(self, data: st.DataObject, slots: int) -> None:
        """A caller cancels, perhaps at the moment a slot becomes free."""
        tasks = list(self.pending)
        task = tasks[data.draw(st.integers(0, len(tasks) - 1))]
        del self.pending[task]
        self.loop.call_later(slots / self.pace.rate, task.cancel)
        self._run(0)

    @rule(seconds=st.floats(0, 0.3) | st.floats(0, 40))
    def pass_time(self, seconds: float) -> None:
        """The clock steps on."""
        self._run(seconds)

    @invariant()
    def keeps_the_quota(self) -> None:
        """No window holds more than the quota, counted where requests arrive."""
        if self.outside.arrivals:
            assert fakes.busiest(self.outside.arrivals, self.rate.per) <= self.rate.requests

    @invariant()
    def keeps_the_order(self) -> None:
        """Those of one priority are asked for in the order in which they came."""
        for asked in self.asked.values():
            place = {value: number for number, value in enumerate(asked)}
            first = [place[value] for value in self.outside.first if value in place]
            assert first == sorted(first)

    @invariant()
    def keeps_the_budget(self) -> None:
        """Tokens are neither owed nor made up."""
        if hasattr(self, "client"):
            assert 0 <= self.client.snapshot().retry_budget <= BUDGET

    @invariant()
    def ends_in_time(self) -> None:
        """No ending comes after its deadline."""
        for task in [task for task in self.pending if task.done()]:
            limit = self.pending.pop(task)
            for outcome in task.result():
                assert limit is None or outcome.elapsed <= limit + 1e-6

    def teardown(self) -> None:
        """When all is over: everybody has an ending, and the whole quota is there again."""
        try:
            if hasattr(self, "client"):
                self._finish()
        finally:
            self.loop.close()

    def _finish(self) -> None:
        self.outside.moods.clear()
        self.outside.takes = 0.0
        # 25 streams of 25 customers each, at one in 3 s and less while the rate recovers.
        self._run(6_000)
        assert all(task.done() for task in self.pending)
        self.ends_in_time()
        self.keeps_the_quota()
        state = self.pace.state()
        assert (state.waiting, state.in_flight, state.cool_down) == (0, 0, 0)
        for _ in range(20_000):
            if self.pace.rate == self.configured:
                break
            self.pace.answered()
        self._run(2 * self.rate.per)
        assert self.pace.state().slots_left == self.burst
        self.loop.run_until_complete(self._use_all_of_it())
        self.keeps_the_quota()
        self.loop.run_until_complete(self.client.aclose())
        assert not asyncio.all_tasks(self.loop)

    async def _use_all_of_it(self) -> None:
        count = 3 * self.rate.requests
        began = self.loop.time()
        outcomes = await self.client.lookup_all(
            [self._customer(interactive=True) for _ in range(count)]
        )
        assert all(isinstance(outcome, Found) for outcome in outcomes)
        assert self.loop.time() - began <= 3 * self.rate.per / 0.95

    @staticmethod
    def _refusal(status: int, hint: float | None) -> Response:
        headers: dict[str, Any] = {} if hint is None else {"retry-after": f"{hint:.3f}"}
        return Response(status=status, headers=headers)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
