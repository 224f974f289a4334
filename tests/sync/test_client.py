"""One lookup, from any thread, and the client's beginning and end."""

import logging
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from capillary_interactions import (
    AuthenticationError,
    ConfigurationError,
    Found,
    Identifier,
    NotFound,
    Outcome,
    Query,
    Unavailable,
)
from capillary_interactions.events import Event, LookupBegan
from capillary_interactions.sync import InteractionsClient
from tests.fakes import Server, Watch, asked, busiest, customer, in_turn, settings
from tests.integrations.telemetry.recorded_telemetry import RecordedTelemetry
from tests.tables import table

from .clients import BlockedLoop, InThread, client_of, interrupted_when, until

UNKNOWN = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


def test_returns_the_outcome() -> None:
    """As the asynchronous client does, without waiting for an event loop to be made."""
    with client_of(Server(in_turn(UNKNOWN))) as client:
        assert isinstance(client.lookup(customer()), NotFound)
        assert isinstance(client.lookup(Query(customer(1), network="capillary")), Found)
        assert client.snapshot().endings["found"] == 1
        assert client.check().ok


async def test_blocks_a_running_event_loop() -> None:
    """In a coroutine, or a notebook, it is a call like any other."""
    server = Server(takes=0.001)
    with client_of(server) as client:
        assert isinstance(client.lookup(customer()), Found)
        assert len(client.lookup_all([customer(number) for number in range(20)])) == 20
        assert [outcome.ending for outcome in client.stream([customer()])] == ["found"]
    assert len(server.requests) == 22


def test_serves_many_threads_within_one_quota() -> None:
    """Nothing is lost or exchanged between them, and the server sees one pace."""
    server = Server(takes=0.05)
    with client_of(server, rate="20/0.2") as client, ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(client.lookup, map(customer, range(60))))
    assert [outcome.query.identifier for outcome in outcomes] == list(map(customer, range(60)))
    assert busiest(server.arrivals, 0.2) <= 20
    assert server.most > 1


def test_shares_a_request_between_threads() -> None:
    """Equal lookups at the same time are one request."""
    server = Server(takes=0.05)
    with client_of(server) as client:
        threads = [InThread(lambda: client.lookup(customer())) for _ in range(8)]
        assert [thread.result().ending for thread in threads] == ["found"] * 8
    assert len(server.requests) == 1


def test_has_one_thread_for_all_clients() -> None:
    """From the first call until the last client is closed."""
    clients = [client_of(Server()) for _ in range(3)]
    before = threading.active_count()
    for client in clients:
        client.lookup(customer())
    counts = [threading.active_count() - before]
    for client in clients:
        client.close()
        counts.append(threading.active_count() - before)
    assert counts == [1, 1, 1, 0]


def test_may_be_entered_again() -> None:
    """Closed is not for ever, in an event loop that is another one each time."""
    client = client_of(Server())
    for _ in range(3):
        with client:
            assert isinstance(client.lookup(customer()), Found)
    client.close()


@table(
    "use",
    [
        lambda client: client.lookup(customer()),
        lambda client: client.lookup_all([]),
        lambda client: client.stream([]),
    ],
)
def test_says_that_it_is_closed(use: Callable[[InteractionsClient], Any]) -> None:
    """And how to open it, in its own words."""
    client = client_of(Server())
    with client:
        client.lookup(customer())
    with pytest.raises(RuntimeError, match="closed; enter it again with `with`"):
        use(client)
    assert client.snapshot().endings["found"] == 1
    unused = client_of(Server())
    unused.close()
    with pytest.raises(RuntimeError, match="closed; enter it again with `with`"):
        use(unused)


def test_ends_lookups_of_other_threads_when_it_is_closed() -> None:
    """They return, as unavailable; with a drain they end as ever."""
    server = Server(takes=0.1)
    for drain, ending in ((0.0, "unavailable"), (5.0, "found")):
        client = client_of(server)
        threads = [
            InThread(lambda number=number: client.lookup(customer(number)))  # type: ignore[misc] # noqa: B023
            for number in range(4)
        ]
        until(lambda: server.under_way == 4)
        client.close(drain)
        assert {thread.result().ending for thread in threads} == {ending}
        assert server.under_way == 0


def test_closes_while_threads_begin_lookups() -> None:
    """Each of them ends, or is refused; none waits for ever."""
    for _ in range(20):
        client = client_of(Server())

        def look_up(number: int, client: InteractionsClient = client) -> str:
            try:
                return client.lookup(customer(number)).ending
            except RuntimeError as error:
                return str(error)

        with ThreadPoolExecutor(4) as threads:
            endings = [threads.submit(look_up, number) for number in range(12)]
            client.close()
            ended = {ending.result(10) for ending in endings}
        refusals = ended - {"found", "unavailable"}
        assert refusals <= {"the client is closed; enter it again with `with`"}


@pytest.mark.filterwarnings("default::ResourceWarning")
def test_is_closed_when_it_is_collected() -> None:
    """Late, with a warning, and without a thread that stays."""
    server = Server()
    clients = [client_of(server)]
    clients[0].lookup(customer())
    before = threading.active_count()
    with pytest.warns(ResourceWarning, match="never closed"):
        clients.clear()
    until(lambda: threading.active_count() < before)
    assert server.closed == 1


def test_holds_the_deadline_while_its_thread_is_late() -> None:
    """What the call waited for the loop's thread is part of its time."""
    blocked = BlockedLoop()
    server = Server(takes=0.01)
    with InteractionsClient(settings(), transport=server, observers=[blocked]) as client:
        first = InThread(lambda: client.lookup(customer()))
        blocked.blocked.wait(10)
        asking = threading.Event()

        def ask() -> Outcome:
            asking.set()
            return client.lookup(customer(1), timeout=0.05)

        late = InThread(ask)
        asking.wait(10)
        late.join(0.05)
        blocked.goes_on.set()
        assert isinstance(first.result(), Found)
        assert isinstance(late.result(), Unavailable)


def test_is_cancelled_by_ctrl_c() -> None:
    """The request ends, and with it the lookup; the client goes on."""
    server = Server(takes=60.0)
    with client_of(server) as client:
        with pytest.raises(KeyboardInterrupt), interrupted_when(lambda: server.under_way):
            client.lookup(customer(), timeout=120)
        assert server.under_way == 0
        assert client.snapshot().in_flight == 0
        server.takes = 0.0
        assert isinstance(client.lookup(customer()), Found)


def test_raises_in_the_callers_words() -> None:
    """The traceback leads from the caller to where it failed; each thread has its own error."""
    with client_of(Server(lambda _: 401), single_flight=True) as client:
        threads = [InThread(lambda: client.lookup(customer())) for _ in range(3)]
        for thread in threads:
            thread.join(10)
        assert len({id(thread.raised) for thread in threads}) == 3
        with pytest.raises(AuthenticationError) as caught:
            client.lookup(customer())
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[0] == "test_raises_in_the_callers_words"
    assert frames.index("lookup") < frames.index("_look_up")


def test_refuses_what_cannot_be_asked() -> None:
    """At the call, with the error of the asynchronous client."""
    wrong: Any = "919738522695"
    with client_of(Server()) as client:
        with pytest.raises(ConfigurationError, match="timeout must be a finite number"):
            client.lookup(customer(), timeout=-1)
        with pytest.raises(ValueError, match="a Query or an Identifier") as caught:
            client.lookup(wrong)
        with pytest.raises(ConfigurationError, match="drain must be"):
            client.close(-1.0)
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert wrong not in shown.replace(f"wrong = '{wrong}'", "")


def test_refuses_to_wait_for_itself() -> None:
    """An observer that looks up would wait for the thread that it blocks."""
    refusals: list[str] = []
    snapshots: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, LookupBegan):
            snapshots.append(client.snapshot().in_flight)
            for call in (lambda: client.lookup(customer(1)), client.close):
                with pytest.raises(RuntimeError) as caught:
                    call()
                refusals.append(str(caught.value))

    client = InteractionsClient(settings(), transport=Server(), observers=[observe])
    with client:
        assert isinstance(client.lookup(customer()), Found)
    assert len(snapshots) == 1
    assert len(refusals) == 2
    assert all("would wait for itself" in refusal for refusal in refusals)


def test_carries_the_context_over() -> None:
    """What the calling thread has in its context, such as a span, is seen by observers."""
    span: ContextVar[str] = ContextVar("span", default="none")
    seen: list[str] = []

    def look_up(name: str) -> None:
        span.set(name)
        client.lookup(customer())
        assert client.lookup_all([customer(1)])

    client = InteractionsClient(
        settings(), transport=Server(), observers=[lambda _: seen.append(span.get())]
    )
    with client:
        for name in ("a", "b"):
            copy_context().run(look_up, name)
    assert set(seen[: len(seen) // 2]) == {"a"}
    assert set(seen[len(seen) // 2 :]) == {"b"}


def test_traces_a_lookup_under_the_callers_span() -> None:
    """By OpenTelemetry, whose current span is a context variable of the calling thread."""
    recorded = RecordedTelemetry()
    tracer = recorded.tracers.get_tracer("a view")
    config = settings()
    client = InteractionsClient(config, transport=Server(), observers=[recorded.telemetry(config)])
    with client, tracer.start_as_current_span("request") as request:
        client.lookup(customer())
        assert [outcome.ending for outcome in client.stream([customer(1)])] == ["found"]
    assert isinstance(request, ReadableSpan)
    assert len(recorded.under(request)) == 2


def test_logs_where_it_runs(caplog: pytest.LogCaptureFixture) -> None:
    """One line, for those who wonder about a thread; records name the thread, too."""
    with caplog.at_level(logging.DEBUG, "capillary_interactions"), client_of(Server()) as client:
        client.lookup(customer())
    assert "in thread capillary-interactions" in caplog.text


def _broken(item: str) -> Identifier:
    raise LookupError(len(item))


@table(
    "use",
    [
        lambda client, mobile: client.lookup(mobile),
        lambda client, mobile: client.lookup_all([mobile]),
        lambda client, mobile: list(client.stream([mobile], key=_broken)),
        lambda client, mobile: list(client.stream([mobile], key=Identifier.mobile)),
    ],
)
def test_shows_no_customer_in_a_traceback(use: Callable[[InteractionsClient, str], Any]) -> None:
    """Not where an error tracker shows the local variables of the package's frames."""
    errors = (ValueError, LookupError, AuthenticationError)
    with client_of(Server(lambda _: 401)) as client, pytest.raises(errors) as caught:
        use(client, "919738522695")
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in trace.stack if "/tests/" not in frame.filename]
    assert "sync/_call.py" in str([frame.filename for frame in frames])
    assert "919738522695" not in str([frame.locals for frame in frames])


def test_shows_no_customer() -> None:
    """Neither by its repr nor by those of a stream."""
    watch = Watch()
    server = Server()
    with InteractionsClient(settings(), transport=server, observers=[watch]) as client:
        stream = client.stream([Identifier.mobile("919738522695")])
        next(stream)
        text = f"{client!r} {stream!r} {client.config!r} {watch.events}"
    assert asked(server.requests[0])["mobile"] == "919738522695"
    assert "919738522695" not in text


def test_is_entered_again_while_another_thread_closes_it() -> None:
    """It waits for that, and is open then; each has its own hold on the thread of the loop."""
    server = Server(takes=0.03)
    client = client_of(server)
    looking_up = InThread(lambda: client.lookup(customer()))
    until(lambda: server.under_way)
    closing = InThread(lambda: client.close(5.0))
    until(lambda: client._binding._closed)
    with client:
        assert isinstance(looking_up.result(), Found)
        assert isinstance(client.lookup(customer(1)), Found)
    closing.result()
    assert server.closed == 2
