"""Random scenes of lookups and streams that are cancelled, closed and failed; what always holds.

A scene follows from its seed. It runs a real client on a clock that jumps over every wait; only
the server is made up. What is found wrong is given as sentences.
"""

import asyncio
import gc
import math
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

import anyio
import orjson
from attrs import define, field, frozen

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    OAuth,
    Outcome,
    Query,
    RateLimit,
    RetryPolicy,
    Timeouts,
)
from capillary_interactions._http.transport import StaleConnectionError, TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions, message, run_without_waiting

_TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path
# A request is given a millisecond at least, however near its deadline is.
_LATE: Final = 0.002
_DUST: Final = 1e-6
_LONG: Final = 4_000.0
_SOURCE_ERROR: Final = "the source fails"


@frozen
class Played:
    """A scene that has been played.

    Attributes:
        seed: What it follows from.
        requests: Requests that the server got.
        wrong: What did not hold.
    """

    seed: int
    requests: int
    wrong: tuple[str, ...]


class _Server:
    """A transport that counts arrivals by credential, and fails as it is set to.

    Args:
        rng: Decides on each request.

    Attributes:
        before_reply: Called in the moment before an answer.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.calls_before_send = rng.random() < 0.5
        self.faulty = rng.random() < 0.8
        self.takes = rng.choice([0.0, 0.01, 0.1, 0.6])
        kinds = ["429", "429", "503", "503", "401", "403", "stale", "lost", "hang", "page", "left"]
        self._kinds = rng.sample(kinds, rng.randint(1, 5))
        self._part = rng.choice([0.02, 0.1, 0.3])
        self.arrivals: dict[int, list[float]] = defaultdict(list)
        self.under_way = self.closed = self._tokens = 0
        self.before_reply: Callable[[], None] = lambda: None

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Answer after a while."""
        if request.before_send is not None:
            await request.before_send()
        # Tokens are fetched in the background, and do not count.
        counts = not request.url.endswith(_TOKEN_PATH)
        if counts:
            self.arrivals[request.credential].append(asyncio.get_running_loop().time())
        self.under_way += counts
        try:
            fault = self.faulty and self._rng.random() < self._part
            kind = self._rng.choice(self._kinds) if fault else ""
            takes = math.inf if kind == "hang" else self.takes * self._rng.random() * 2
            await asyncio.sleep(min(takes, timeout))
            if takes >= timeout:
                raise TransportError("no whole answer in time")
            return self._reply(request, kind)
        finally:
            self.under_way -= counts

    def _reply(self, request: Request, kind: str) -> Response:
        self.before_reply()
        hints = self._rng.choice([{}, {"retry-after": f"{self._rng.uniform(0, 8):.2f}"}])
        if kind == "stale":
            raise StaleConnectionError("an old connection")
        if kind == "lost":
            raise TransportError("the connection was closed")
        if kind.isdigit():
            return Response(status=int(kind), headers=hints)
        if request.url.endswith(_TOKEN_PATH):
            return self._token()
        headers = {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "4"} if kind == "left" else {}
        body = interactions(email=[message(1)], counts={"email": 3 if kind == "page" else 1})
        return Response(status=200, headers=headers, body=orjson.dumps(body))

    def _token(self) -> Response:
        self._tokens += 1
        lifetime = self._rng.choice([2, 30, 300])
        data = {"accessToken": f"token-{self._tokens}", "ttlSeconds": lifetime}
        return Response(status=200, body=orjson.dumps({"data": data, "errors": None}))

    async def aclose(self) -> None:
        """Count how often the client lets go."""
        self.closed += 1


@define(eq=False)
class _Actor:
    """One caller of the client: what it does, and what it saw.

    Attributes:
        task: What it runs in.
        limit: Seconds that each of its lookups may take.
        read: What its source has yielded, if it is a stream.
        seen: Its outcomes.
        whole: Whether its stream has come to an end of its own, an error of its source included.
        open: How many of its sources were begun, and not closed since.
        cancelled: How often it was cancelled.
    """

    limit: float | None
    task: "asyncio.Task[None] | None" = None
    read: list[int] = field(factory=list)
    seen: list[Outcome] = field(factory=list)
    whole: bool = False
    open: int = 0
    cancelled: int = 0


class _Scene:
    """One scene.

    Args:
        seed: What it follows from.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.server = _Server(self.rng)
        # With the largest one, callers wait for places and not for slots.
        requests = self.rng.choice([1, 3, 10, 40, 5_000])
        self.rate = RateLimit(requests, self.rng.choice([0.5, 1.0, 3.0]))
        self.actors: list[_Actor] = []
        self.wrong: list[str] = []
        self.client = InteractionsClient(
            self._config(), transport=self.server, observers=self._observers()
        )

    def _config(self) -> ClientConfig:
        rng = self.rng
        makers = (
            lambda name: BasicAuth(name, "secret"),
            lambda name: OAuth(name, "secret"),
        )
        return ClientConfig(
            "https://api.example.com",
            [rng.choice(makers)(f"till-{place}") for place in range(rng.choice([1, 1, 2, 3]))],
            rate=self.rate,
            in_flight=rng.choice([1, 2, 4, 16]),
            retry=RetryPolicy(attempts=rng.randint(1, 4), wait_initial=0.2, budget=60),
            timeouts=Timeouts(total=rng.choice([2.0, 20.0]), attempt=rng.choice([0.5, 3.0])),
            single_flight=rng.random() < 0.8,
            cache_ttl=rng.choice([0.0, 0.0, 1.0]),
        )

    def _observers(self) -> list[Any]:
        part = self.rng.choice([0.0, 0.0, 0.1])
        sniping = self.rng.choice([0.0, 0.05, 0.3])

        def observe(_: object) -> None:
            if self.rng.random() < part:
                raise LookupError("an observer of the scene")

        def snipe(_: object = None) -> None:
            # Just as a place is given to the next one, for instance.
            if not self.server.faulty:
                return
            if self.actors and self.rng.random() < sniping:
                self._cancel(self.rng.choice(self.actors))
            if self.rng.random() < sniping:
                self._cancel_shared()

        self.server.before_reply = snipe
        return [each for each, acts in ((observe, part), (snipe, sniping)) if acts]

    def _cancel_shared(self) -> None:
        """Cancel a call that is shared, as a program does that cancels every task it finds."""
        tasks = self.client._single_flight._tasks - {asyncio.current_task()}  # noqa: SLF001
        if tasks:
            named = sorted(tasks, key=lambda task: task.get_name())
            self.rng.choice(named).cancel()

    def _cancel(self, actor: _Actor) -> None:
        if actor.task is not None and not actor.task.done():
            actor.cancelled += 1
            actor.task.cancel()

    async def play(self) -> None:
        """All of it, from the first caller to the last look."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.wrong.append(str(context["message"])))
        async with self.client:
            tasks = [self._start() for _ in range(self.rng.randint(2, 9))]
            if self.rng.random() < 0.3:
                tasks.append(asyncio.create_task(self._close_and_enter()))
            _, late = await asyncio.wait(tasks, timeout=_LONG)
            if late:
                self.wrong.append(f"{len(late)} of {len(tasks)} tasks never end")
                return
            self._look_at_actors()
            self._look_at_rest()
            await self._look_up_later()
        self._look_at_end()

    def _start(self) -> "asyncio.Task[None]":
        rng = self.rng
        limit = rng.choice([None, 0.3, 2.0, 15.0])
        actor = _Actor(limit)
        work = rng.choice([self._lookups, self._stream, self._stream, self._list])
        actor.task = asyncio.create_task(self._act(actor, work, rng.uniform(0, 3)))
        self.actors.append(actor)
        return asyncio.create_task(self._disturb(actor))

    async def _act(self, actor: _Actor, work: Any, after: float) -> None:
        await asyncio.sleep(after)
        scope = self.rng.random() < 0.25
        limit = self.rng.uniform(0, 6) if scope else math.inf
        with suppress(AuthenticationError, RuntimeError, LookupError):
            with anyio.move_on_after(limit) as scoped:
                try:
                    await work(actor)
                finally:
                    # Now, and not when the garbage is collected.
                    if actor.open:
                        self.wrong.append("a source was not closed")
            actor.cancelled += scoped.cancelled_caught

    async def _disturb(self, actor: _Actor) -> None:
        """Cancel it never, once, or again and again."""
        task = actor.task
        assert task is not None  # noqa: S101 - it has been started
        times = self.rng.choice([0, 0, 1, 2, 3])
        if times:
            await asyncio.wait({task}, timeout=self.rng.uniform(0, 8))
        for _ in range(times):
            self._cancel(actor)
            for _ in range(self.rng.choice([0, 1, 2, 5])):
                await asyncio.sleep(0)
            await asyncio.sleep(self.rng.choice([0, 0, 0.01]))
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            self.wrong.append(f"an actor ended with {task.exception()!r}")

    def _queries(self, actor: _Actor) -> Iterator[Query]:
        fails = self.rng.random() < 0.2
        count = self.rng.randint(1, 40)
        for _ in range(count):
            number = self.rng.randint(0, 60)
            actor.read.append(number)
            yield Query(Identifier.mobile(f"9190{number:08d}"))
        if fails:
            raise LookupError(_SOURCE_ERROR)

    async def _later(self, actor: _Actor) -> AsyncIterator[Query]:
        actor.open += 1
        try:
            for query in self._queries(actor):
                yield query
                await asyncio.sleep(self.rng.choice([0, 0, 0.01, 0.2]))
        finally:
            try:
                await asyncio.sleep(0)
            finally:
                # A cancellation may come while a source that is used up closes itself.
                actor.open -= 1

    async def _lookups(self, actor: _Actor) -> None:
        for query in list(self._queries(_Actor(None)))[: self.rng.randint(1, 5)]:
            actor.seen.append(await self.client.lookup(query, timeout=actor.limit))

    async def _stream(self, actor: _Actor) -> None:
        rng = self.rng
        source = self._later(actor) if rng.random() < 0.5 else self._queries(actor)
        taken = rng.choice([math.inf, math.inf, 7])
        stream = self.client.stream(
            source,
            ordered=rng.random() < 0.5,
            in_flight=rng.choice([None, 1, 3, 20]),
            timeout=actor.limit,
            share=rng.choice([None, None, 0.1, 0.6]),
        )
        async with stream as outcomes:
            try:
                async for outcome in outcomes:
                    actor.seen.append(outcome)
                    await asyncio.sleep(rng.choice([0, 0, 0.05]))
                    if len(actor.seen) >= taken:
                        return
                actor.whole = True
            except LookupError:
                actor.whole = True
                raise

    async def _list(self, actor: _Actor) -> None:
        actor.limit = None
        actor.seen = await self.client.lookup_all(self._later(actor))
        actor.whole = True

    async def _close_and_enter(self) -> None:
        """Close the client under all of them, perhaps cancelled meanwhile, and enter it again."""
        await asyncio.sleep(self.rng.uniform(0, 5))
        closing = asyncio.create_task(self.client.aclose(self.rng.choice([0.0, 0.5, 5.0])))
        if self.rng.random() < 0.5:
            await asyncio.wait({closing}, timeout=self.rng.uniform(0, 1))
            for _ in range(2):
                closing.cancel()
                await asyncio.sleep(0)
        await asyncio.wait({closing})
        await self.client.__aenter__()

    def _look_at_actors(self) -> None:
        for actor in self.actors:
            seen = Counter(int(outcome.query.identifier.value[-8:]) for outcome in actor.seen)
            if actor.whole and seen != Counter(actor.read):
                self.wrong.append(f"a stream read {len(actor.read)} and ended {seen.total()}")
            if actor.read and seen - Counter(actor.read):
                self.wrong.append("a stream doubled an outcome")
            for outcome in actor.seen:
                if actor.limit is not None and outcome.elapsed > actor.limit + _LATE:
                    self.wrong.append(f"an ending {outcome.elapsed - actor.limit:.3f} s late")

    def _look_at_rest(self) -> None:
        """Places, slots, turns and shared calls, when nothing is looked up."""
        client = self.client
        for credential in client._pool.all:  # noqa: SLF001 - it cannot be seen from outside
            pace: Any = credential.pace
            state = pace.state()
            if (state.in_flight, state.waiting) != (0, 0):
                self.wrong.append(f"in flight or waiting: {state}")
        if client._single_flight._calls or client._single_flight._tasks:  # noqa: SLF001
            self.wrong.append("a shared call is left")
        if self.server.under_way:
            self.wrong.append("a request is left")

    async def _look_up_later(self) -> None:
        """When the server is well again, every place of every credential is there."""
        self.server.faulty, self.server.takes = False, 0.0
        await asyncio.sleep(1_000.0)
        queries = [Query(Identifier.mobile(f"9191{number:08d}")) for number in range(30)]
        with suppress(AuthenticationError):
            # Refused earlier: it is asked for again from then on.
            await self.client.lookup(queries[0], timeout=math.inf)
        await asyncio.sleep(1_000.0)
        later = asyncio.create_task(self.client.lookup_all(queries))
        await asyncio.wait({later}, timeout=_LONG)
        if not later.done():
            self.wrong.append("later lookups never end")
        elif later.exception() is not None:
            self.wrong.append(f"later lookups fail with {later.exception()!r}")
        else:
            endings = Counter(outcome.ending for outcome in later.result())
            if endings != {"found": 30}:
                self.wrong.append(f"later lookups end as {dict(endings)}")

    def _look_at_end(self) -> None:
        if asyncio.all_tasks() - {asyncio.current_task()}:
            self.wrong.append("a task is left")
        if not self.server.closed:
            self.wrong.append("the sessions were not closed")
        for arrivals in self.server.arrivals.values():
            most = _busiest(arrivals, self.rate.per)
            if most > self.rate.requests:
                self.wrong.append(f"{most} requests in a window of {self.rate}")


def _busiest(times: Iterable[float], per: float) -> int:
    # A request that comes as one leaves the window is not in it; less than that is float dust.
    moments = sorted(times)
    return max(
        (bisect_right(moments, start + per - _DUST) - place for place, start in enumerate(moments)),
        default=0,
    )


def play(seed: int) -> Played:
    """Play one scene."""

    async def main() -> Played:
        # The client's own draws, for the times between attempts.
        random.seed(seed)
        scene = _Scene(seed)
        await scene.play()
        if seed % 16 == 0:
            # What was lost with an error that was never looked at is complained of here.
            gc.collect()
        requests = sum(map(len, scene.server.arrivals.values()))
        return Played(seed, requests, tuple(scene.wrong))

    return run_without_waiting(main())
