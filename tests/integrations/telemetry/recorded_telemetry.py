"""A client whose telemetry stays in memory, and what of it can be asked."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from capillary_interactions import BasicAuth, ClientConfig, Identifier, InteractionsClient
from capillary_interactions.integrations.opentelemetry import Telemetry
from capillary_interactions.testing import Answer, FakeTransport

MOBILE: Final = "919738522695"
CUSTOMER: Final = Identifier.mobile(MOBILE)
UNKNOWN: Final[dict[str, Any]] = {
    "errors": [{"status": False, "code": 8015, "message": f"no customer {MOBILE}"}]
}


def settings(**changes: Any) -> ClientConfig:
    """A client's settings, with a quota that is no hindrance unless one is given."""
    usual: dict[str, Any] = {"auth": BasicAuth("till", "pass-word-91"), "rate": "100000/1"}
    return ClientConfig("https://api.example.com/base", **{**usual, **changes})


class RecordedTelemetry:
    """Providers of OpenTelemetry that keep everything."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def telemetry(self, config: ClientConfig) -> Telemetry:
        """An observer that records to these providers."""
        return Telemetry(config, tracer_provider=self.tracers, meter_provider=self.meters)

    def client(self, script: Iterable[Answer] = (), **changes: Any) -> InteractionsClient:
        """A client with this observer."""
        config = settings(**changes)
        return InteractionsClient(
            config, transport=FakeTransport(script), observers=[self.telemetry(config)]
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Every span that has ended, in that order."""
        return self._spans.get_finished_spans()

    def under(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """The spans right under another, in the order in which they began."""
        context = parent.get_span_context()
        assert context is not None
        children = [
            span
            for span in self.spans
            if span.parent is not None and span.parent.span_id == context.span_id
        ]
        assert all(trace_of(span) == context.trace_id for span in children)
        return sorted(children, key=lambda span: span.start_time or 0)

    def lookups(self) -> list[ReadableSpan]:
        """The spans of lookups."""
        return [span for span in self.spans if span.name == "capillary lookup"]

    def metrics(self) -> dict[str, Metric]:
        """Every metric, by its name."""
        return {metric.name: metric for metric in self._collected()}

    def _collected(self) -> Iterator[Metric]:
        collected = self._reader.get_metrics_data()
        for resource in collected.resource_metrics if collected else ():
            for scope in resource.scope_metrics:
                yield from scope.metrics

    def values(self, name: str, *labels: str) -> dict[tuple[Any, ...], float]:
        """A metric's values, or counts of a histogram, by some of its attributes."""
        found: dict[tuple[Any, ...], float] = {}
        for point in self.metrics()[name].data.data_points:
            key = tuple((point.attributes or {}).get(label) for label in labels)
            found[key] = found.get(key, 0) + _value(point)
        return found


def _value(point: Any) -> float:
    if isinstance(point, HistogramDataPoint):
        return point.count
    assert isinstance(point, NumberDataPoint)
    return point.value


def trace_of(span: ReadableSpan) -> int:
    """The number of the trace that a span belongs to."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id
