"""OpenTelemetry: spans and metrics of lookups and their requests; needs its API alone.

Names follow the semantic conventions where these have one. What is asked for never shows: no
identifier, no URL but its template, nothing of a server's own text.
"""

from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._pacing.bucket import bucket_parameters
from capillary_interactions._protocol.messages import Request
from capillary_interactions.events import Event
from capillary_interactions.integrations._telemetry.attributes import SCOPE, request_attributes
from capillary_interactions.integrations._telemetry.metrics import Metrics
from capillary_interactions.integrations._telemetry.spans import Spans


class Telemetry:
    """An observer that records every lookup and every request in OpenTelemetry.

    A span for each lookup, under the caller's current span, and in it one for each request. A
    lookup that shares the request of an equal one has no request of its own in it.
    Instrumentations of aiohttp do not see these requests, nor their URLs.

    Args:
        config: That of the client; several clients with the same settings may share this.
        name: Sets this client apart from others of the same server, with another account for
            instance: the attribute `capillary.client` of all it records. Without it, their gauges
            would be one, and the last client's.
        tracer_provider: Where spans go; the global one by default.
        meter_provider: Where metrics go; the global one by default.

    Example:
        client = InteractionsClient(config, observers=[Telemetry(config)])
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        name: str | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        attributes = request_attributes(config, name)
        tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._spans = Spans(tracer, attributes)
        credentials = len(config.credentials)
        provider = meter_provider or metrics.get_meter_provider()
        self._metrics = Metrics(provider, attributes, credentials)
        for credential in range(credentials):
            self._metrics.set_rate(credential, bucket_parameters(config.rate).rate)

    def __call__(self, event: Event) -> None:
        """Record one event."""
        self._spans.on_event(event)
        self._metrics.on_event(event)


def trace_headers(_: Request) -> dict[str, str]:
    """The headers by which the server continues the trace: `traceparent`, or a propagator's own.

    With `Telemetry` its parent is the span of this one request; without it, the caller's span.

    Example:
        client = InteractionsClient(
            config, observers=[Telemetry(config)], request_headers=trace_headers
        )
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers
