"""A lookup that joins a call under way: its priority, its position, and when it is refused.

All of it with single-flight, where lookups of the same customer share one call.
"""

import asyncio
from typing import Any, Self

import pytest

from capillary_interactions import (
    BasicAuth,
    InteractionsClient,
    Outcome,
    RateLimit,
    RetryPolicy,
    Timeouts,
    Unavailable,
)
from capillary_interactions._http.transport import StaleConnectionError
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import OPTIONAL
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, asked, customer, customers, in_turn, now, settings

TILLS = [BasicAuth("one", "x"), BasicAuth("two", "x")]


class PlainPace:
    """A pace of the caller's own, without the members that `complete_pace` adds."""

    def __init__(self, rate: str) -> None:
        requests, _, per = rate.partition("/")
        self._pace = LocalPace(RateLimit(int(requests), float(per)), max_in_flight=1000)

    async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
        """As the protocol has it."""
        await self._pace.acquire(deadline=deadline, interactive=interactive)

    def __getattr__(self, name: str) -> Any:
        if name in OPTIONAL:
            raise AttributeError(name)
        return getattr(self._pace, name)


def client_of(server: Server, **changes: Any) -> InteractionsClient:
    """A client of ten requests a second."""
    pace = changes.pop("pace", None)
    config = settings(**{"rate": "10/1", "timeouts": Timeouts(total=60.0), **changes})
    return InteractionsClient(config, transport=server, pace=pace)


class Stream:
    """A stream in the background, from its first request on."""

    def __init__(self, client: InteractionsClient, count: int, **options: Any) -> None:
        self.outcomes: list[Outcome] = []
        self._task = asyncio.ensure_future(self._read(client, count, options))

    async def _read(self, client: InteractionsClient, count: int, options: dict[str, Any]) -> None:
        async with client.stream(customers(count), **options) as outcomes:
            async for outcome in outcomes:
                self.outcomes.append(outcome)

    async def __aenter__(self) -> Self:
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def _timed(client: InteractionsClient, number: int, limit: float) -> tuple[str, Any]:
    """The ending of a lookup, and how long it took."""
    began = now()
    outcome = await client.lookup(customer(number), timeout=limit)
    return outcome.ending, now() - began


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {}),
        ({}, {"share": 0.1}),
        ({}, {"share": 0.001}),
        ({"auth": TILLS}, {"share": 0.05}),
        ({"auth": TILLS}, {}),
        ({"pace": "10/1"}, {}),
        ({"pace": "10/1"}, {"share": 0.01}),
        ({}, {"timeout": 100.0}),
    ],
)
async def test_overtakes_the_stream_whose_call_it_joins(
    changes: dict[str, Any], options: dict[str, Any]
) -> None:
    """A customer who waits in a stream's queue is found as soon as any other one."""
    if "pace" in changes:
        changes = {"pace": PlainPace(changes["pace"])}
    server = Server()
    async with (
        client_of(server, **changes) as client,
        Stream(client, 300, in_flight=200, **options),
    ):
        for number in (150, 199, 120):
            ending, took = await _timed(client, number, 5.0)
            assert (ending, took) == ("found", pytest.approx(0.1, abs=0.15))
        assert len(server.requests) < 25


async def test_keeps_a_place_in_the_stream_that_comes_sooner() -> None:
    """Behind a hundred lookups, the stream's next item is better left where it is."""
    server = Server()
    async with client_of(server) as client, Stream(client, 40, in_flight=40):
        crowd = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(100, 200)]
        await asyncio.sleep(0)
        first = next(n for n in range(40) if f"{n:08d}" not in str(_arrived(server)))
        ending, took = await _timed(client, first, 20.0)
        assert ending == "found"
        assert took < 1.2
        await asyncio.gather(*crowd)


def _arrived(server: Server) -> list[str]:
    return [asked(request)["mobile"][-8:] for request in server.requests]


async def test_overtakes_no_lookup_that_asked_before_it() -> None:
    """Joining is arriving: those who waited already go first, those who come later do not."""
    server = Server()
    async with client_of(server) as client, Stream(client, 200, in_flight=150):
        before = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(300, 310)]
        await asyncio.sleep(0)
        joined = asyncio.ensure_future(client.lookup(customer(140)))
        await asyncio.sleep(0)
        after = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(400, 410)]
        await asyncio.gather(*before, joined, *after)
        lookups = [n for n in map(int, _arrived(server)) if n >= 300 or n == 140]
        assert lookups == [*range(300, 310), 140, *range(400, 410)]


async def test_stays_urgent_though_the_person_leaves() -> None:
    """The last caller to join may be cancelled: the stream loses and doubles nothing."""
    server = Server()
    async with client_of(server) as client, Stream(client, 60, in_flight=60) as stream:
        for number in (40, 41, 42):
            person = asyncio.ensure_future(client.lookup(customer(number), timeout=3.0))
            await asyncio.sleep(0.02)
            person.cancel()
            await asyncio.wait({person})
        await asyncio.sleep(10)
        assert sorted(map(int, _arrived(server))) == list(range(60))
        assert len(stream.outcomes) == 60


async def test_keeps_its_place_when_its_first_caller_is_refused() -> None:
    """A cool-down makes the first one's deadline impossible; the second one is not sent behind."""
    server = Server(in_turn(Response(status=429, headers={"retry-after": "14"})), takes=0.05)
    retry = RetryPolicy(attempts=1)
    async with client_of(server, retry=retry) as client:
        throttled = asyncio.ensure_future(client.lookup(customer(999)))
        await asyncio.sleep(0)
        first = asyncio.ensure_future(_timed(client, 1, 5.0))
        second = asyncio.ensure_future(_timed(client, 1, 120.0))
        await asyncio.sleep(0)
        behind = [asyncio.ensure_future(client.lookup(customer(n), 120)) for n in range(10, 70)]
        assert await first == ("unavailable", pytest.approx(0.05, abs=0.06))
        ending, took = await second
        assert (ending, took) == ("found", pytest.approx(14.2, abs=0.3))
        await asyncio.gather(throttled, *behind)


@pytest.mark.parametrize("limit", [None, 500.0])
async def test_is_refused_at_once_in_a_cool_down(limit: float | None) -> None:
    """A lookup that joins what waits for the end of a pause cannot make it: it ends now."""
    server = Server(in_turn(Response(status=429, headers={"retry-after": "300"})))
    async with client_of(server) as client, Stream(client, 30, in_flight=30, timeout=limit):
        await asyncio.sleep(0.3)
        assert client.snapshot().cool_down > 200
        for number in (20, 21):
            outcome = await client.lookup(customer(number), timeout=5.0)
            assert isinstance(outcome, Unavailable)
            assert "deadline comes before a slot" in outcome.reason
            assert outcome.retry_after == pytest.approx(300, abs=5)
            assert outcome.elapsed < 0.01
        assert (await _timed(client, 22, 400.0))[0] == "found"


async def test_is_refused_at_once_where_the_outlook_darkens_for_it_alone() -> None:
    """Of three who share a call, a pause ends the one who cannot wait for its end, at once."""
    server = Server(in_turn(then=interactions()), takes=0.0)
    async with client_of(server, rate="1/1") as client:
        pace = client._pool.all[0].pace
        await client.lookup(customer(99))
        waiting = [asyncio.ensure_future(_timed(client, 1, limit)) for limit in (3.0, 20.0, 8.0)]
        await asyncio.sleep(0.5)
        pace.throttled(now(), 10.0)
        await asyncio.sleep(0.01)
        assert [task.done() for task in waiting] == [True, False, True]
        assert (await waiting[1])[0] == "found"
        assert len(server.requests) == 2


async def test_ends_a_streams_back_off_for_a_person() -> None:
    """A lookup that joins between two attempts of a stream has the next one made at once."""
    policy = RetryPolicy(attempts=3, wait_initial=30.0)
    refusals = {customer(0).value: 1}

    def answer(request: Request) -> Reply:
        left = refusals.get(asked(request)["mobile"], 0)
        refusals[asked(request)["mobile"]] = left - 1
        return 503 if left > 0 else interactions()

    server = Server(answer)
    async with client_of(server, retry=policy) as client, Stream(client, 1):
        await asyncio.sleep(0.01)
        ending, took = await _timed(client, 0, 5.0)
    assert (ending, took) == ("found", pytest.approx(0.1, abs=0.15))


async def test_refuses_a_caller_at_once_who_joins_a_back_off_too_late_for_it() -> None:
    """Another person's next attempt comes after this one's deadline: it ends now."""
    hint = Response(status=503, headers={"retry-after": "30"})
    server = Server(in_turn(hint))
    async with client_of(server, retry=RetryPolicy(wait_initial=0.01)) as client:
        hurried = asyncio.ensure_future(_timed(client, 1, 40.0))
        short = asyncio.ensure_future(_timed(client, 1, 10.0))
        await asyncio.sleep(0.01)
        assert await short == ("unavailable", pytest.approx(0.0, abs=0.01))
        assert await _timed(client, 1, 5.0) == ("unavailable", pytest.approx(0.0, abs=0.01))
        assert await _timed(client, 1, 60.0) == ("found", pytest.approx(30.0, abs=0.1))
        assert (await hurried)[0] == "found"
    assert len(server.requests) == 2


async def test_frees_of_a_ration_what_another_stream_wants_without_one() -> None:
    """A stream with a tiny share holds up nothing of one that has none."""
    server = Server()
    async with (
        client_of(server) as client,
        Stream(client, 20, share=0.001, in_flight=20),
        client.stream(customers(20), in_flight=20) as outcomes,
    ):
        assert len([outcome async for outcome in outcomes]) == 20
        assert now() < 3


async def test_keeps_to_the_larger_of_two_rations() -> None:
    """Of two streams that want the same, the one with the larger share decides."""
    server = Server()
    async with (
        client_of(server) as client,
        Stream(client, 20, share=0.001, in_flight=20),
        client.stream(customers(20), share=0.5, in_flight=20) as outcomes,
    ):
        assert len([outcome async for outcome in outcomes]) == 20
        assert 3 < now() < 5


@pytest.mark.parametrize("share", [None, 0.5])
async def test_keeps_the_order_when_a_credential_pauses(share: float | None) -> None:
    """Those who go over to the other credential go between those who wait there, by their turn."""

    def answer(request: Request) -> Reply:
        if request.credential == 0 and now() > 1.0:
            return Response(status=429, headers={"retry-after": "100"})
        return interactions()

    server = Server(answer)
    async with client_of(
        server, auth=TILLS, in_flight=1000, retry=RetryPolicy(attempts=2)
    ) as client:
        async with client.stream(customers(100), in_flight=60, share=share) as outcomes:
            order = [int(one.query.identifier.value[-4:]) async for one in outcomes]
        late = [n for place, n in enumerate(order) if abs(place - n) > 6]
        assert len(order) == 100
        assert len(late) <= 2  # those that were refused themselves, and tried again


async def test_has_the_place_of_its_asking_again_after_a_void_turn() -> None:
    """A connection that turned out to be closed sends no lookup to the end of a long queue."""
    stale = [True]

    def answer(request: Request) -> Reply:
        if asked(request)["mobile"] == customer(1).value and stale:
            stale.pop()
            return StaleConnectionError("closed")
        return interactions()

    async with client_of(Server(answer)) as client:
        first = asyncio.ensure_future(_timed(client, 1, 30.0))
        behind = [asyncio.ensure_future(client.lookup(customer(n))) for n in range(10, 70)]
        assert await first == ("found", pytest.approx(0.1, abs=0.15))
        await asyncio.gather(*behind)
