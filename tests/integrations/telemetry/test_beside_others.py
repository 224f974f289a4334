"""A client beside what people already run: aiohttp's instrumentation, Prometheus, structlog."""

import logging
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import structlog
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest

from capillary_interactions import InteractionsClient, RetryPolicy
from capillary_interactions.events import Event
from capillary_interactions.integrations.opentelemetry import Telemetry
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.testing import FakeTransport

from .recorded_telemetry import CUSTOMER, MOBILE, RecordedTelemetry, settings


@pytest.fixture
def recorded() -> Iterator[RecordedTelemetry]:
    """Providers of aiohttp's own instrumentation, set up as its documentation says."""
    recorded = RecordedTelemetry()
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(
        tracer_provider=recorded.tracers,
        meter_provider=recorded.meters,
        url_filter=lambda url: str(url.with_query(None)),
    )
    yield recorded
    instrumentor.uninstrument()


async def test_keeps_the_url_out_of_the_stock_span_by_a_filter(recorded: RecordedTelemetry) -> None:
    """A client without `Telemetry`: the documented `url_filter` leaves the path alone."""
    async with Sandbox() as server, InteractionsClient(server.client_config()) as client:
        await client.lookup(CUSTOMER)
    (span,) = recorded.spans
    assert "/v1.1/customer/interaction" in span.to_json()
    assert MOBILE not in span.to_json()


async def test_is_left_alone_by_the_stock_instrumentation(recorded: RecordedTelemetry) -> None:
    """A client with `Telemetry` has each request once, and never with its URL."""
    async with Sandbox(script=["error_500"]) as server:
        config = server.client_config(retry=RetryPolicy(wait_initial=0.0))
        observers = [recorded.telemetry(config)]
        async with InteractionsClient(config, observers=observers) as client:
            (await client.lookup(CUSTOMER)).unwrap()
    assert [span.name for span in recorded.spans] == [
        "GET /v1.1/customer/interaction",
        "GET /v1.1/customer/interaction",
        "capillary lookup",
    ]
    assert not any(MOBILE in span.to_json() for span in recorded.spans)


async def test_is_scraped_by_prometheus() -> None:
    """Through OpenTelemetry's exporter, under Prometheus' spelling of the names."""
    reader = PrometheusMetricReader()
    provider = MeterProvider([reader])
    config = settings(rate="100/1")
    telemetry = Telemetry(config, meter_provider=provider)
    try:
        async with InteractionsClient(
            config, transport=FakeTransport([500]), observers=[telemetry]
        ) as client:
            await client.lookup(CUSTOMER)
        page = generate_latest(REGISTRY).decode()
    finally:
        provider.shutdown()
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    for name in (
        "capillary_rate_",
        "capillary_retries_total",
        "capillary_lookup_endings_total",
        "capillary_lookup_duration_seconds_bucket",
        "http_client_request_duration_seconds_count",
        "http_client_active_requests",
    ):
        assert any(line.startswith(name) for line in lines), name
    assert MOBILE not in page


async def test_is_seen_by_structlog() -> None:
    """An observer of one line logs with whatever the caller has bound, and nothing personal."""

    def observe(event: Event) -> None:
        structlog.get_logger().info(type(event).__name__, **attrs.asdict(event))

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        async with InteractionsClient(
            settings(retry=RetryPolicy(wait_initial=0.0)),
            transport=FakeTransport([500]),
            observers=[observe],
        ) as client:
            with structlog.contextvars.bound_contextvars(page="p7"):
                await client.lookup(CUSTOMER)
    kinds = ["AttemptBegan", "AttemptEnded"]
    assert [line["event"] for line in lines] == [
        "LookupBegan", *kinds, "RetryScheduled", *kinds, "LookupEnded",
    ]  # fmt: skip
    assert {line["page"] for line in lines} == {"p7"}
    assert len({line["lookup"] for line in lines}) == 1
    assert MOBILE not in repr(lines)


async def test_is_formatted_by_structlog() -> None:
    """The library's own lines are the standard logging's, and so structlog's formatter has them."""
    written: list[dict[str, Any]] = []

    def write(_: object, __: str, line: Any) -> str:
        written.append(dict(line))
        return ""

    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, write],
        )
    )
    logger = logging.getLogger("capillary_interactions")
    logger.addHandler(handler)
    try:
        async with InteractionsClient(
            settings(retry=RetryPolicy(throttled_initial=0.0)), transport=FakeTransport([401, 401])
        ) as client:
            with pytest.raises(Exception, match="credentials"):
                await client.lookup(CUSTOMER)
    finally:
        logger.removeHandler(handler)
    assert [line["level"] for line in written] == ["error"]
