"""Left by a second cancellation, by anyio's scopes, by errors of any class: nothing remains."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest

from capillary_interactions import (
    BasicAuth,
    Identifier,
    InteractionsClient,
    Outcome,
    RateLimit,
)
from capillary_interactions._client.cleanup import finish, wait_until_done
from capillary_interactions._client.fan_out import FanOut
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._protocol.messages import Request
from capillary_interactions.integrations.web import serving
from capillary_interactions.testing import run_without_waiting
from tests.fakes import Reply, Server, customer, customers, each, in_turn, now, others, settings
from tests.tables import table


class StopEverythingError(BaseException):
    """An error that `except Exception` lets through, as pytest's own are."""


BARE = [
    pytest.fail.Exception,
    StopEverythingError,
    GeneratorExit,
    KeyboardInterrupt,
    SystemExit,
    asyncio.CancelledError,
    LookupError,
    StopAsyncIteration,
]
# What the iterator protocols have for the end is not the end where a called function raises it.
RAISED: dict[type[BaseException], type[BaseException]] = {StopAsyncIteration: RuntimeError}


class Left:
    """A client, a stream, and a source that takes its time to be closed."""

    def __init__(self, takes: float = 0.05) -> None:
        self.server = Server(takes=takes)
        self.began = False
        self.closed = False

    async def source(self) -> AsyncIterator[Identifier]:
        """Customers without end."""
        self.began = True
        try:
            for number in itertools.count():
                await asyncio.sleep(0.003)
                yield customer(number)
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.closed = True

    def gone(self) -> bool:
        """Whether everything has been let go of."""
        return self.closed == self.began and not self.server.under_way and not others()


async def _by_stream(left: Left) -> None:
    client = InteractionsClient(settings(rate="500/1"), transport=left.server)
    async with client, client.stream(left.source()) as outcomes:
        async for _ in outcomes:
            pass


async def _by_lookup_all(left: Left) -> None:
    async with InteractionsClient(settings(rate="500/1"), transport=left.server) as client:
        await client.lookup_all(left.source())


async def _by_serving(left: Left) -> None:
    async with (
        serving(settings(rate="500/1"), transport=left.server, drain=3.0) as client,
        client.stream(left.source(), share=0.5) as outcomes,
    ):
        async for _ in outcomes:
            pass


async def _by_draining(left: Left) -> None:
    left.began = left.closed = True
    left.server.takes = 5.0
    client = InteractionsClient(settings(), transport=left.server)
    lookup = asyncio.ensure_future(client.lookup(customer()))
    await asyncio.sleep(0)
    try:
        await client.aclose(drain=3.0)
    finally:
        assert lookup.done() or left.server.closed
        await asyncio.gather(lookup, return_exceptions=True)


WAYS = [_by_stream, _by_lookup_all, _by_serving, _by_draining]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
async def test_is_clean_though_it_was_cancelled_twice(
    way: Callable[[Left], Awaitable[None]], turns: int
) -> None:
    """A second cancellation, some turns of the loop later, leaves no clean-up half done."""
    left = Left()
    leaving = asyncio.ensure_future(way(left))
    await asyncio.sleep(0.4)
    leaving.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    assert leaving.cancelled()
    assert left.gone()
    assert left.server.closed


@pytest.mark.parametrize("way", WAYS)
async def test_is_clean_though_it_was_left_by_a_scope(
    way: Callable[[Left], Awaitable[None]],
) -> None:
    """Such a scope cancels again in each turn of the loop, until its scope is left."""
    left = Left()
    with anyio.move_on_after(0.4) as scope:
        await way(left)
    assert scope.cancelled_caught
    assert left.gone()
    assert left.server.closed


async def test_is_clean_in_a_task_group_that_fails() -> None:
    """One task's error cancels the other one in anyio's group, and comes out alone."""
    left = Left()

    async def fail() -> None:
        await asyncio.sleep(0.4)
        raise LookupError

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_by_stream, left)
            group.start_soon(fail)

    with pytest.raises(ExceptionGroup) as raised:
        await both()
    assert raised.group_contains(LookupError)
    assert left.gone()
    assert left.server.closed


class Closing:
    """Something that is closed, perhaps not without an error."""

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.error = error
        self.closed = False

    async def aclose(self) -> None:
        """Remember, and fail if it shall."""
        self.closed = True
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("failing", range(3))
async def test_closes_the_rest_though_one_step_fails(failing: int) -> None:
    """What cannot be closed is raised; sessions and tokens beside it are let go of all the same."""
    steps = [Closing(LookupError if number == failing else None) for number in range(3)]
    client = InteractionsClient(
        settings(auth=[BasicAuth(name, "b") for name in "xy"]), transport=Server()
    )
    client._transport = steps[0]  # type: ignore[assignment]
    for credential, step in zip(client._pool.all, steps[1:], strict=True):
        credential.auth = step  # type: ignore[assignment]
    with pytest.raises(LookupError):
        await client.aclose()
    assert all(step.closed for step in steps)


def _raiser(error: type[BaseException], at: int) -> Callable[[Any], Any]:
    """A function that raises at one item."""

    def call(item: int) -> Identifier:
        if item == at:
            raise error
        return customer(item)

    return call


def _iterated(error: type[BaseException], at: int) -> Iterator[Identifier]:
    return map(_raiser(error, at), range(20))


async def _iterated_later(error: type[BaseException], at: int) -> AsyncIterator[Identifier]:
    call = _raiser(error, at)
    for item in range(20):
        await asyncio.sleep(0.001)
        yield call(item)


@table("where", ["source", "later", "key"])
@table("at", [0, 1, 7, 19])
@table("error", BARE)
def test_raises_an_error_of_any_class_after_what_was_read(
    error: type[BaseException], at: int, where: str
) -> None:
    """A stream whose source or key fails never looks complete, whatever the error's class."""
    seen: list[Outcome] = []
    sources: dict[str, Any] = {"source": _iterated, "later": _iterated_later}
    source = sources[where](error, at) if where in sources else range(20)

    async def read() -> type[BaseException] | None:
        options: dict[str, Any] = {"key": _raiser(error, at)} if where == "key" else {}
        client = InteractionsClient(settings(), transport=Server(takes=0.01))
        async with client:
            try:
                await each(client.stream(source, in_flight=3, **options), seen.append)
            except BaseException as exc:  # noqa: BLE001 - it is what is looked at
                return type(exc)
            finally:
                assert not others()
        return None

    assert run_without_waiting(read()) is RAISED.get(error, error)
    assert len(seen) == at


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("error", [*BARE[:3], asyncio.CancelledError, StopAsyncIteration])
async def test_raises_an_error_of_any_class_from_the_transport(
    error: type[BaseException], ordered: bool
) -> None:
    """Out of the lookup, and out of a stream that then does not look complete."""

    def answer(request: Request) -> Reply:
        return error() if request.url.endswith("07") else 404

    async with InteractionsClient(settings(), transport=Server(answer)) as client:
        seen: list[Outcome] = []
        stream = client.stream(customers(30), ordered=ordered, in_flight=2)
        if error is asyncio.CancelledError:
            # Of one request: no lookup is cancelled by it.
            await each(stream, seen.append)
            assert len(seen) == 30
        else:
            with pytest.raises(RAISED.get(error, error)):
                await each(stream, seen.append)
            assert len(seen) < 30
        assert not others()
        assert client.snapshot().in_flight == 0
        assert (await client.lookup(customer(1))).ending != "unavailable"


@pytest.mark.parametrize("error", BARE[:3])
async def test_frees_its_place_though_an_observer_raises_an_error_of_any_class(
    error: type[BaseException],
) -> None:
    """At any event: the error comes out, and the next lookups have all their places."""
    for at in range(12):
        count = itertools.count()

        def observe(_: object, at: int = at, count: Iterator[int] = count) -> None:
            if next(count) == at:
                raise error

        server = Server(in_turn(429, 503, then=400))
        config = settings(in_flight=1)
        async with InteractionsClient(config, transport=server, observers=[observe]) as client:
            await asyncio.gather(client.lookup(customer(1)), return_exceptions=True)
            assert (await client.lookup(customer(2))).ending == "rejected"
            assert client.snapshot().in_flight == 0
            assert not others()


@pytest.mark.parametrize("error", BARE[:3])
async def test_raises_an_error_of_any_class_from_a_pace(error: type[BaseException]) -> None:
    """A pace of the caller's own that fails ends the stream with its error."""
    count = itertools.count()

    class Failing(LocalPace):
        def release(self) -> None:
            super().release()
            if next(count) == 5:
                raise error

    pace = Failing(RateLimit(1000, 1), max_in_flight=10)
    config = settings(auth=BasicAuth("a", "b"))
    async with InteractionsClient(config, transport=Server(), pace=pace) as client:
        seen: list[Outcome] = []
        with pytest.raises(error):
            await each(client.stream(customers(30), in_flight=2), seen.append)
        assert len(seen) < 30
        assert not others()


async def test_raises_what_came_as_the_stream_was_left() -> None:
    """Ctrl-C in the source, just as the loop is left: it is not swallowed."""

    async def source() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise StopEverythingError from None

    async def leave() -> None:
        async with FanOut(asyncio.sleep, source(), prepare=float, concurrency=2) as fan:
            await anext(fan)

    with pytest.raises(StopEverythingError):
        await leave()
    assert not others()


async def test_does_not_look_complete_where_its_workers_were_cancelled() -> None:
    """By a program that cancels every task it finds, say."""
    stream = FanOut(asyncio.sleep, range(1000), prepare=lambda _: 0.1, concurrency=3)

    async def cancel_all() -> None:
        await asyncio.sleep(0.5)
        for task in others() - {reader}:
            task.cancel()

    async def read() -> None:
        async with stream as results:
            async for _ in results:
                pass

    reader = asyncio.ensure_future(read())
    await cancel_all()
    await asyncio.wait({reader})
    assert reader.cancelled()
    assert not others()


async def test_loses_nothing_where_taking_is_timed() -> None:
    """`asyncio.timeout` around each step of the loop: every outcome comes, once."""
    async with (
        InteractionsClient(settings(rate="10/1"), transport=Server()) as client,
        client.stream(customers(30)) as outcomes,
    ):
        seen: list[Outcome] = []
        while len(seen) < 30:
            try:
                async with asyncio.timeout(0.03):
                    seen.append(await anext(outcomes))
            except TimeoutError:
                continue
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
    assert len({outcome.query.identifier.value for outcome in seen}) == 30


async def test_is_closed_when_a_generator_around_it_is_thrown_away() -> None:
    """An application's generator over a stream, dropped in the middle, leaves nothing."""
    left = Left()

    async def answers(client: InteractionsClient) -> AsyncIterator[str]:
        async with client.stream(left.source()) as outcomes:
            async for outcome in outcomes:
                yield outcome.ending

    async with InteractionsClient(settings(), transport=left.server) as client:
        generator = answers(client)
        assert await anext(generator) == "found"
        del generator
        await asyncio.sleep(0.1)
        assert left.gone()


async def test_finishes_with_the_error_of_the_clean_up_as_the_cause() -> None:
    """Cancelled and failed: the cancellation is what is raised, and the error is not lost."""

    async def fail() -> None:
        await asyncio.sleep(1)
        raise LookupError

    cleaning = asyncio.ensure_future(finish(fail()))
    await asyncio.sleep(0.5)
    cleaning.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await cleaning
    assert isinstance(raised.value.__cause__, LookupError)
    assert now() == 1
    with pytest.raises(LookupError):
        await finish(fail())


async def test_waits_for_tasks_that_end_as_it_is_cancelled() -> None:
    """In the same turn of the loop, too: the cancellation is raised."""
    task = asyncio.ensure_future(asyncio.sleep(1))
    waiting = asyncio.ensure_future(wait_until_done([task]))
    asyncio.get_running_loop().call_later(1, waiting.cancel)
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert task.done()


async def test_lets_a_source_close_itself_when_the_client_is_closed_under_it() -> None:
    """The client stops the reading, and then the stream is left: the source is cancelled once."""
    closed: list[bool] = []

    async def source() -> AsyncIterator[Identifier]:
        try:
            yield customer(1)
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            closed.append(True)

    client = InteractionsClient(settings(), transport=Server())
    async with client, client.stream(source()) as outcomes:
        await anext(outcomes)
        await asyncio.sleep(0)
        await client.aclose()
        await asyncio.sleep(0.5)
    assert closed == [True]
    assert not others()
