"""Many lookups, for a thread that iterates over them."""

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from capillary_interactions import (
    AuthenticationError,
    ConfigurationError,
    Identifier,
    Outcome,
    Query,
    Rejected,
)
from capillary_interactions._protocol.messages import Request, Response
from tests.fakes import Reply, Server, asked, customer, customers
from tests.tables import table

from .clients import InThread, client_of, has_running_loop, interrupted_when, until


class Source:
    """Customers without end, and where they were read.

    Attributes:
        read: How many.
        threads: By which threads.
        in_loop: Whether an event loop ran there.
        closed: Whether it was closed.
    """

    def __init__(self) -> None:
        self.read = 0
        self.threads: set[int] = set()
        self.in_loop = False
        self.closed = False

    def __iter__(self) -> Iterator[int]:
        try:
            for number in itertools.count():
                self.read += 1
                self._look()
                yield number
        finally:
            self.closed = True

    def key(self, number: int) -> Identifier:
        """The customer of an item."""
        self._look()
        return customer(number)

    def _look(self) -> None:
        self.threads.add(threading.get_ident())
        self.in_loop = self.in_loop or has_running_loop()


def test_gives_every_outcome_with_its_item() -> None:
    """In the order of the source where that is asked for, else as they end."""

    def answer(request: Request) -> Reply:
        # The first of each two is overtaken by the second.
        server.takes = 0.0 if int(asked(request)["mobile"]) % 2 else 0.02
        return {"interaction": []}

    server, items = Server(answer), list(range(150))
    with client_of(server) as client:
        for ordered in (True, False):
            stream = client.stream(items, key=customer, ordered=ordered)
            outcomes = list(stream)
            assert [outcome.query.identifier for outcome in outcomes] == [
                customer(outcome.item) for outcome in outcomes
            ]
            numbers = [outcome.item for outcome in outcomes]
            assert (numbers == items) is ordered
            assert sorted(numbers) == items
            assert list(stream) == []


def test_reads_its_source_in_the_thread_that_iterates() -> None:
    """A cursor, a session or a lazy field belongs to that thread; no event loop runs there."""
    source, server = Source(), Server()
    with client_of(server) as client:
        stream = client.stream(source, key=source.key)
        for _ in itertools.islice(stream, 200):
            pass
        stream.close()
    assert source.threads == {threading.get_ident()}
    assert not source.in_loop


def test_holds_a_bounded_number_of_items() -> None:
    """What was read and not taken is twice what is under way at once, however slow the reader."""
    source, server = Source(), Server()
    with client_of(server) as client, client.stream(source, key=customer, in_flight=4) as stream:
        for taken in range(1, 40):
            next(stream)
            until(lambda: server.under_way == 0)
            assert source.read - taken <= 8
    assert server.most <= 4


def test_keeps_lookups_under_way() -> None:
    """As many as it may, while the thread waits for the first of them."""
    server = Server(takes=0.01)
    with client_of(server) as client:
        assert len(list(client.stream(customers(32), in_flight=8))) == 32
    assert server.most == 8


def test_yields_what_is_ready_before_it_reads_on() -> None:
    """A source that waits delays no outcome that was there before it was asked."""
    server = Server()

    def source() -> Iterator[Identifier]:
        yield customer(0)
        until(lambda: server.requests and server.under_way == 0)
        yield customer(1)
        until(lambda: len(taken) == 1)
        yield customer(2)

    taken: list[Outcome] = []
    with client_of(server) as client:
        taken.extend(client.stream(source()))
    assert len(taken) == 3


def failing(error: BaseException, after: int = 3) -> Iterator[Identifier]:
    """A source that fails."""
    yield from map(customer, range(after))
    raise error


@table("error", [OSError("the cursor was lost"), StopAsyncIteration(), ValueError("none")])
def test_raises_the_sources_error_after_what_was_read(error: Exception) -> None:
    """Bare, from the line of the source; likewise that of `key`."""
    taken: list[Outcome] = []
    with client_of(Server()) as client:
        stream = client.stream(failing(error))
        with pytest.raises((type(error), RuntimeError)) as caught:
            taken.extend(stream)
        assert list(stream) == []
    assert len(taken) == 3
    assert error in (caught.value, caught.value.__cause__)


def test_raises_the_error_of_key() -> None:
    """After what was read before; a mobile that is none is one customer's rejection."""

    def key(item: str) -> Query | Identifier:
        if item == "broken":
            raise KeyError(item)
        return Identifier.mobile(item)

    taken: list[Outcome] = []
    items = ["1", "n/a", "2", "broken", "3"]
    with client_of(Server()) as client, pytest.raises(KeyError):
        taken.extend(client.stream(items, key=key, ordered=True))
    assert [outcome.ending for outcome in taken] == ["found", "rejected", "found"]
    assert isinstance(taken[1], Rejected)
    assert taken[1].item == "n/a"


def test_raises_what_stops_a_stream() -> None:
    """Credentials that are refused, from inside the loop; what follows is the end."""
    source = Source()
    with client_of(Server(lambda _: 401)) as client:
        stream = client.stream(source, key=customer)
        with pytest.raises(AuthenticationError):
            list(stream)
        assert list(stream) == []


def test_refuses_what_it_cannot_read() -> None:
    """At the call, not in the loop."""

    async def asynchronous() -> AsyncIterator[Identifier]:
        yield customer()

    wrong: Any = asynchronous()
    nothing: Any = None
    with client_of(Server()) as client:
        with pytest.raises(TypeError, match="not an asynchronous one"):
            client.stream(wrong)
        with pytest.raises(TypeError, match="not iterable"):
            client.stream(nothing)
        with pytest.raises(ConfigurationError, match="in_flight"):
            client.stream([], in_flight=0)
        with pytest.raises(ConfigurationError, match="share"):
            client.stream([], share=2.0)


class OneAnswer(Server):
    """A server that answers the first request only."""

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Answer, or take a minute."""
        if self.requests:
            self.under_way += 1
            try:
                await asyncio.sleep(60.0)
            finally:
                self.under_way -= 1
        return await super().send(request, timeout=timeout)


def left_by(how: str, server: Server, source: Source) -> None:
    """Take an outcome, and leave."""
    with client_of(server, in_flight=8) as client:
        stream = client.stream(source, key=customer)
        next(stream)
        until(lambda: server.under_way > 0)
        match how:
            case "close":
                stream.close()
                stream.close()
                assert server.under_way == 0
                assert source.closed
            case "with":
                with suppress(OSError), stream:
                    raise OSError
                assert server.under_way == 0
            case "collected":
                del stream
                gc.collect()
                until(lambda: server.under_way == 0)
            case "another thread":
                reading = InThread(lambda: list(stream))
                stream.close()
                assert reading.result() == []
            case "client":
                client.close()
                with pytest.raises(RuntimeError, match="closed while the stream was read"):
                    list(stream)
    assert server.under_way == 0


@table("how", ["close", "with", "collected", "another thread", "client"])
def test_cancels_its_lookups_when_it_is_left(how: str) -> None:
    """However it is left, nothing stays under way, and its source is let go."""
    # Time to read more of the source: that is done only while the first outcome is waited for.
    source, server = Source(), OneAnswer(takes=0.02)
    left_by(how, server, source)
    gc.collect()
    assert source.closed


def test_is_read_by_one_thread_at_a_time() -> None:
    """A second one is refused, and the first gets all the same; one after the other may read."""
    server = OneAnswer()
    with client_of(server) as client:
        stream = client.stream(customers(4))
        assert InThread(lambda: next(stream)).result().ending == "found"
        reading = InThread(lambda: list(stream))
        until(stream._iterating.locked)
        with pytest.raises(RuntimeError, match="another thread iterates"):
            next(stream)
        stream.close()
        assert reading.result() == []


def test_is_cancelled_by_ctrl_c() -> None:
    """While it waits for an outcome, and while its source waits."""
    server = Server(takes=60.0)
    waits = threading.Event()

    def source() -> Iterator[Identifier]:
        yield customer()
        waits.set()
        threading.Event().wait(10)
        yield customer(1)

    with client_of(server) as client:
        stream = client.stream(customers(100), in_flight=4)
        with pytest.raises(KeyboardInterrupt), interrupted_when(lambda: server.under_way == 4):
            next(stream)
        assert server.under_way == 0
        assert list(stream) == []
        with pytest.raises(KeyboardInterrupt), interrupted_when(waits.is_set):
            list(client.stream(source()))
        assert server.under_way == 0


def test_gives_a_short_list_whole() -> None:
    """In its order, with all the reasons, where a stream would stop for a wrong setting."""
    refusal: Reply = {"errors": [{"status": False, "code": 8001, "message": "Invalid source"}]}
    with client_of(Server(lambda _: refusal)) as client:
        outcomes = client.lookup_all(customer(number) for number in range(20))
    assert [outcome.query.identifier for outcome in outcomes] == list(map(customer, range(20)))
    assert all(isinstance(each, Rejected) and "(8001)" in each.reason for each in outcomes)
