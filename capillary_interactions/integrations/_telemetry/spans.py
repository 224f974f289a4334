"""A span for each lookup, and in it one for each request."""

from contextvars import Token
from typing import Final

from attrs import define, field
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from capillary_interactions.events import (
    AttemptBegan,
    AttemptEnded,
    Event,
    LookupBegan,
    LookupBroken,
    LookupEnded,
    RetryScheduled,
)
from capillary_interactions.integrations._telemetry.attributes import (
    CLIENT,
    SUCCESSFUL_ENDINGS,
    Attributes,
    error_type,
    safe_request_id,
)

# Under this key, instrumentations of HTTP libraries leave a request alone: they would name its
# whole URL. It is the one key that they have all known since they have known any.
_SUPPRESS: Final = "suppress_instrumentation"


@define
class _Lookup:
    """A lookup under way: its span, and what its next request is called."""

    span: Span
    context: Context
    retries: int = 0
    requests: int = 0


@define
class Spans:
    """The spans of lookups and requests under way, by the number of the lookup."""

    tracer: Tracer
    attributes: Attributes
    _lookups: dict[int, _Lookup] = field(factory=dict)
    # A lookup has one request at a time, which may outlive it where equal lookups share it.
    _requests: dict[int, tuple[Span, Token[Context]]] = field(factory=dict)

    def on_event(self, event: Event) -> None:
        match event:
            case LookupBegan():
                attributes = {
                    name: text for name, text in self.attributes.items() if name == CLIENT
                }
                span = self.tracer.start_span("capillary lookup", attributes=attributes)
                self._lookups[event.lookup] = _Lookup(span, trace.set_span_in_context(span))
            case AttemptBegan():
                self._request_began(event)
            case AttemptEnded():
                self._request_ended(event)
            case RetryScheduled():
                self._retry_scheduled(event)
            case LookupEnded():
                self._lookup_ended(event)
            case LookupBroken():
                lookup = self._lookups.pop(event.lookup, None)
                if lookup is not None:
                    _fail(lookup.span, event.error)
                    lookup.span.end()

    def _request_began(self, event: AttemptBegan) -> None:
        lookup = self._lookups.get(event.lookup)
        attributes: dict[str, str | int | float | bool] = {
            **self.attributes,
            "capillary.attempt": event.attempt,
            "capillary.credential": event.credential,
            "capillary.wait": event.waited,
        }
        if lookup is not None:
            lookup.requests += 1
            if lookup.retries:
                attributes["http.request.resend_count"] = lookup.retries
                lookup.retries = 0
        span = self.tracer.start_span(
            f"GET {self.attributes['url.template']}",
            None if lookup is None else lookup.context,
            SpanKind.CLIENT,
            attributes,
        )
        inside = context.set_value(_SUPPRESS, True, trace.set_span_in_context(span))
        self._requests[event.lookup] = span, context.attach(inside)

    def _request_ended(self, event: AttemptEnded) -> None:
        span, token = self._requests.pop(event.lookup, (None, None))
        if span is None or token is None:
            return
        # In the task that attached it, as OpenTelemetry demands.
        context.detach(token)
        span.set_attribute("capillary.ending", event.ending)
        if event.status is not None:
            span.set_attribute("http.response.status_code", event.status)
        if event.request_id is not None:
            span.set_attribute("capillary.request_id", safe_request_id(event.request_id))
        error = error_type(event)
        if error is not None:
            _fail(span, error)
        span.end()

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        lookup = self._lookups.get(event.lookup)
        if lookup is not None:
            lookup.retries = event.attempt
            lookup.span.add_event("retry", {"capillary.delay": event.delay})

    def _lookup_ended(self, event: LookupEnded) -> None:
        lookup = self._lookups.pop(event.lookup, None)
        if lookup is None:
            return
        lookup.span.set_attributes(
            {
                "capillary.ending": event.ending,
                "capillary.attempts": event.attempts,
                "capillary.wait": event.waited,
                "capillary.shared": event.attempts > 0 and lookup.requests == 0,
            }
        )
        if event.ending not in SUCCESSFUL_ENDINGS:
            _fail(lookup.span, event.ending)
        lookup.span.end()


def _fail(span: Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(StatusCode.ERROR)
