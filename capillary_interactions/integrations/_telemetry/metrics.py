"""Metrics of a client: durations, waits, counts, and gauges of its pace."""

import time
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final
from weakref import WeakKeyDictionary, WeakSet, finalize

from attrs import define, field
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation

from capillary_interactions.events import (
    AttemptBegan,
    AttemptEnded,
    CooledDown,
    Event,
    LookupBroken,
    LookupEnded,
    RateChanged,
    RetryScheduled,
    Throttled,
)
from capillary_interactions.integrations._telemetry.attributes import (
    CLIENT,
    SCOPE,
    Attributes,
    error_type,
)

# The conventions' own, https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
_REQUEST_SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
# A lookup may wait for a quota by the minute.
_LOOKUP_SECONDS: Final = (*_REQUEST_SECONDS, 30.0, 60.0, 300.0, 1800.0)

_COMMON: Final = frozenset({CLIENT, "server.address", "server.port"})

_AttributeKey = tuple[tuple[str, str | int | float | bool], ...]


@define(eq=False)
class _Gauges:
    """What the callbacks of observable gauges return, in any thread.

    One for each provider: of several observable instruments of one name, it calls only the first.
    """

    rates: dict[_AttributeKey, float] = field(factory=dict)
    pauses: dict[_AttributeKey, float] = field(factory=dict)
    _users: Counter[_AttributeKey] = field(factory=Counter)
    _registered: WeakSet[MeterProvider] = field(factory=WeakSet)

    def register(self, provider: MeterProvider, meter: Meter) -> None:
        if provider not in self._registered:
            self._registered.add(provider)
            meter.create_observable_gauge(
                "capillary.rate", [self._rates], "{request}/s", "The rate that is sent at, at most."
            )
            meter.create_observable_gauge(
                "capillary.cool_down", [self._pauses], "s", "Seconds for which nothing is sent."
            )

    def add_client(self, keys: Collection[_AttributeKey]) -> None:
        self._users.update(keys)

    def remove_client(self, keys: Collection[_AttributeKey]) -> None:
        """Drop its gauges, unless another client has the same attributes."""
        for key in keys:
            self._users[key] -= 1
            if self._users[key] <= 0:
                del self._users[key]
                self.rates.pop(key, None)
                self.pauses.pop(key, None)

    def _rates(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(rate, dict(key)) for key, rate in self.rates.copy().items()]

    def _pauses(self, _: CallbackOptions) -> Iterable[Observation]:
        now = time.monotonic()
        return [
            Observation(max(0.0, end - now), dict(key)) for key, end in self.pauses.copy().items()
        ]


_GAUGES: Final[WeakKeyDictionary[MeterProvider, _Gauges]] = WeakKeyDictionary()
_GLOBAL: Final = _Gauges()


def _gauges(provider: MeterProvider) -> _Gauges:
    # The global provider is a stand-in until one is set, and then two of the same instruments.
    if provider is metrics.get_meter_provider():
        return _GAUGES.setdefault(provider, _GLOBAL)
    return _GAUGES.setdefault(provider, _Gauges())


class Metrics:
    """The metrics of one client; `attributes` are what every request has in common."""

    def __init__(self, provider: MeterProvider, attributes: Attributes, credentials: int) -> None:
        meter = provider.get_meter(SCOPE)
        self._attributes = attributes
        self._server = {name: value for name, value in attributes.items() if name in _COMMON}
        self._gauges = _gauges(provider)
        self._gauges.register(provider, meter)
        keys = [self._attribute_key(credential) for credential in range(credentials)]
        self._gauges.add_client(keys)
        finalize(self, self._gauges.remove_client, keys).atexit = False
        self._request = _seconds(
            meter, "http.client.request.duration", _REQUEST_SECONDS, "Time a request took."
        )
        self._lookup = _seconds(
            meter, "capillary.lookup.duration", _LOOKUP_SECONDS, "From asking to ending."
        )
        self._wait = _seconds(
            meter, "capillary.lookup.wait", _LOOKUP_SECONDS, "Of it, waiting for quota."
        )
        self._active = meter.create_up_down_counter(
            "http.client.active_requests", "{request}", "Requests in flight."
        )
        self._endings = meter.create_counter(
            "capillary.lookup.endings", "{lookup}", "Lookups by what they ended in."
        )
        self._retries = meter.create_counter(
            "capillary.retries", "{retry}", "Requests sent again after a failure."
        )
        self._throttles = meter.create_counter(
            "capillary.throttles", "{request}", "Requests refused for their rate."
        )

    def set_rate(self, credential: int, rate: float) -> None:
        self._gauges.rates[self._attribute_key(credential)] = rate

    def on_event(self, event: Event) -> None:
        match event:
            case AttemptBegan():
                self._active.add(1, self._attributes)
            case AttemptEnded():
                self._active.add(-1, self._attributes)
                self._request.record(event.duration, self._outcome(event))
            case RetryScheduled():
                self._retries.add(1, self._of(event.credential))
            case Throttled():
                self._throttles.add(1, self._of(event.credential))
                end = time.monotonic() + event.cool_down
                self._gauges.pauses[self._attribute_key(event.credential)] = end
            case RateChanged():
                self.set_rate(event.credential, event.after)
            case CooledDown():
                self.set_rate(event.credential, event.rate)
            case LookupEnded():
                ending = {**self._server, "capillary.ending": event.ending}
                self._endings.add(1, ending)
                self._lookup.record(event.elapsed, ending)
                self._wait.record(event.waited, ending)
            case LookupBroken():
                broken = {"capillary.ending": "broken", "error.type": event.error}
                self._endings.add(1, {**self._server, **broken})

    def _outcome(self, event: AttemptEnded) -> Attributes:
        outcome = {**self._attributes}
        if event.status is not None:
            outcome["http.response.status_code"] = event.status
        error = error_type(event)
        if error is not None:
            outcome["error.type"] = error
        return outcome

    def _of(self, credential: int) -> Attributes:
        return {**self._server, "capillary.credential": credential}

    def _attribute_key(self, credential: int) -> _AttributeKey:
        return tuple(self._of(credential).items())


def _seconds(meter: Meter, name: str, buckets: tuple[float, ...], description: str) -> Histogram:
    return meter.create_histogram(
        name, "s", description, explicit_bucket_boundaries_advisory=buckets
    )
