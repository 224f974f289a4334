"""The spans of lookups: their parents and their attributes."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span

from capillary_interactions import (
    AuthenticationError,
    Identifier,
    InteractionsClient,
    RetryPolicy,
)
from capillary_interactions.events import Event, Observer, RetryScheduled
from capillary_interactions.integrations.opentelemetry import trace_headers
from capillary_interactions.testing import (
    Answer,
    FakeTransport,
    Response,
    after,
    interactions,
    message,
    run_without_waiting,
)

from .recorded_telemetry import CUSTOMER, UNKNOWN, RecordedTelemetry, settings

TEMPLATE = "/base/v1.1/customer/interaction"
AT_ONCE = RetryPolicy(wait_initial=0.0, throttled_initial=0.0)


async def looked_up(recorded: RecordedTelemetry, *script: Answer, **changes: Any) -> None:
    """Look one customer up."""
    async with recorded.client(script, **{"retry": AT_ONCE, **changes}) as client:
        await client.lookup(CUSTOMER)


def values_of(span: ReadableSpan, *names: str) -> tuple[Any, ...]:
    """Some attributes of a span."""
    return tuple((span.attributes or {}).get(name) for name in names)


def test_tells_the_whole_tree_of_a_lookup_with_two_retries() -> None:
    """The caller's span, the lookup in it, three requests in that, each with its own figures."""
    recorded = RecordedTelemetry()
    throttled = Response(status=429, headers={"retry-after": "7"})
    answered = Response(status=200, headers={"x-cap-requestid": "r3"}, body=b'{"interaction": []}')

    async def main() -> None:
        with recorded.tracers.get_tracer("app").start_as_current_span("GET /page"):
            await looked_up(recorded, after(2.0, 503), throttled, answered)

    run_without_waiting(main())
    (page,) = (span for span in recorded.spans if span.name == "GET /page")
    (lookup,) = recorded.under(page)
    assert lookup.name == "capillary lookup"
    assert lookup.kind is SpanKind.INTERNAL
    assert lookup.status.status_code is StatusCode.UNSET
    assert lookup.attributes == {
        "capillary.ending": "found",
        "capillary.attempts": 3,
        "capillary.wait": pytest.approx(7, abs=0.1),
        "capillary.shared": False,
    }
    # The seven seconds are everybody's cool-down, and so a wait; this lookup's back-off is none.
    assert [(event.name, dict(event.attributes or {})) for event in lookup.events] == [
        ("retry", {"capillary.delay": 0.0}),
        ("retry", {"capillary.delay": 0.0}),
    ]
    requests = recorded.under(lookup)
    assert [span.name for span in requests] == [f"GET {TEMPLATE}"] * 3
    assert [span.kind for span in requests] == [SpanKind.CLIENT] * 3
    always = {
        "http.request.method": "GET",
        "server.address": "api.example.com",
        "server.port": 443,
        "url.scheme": "https",
        "url.template": TEMPLATE,
        "capillary.credential": 0,
    }
    assert [dict(span.attributes or {}) for span in requests] == [
        {
            **always,
            "capillary.attempt": 1,
            "capillary.wait": 0.0,
            "capillary.ending": "failed",
            "http.response.status_code": 503,
            "error.type": "503",
        },
        {
            **always,
            "capillary.attempt": 2,
            "capillary.wait": 0.0,
            "http.request.resend_count": 1,
            "capillary.ending": "throttled",
            "http.response.status_code": 429,
            "error.type": "429",
        },
        {
            **always,
            "capillary.attempt": 3,
            "capillary.wait": pytest.approx(7, abs=0.1),
            "http.request.resend_count": 2,
            "capillary.ending": "found",
            "http.response.status_code": 200,
            "capillary.request_id": "r3",
        },
    ]
    failures = [span.status.status_code is StatusCode.ERROR for span in requests]
    assert failures == [True, True, False]
    assert not recorded.under(requests[0])


@pytest.mark.parametrize(
    ("answer", "ending", "error"),
    [
        (UNKNOWN, "not_found", None),
        (400, "rejected", "rejected"),
        ({"interaction": 5}, "unreadable", "unreadable"),
        (500, "unavailable", "unavailable"),
    ],
)
async def test_marks_only_failures_as_errors(
    answer: Answer, ending: str, error: str | None
) -> None:
    """An unknown customer is an answer."""
    recorded = RecordedTelemetry()
    await looked_up(recorded, answer, retry=RetryPolicy(attempts=1))
    (lookup,) = recorded.lookups()
    assert values_of(lookup, "capillary.ending", "error.type") == (ending, error)
    assert (lookup.status.status_code is StatusCode.ERROR) == (error is not None)


async def test_counts_resends_by_the_page() -> None:
    """A further page is another request, and no resend of the one before."""
    recorded = RecordedTelemetry()
    pages: list[Answer] = [
        interactions(counts={"email": 2}, email=[message(1)]),
        503,
        interactions(counts={"email": 2}, email=[message(2)]),
    ]
    await looked_up(recorded, *pages, page_size=1)
    (lookup,) = recorded.lookups()
    requests = recorded.under(lookup)
    names = ("capillary.attempt", "http.request.resend_count")
    assert [values_of(span, *names) for span in requests] == [
        (1, None),
        (2, None),
        (3, 1),
        (4, None),
    ]


async def test_shows_who_shares_the_request_of_another() -> None:
    """One of two equal lookups has the request under it; the other says so."""
    recorded = RecordedTelemetry()
    async with recorded.client([after(0.01, interactions())]) as client:
        await asyncio.gather(client.lookup(CUSTOMER), client.lookup(CUSTOMER))
    shared = {
        values_of(span, "capillary.shared"): recorded.under(span) for span in recorded.lookups()
    }
    assert sorted(shared) == [(False,), (True,)]
    assert len(shared[False,]) == 1
    assert not shared[True,]


async def test_ends_the_request_that_outlives_its_lookup() -> None:
    """Who asked first has left; the request goes on for who asked second, under the first one."""
    recorded = RecordedTelemetry()
    async with recorded.client([after(0.02, interactions())]) as client:
        first = asyncio.create_task(client.lookup(CUSTOMER))
        second = asyncio.create_task(client.lookup(CUSTOMER))
        await asyncio.sleep(0.005)
        first.cancel()
        (await second).unwrap()
    broken, shared = recorded.lookups()
    assert values_of(broken, "error.type") == ("CancelledError",)
    assert values_of(shared, "capillary.shared") == (True,)
    (request,) = recorded.under(broken)
    assert values_of(request, "capillary.ending") == ("found",)


async def test_ends_the_spans_of_what_is_cancelled() -> None:
    """The request as well as the lookup."""
    recorded = RecordedTelemetry()
    async with recorded.client([after(9.0, interactions())]) as client:
        task = asyncio.create_task(client.lookup(CUSTOMER))
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait({task})
    request, lookup = recorded.spans
    assert values_of(request, "error.type") == ("cancelled",)
    assert values_of(lookup, "error.type") == ("CancelledError",)


async def test_ends_the_spans_of_refused_credentials() -> None:
    """The exception's type is recorded, and nothing of its text."""
    recorded = RecordedTelemetry()
    with pytest.raises(AuthenticationError):
        await looked_up(recorded, 401, 401)
    *requests, lookup = recorded.spans
    assert {values_of(span, "capillary.ending") for span in requests} == {("denied",)}
    assert values_of(lookup, "error.type") == ("AuthenticationError",)


async def test_puts_each_lookup_of_a_stream_under_its_reader() -> None:
    """So that a job's span holds its lookups, and their requests do not mix."""
    recorded = RecordedTelemetry()
    customers = [Identifier.mobile(f"91973852{number:04}") for number in range(20)]
    tracer = recorded.tracers.get_tracer("app")
    async with recorded.client() as client:
        with tracer.start_as_current_span("job"):
            await client.lookup_all(customers)
    (job,) = (span for span in recorded.spans if span.name == "job")
    lookups = recorded.under(job)
    assert len(lookups) == 20
    assert all(len(recorded.under(lookup)) == 1 for lookup in lookups)


async def test_leaves_the_callers_span_as_it_was() -> None:
    """After a lookup the current span is again the caller's own."""
    recorded = RecordedTelemetry()
    with recorded.tracers.get_tracer("app").start_as_current_span("page") as page:
        await looked_up(recorded, 503, interactions())
        assert get_current_span() is page


async def test_leaves_a_requests_span_when_the_request_is_over() -> None:
    """What happens between two requests (a token, a log line) is part of neither."""
    recorded = RecordedTelemetry()
    config = settings(retry=AT_ONCE)
    current: list[Span] = []

    def look(event: Event) -> None:
        if isinstance(event, RetryScheduled):
            current.append(get_current_span())

    observers: list[Observer] = [recorded.telemetry(config), look]
    with recorded.tracers.get_tracer("app").start_as_current_span("page") as page:
        async with InteractionsClient(
            config, transport=FakeTransport([503]), observers=observers
        ) as client:
            await client.lookup(CUSTOMER)
    assert current == [page]


async def test_tells_the_global_providers_where_none_is_given() -> None:
    """Without an SDK these do nothing, and a lookup goes on as ever."""
    from capillary_interactions.integrations.opentelemetry import Telemetry  # noqa: PLC0415

    config = settings()
    async with InteractionsClient(
        config, transport=FakeTransport(), observers=[Telemetry(config)]
    ) as client:
        (await client.lookup(CUSTOMER)).unwrap()


def parents(headers: Mapping[str, str]) -> tuple[str, str]:
    """The ids of the trace and of the span in a `traceparent`."""
    _, trace, span, _ = headers["traceparent"].split("-")
    return trace, span


def ids_of(span: ReadableSpan) -> tuple[str, str]:
    """The ids of the trace and of a span, as they are sent."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


async def test_sends_each_request_under_its_own_span() -> None:
    """The server's spans hang under that request of the lookup, also after a retry."""
    recorded, transport = RecordedTelemetry(), FakeTransport([503])
    config = settings(retry=AT_ONCE)
    async with InteractionsClient(
        config,
        transport=transport,
        observers=[recorded.telemetry(config)],
        request_headers=trace_headers,
    ) as client:
        with recorded.tracers.get_tracer("app").start_as_current_span("page"):
            await asyncio.gather(
                client.lookup(CUSTOMER), client.lookup(Identifier.mobile("919738522696"))
            )
    requests = [span for span in recorded.spans if span.kind is SpanKind.CLIENT]
    assert len(requests) == len(transport.requests) == 3
    assert Counter(parents(asked.headers) for asked in transport.requests) == Counter(
        map(ids_of, requests)
    )


async def test_sends_requests_under_the_callers_span_without_telemetry() -> None:
    """And without any header where there is no span."""
    tracers, transport = TracerProvider(), FakeTransport()
    async with InteractionsClient(
        settings(), transport=transport, request_headers=trace_headers
    ) as client:
        await client.lookup(CUSTOMER)
        with tracers.get_tracer("app").start_as_current_span("page") as page:
            await client.lookup(CUSTOMER)
    assert isinstance(page, ReadableSpan)
    assert "traceparent" not in transport.requests[0].headers
    assert parents(transport.requests[1].headers) == ids_of(page)
