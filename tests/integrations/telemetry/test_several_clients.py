"""Several clients at one server, or at one provider, and each of them is recorded."""

import gc
import subprocess
import sys
from typing import Any

import pytest

from capillary_interactions import BasicAuth, InteractionsClient
from capillary_interactions.integrations.opentelemetry import Telemetry
from capillary_interactions.testing import (
    FakeTransport,
    Response,
    TransportError,
    interactions,
    run_without_waiting,
)

from .recorded_telemetry import CUSTOMER, MOBILE, UNKNOWN, RecordedTelemetry, settings


def test_tells_accounts_at_one_server_apart() -> None:
    """By the name that each is given, in spans and in every metric."""
    recorded = RecordedTelemetry()
    kept = list[Telemetry]()

    async def ask(name: str, rate: str) -> None:
        config = settings(rate=rate)
        providers: Any = {"tracer_provider": recorded.tracers, "meter_provider": recorded.meters}
        telemetry = Telemetry(config, name=name, **providers)
        kept.append(telemetry)
        transport = FakeTransport([Response(status=429, headers={"retry-after": "0"})])
        async with InteractionsClient(config, transport=transport, observers=[telemetry]) as client:
            await client.lookup(CUSTOMER)

    for name, rate in (("loyalty", "10/1"), ("campaigns", "1000/1")):
        run_without_waiting(ask(name, rate))
    rates = recorded.values("capillary.rate", "capillary.client")
    assert rates["loyalty",] < 11
    assert rates["campaigns",] > 900
    names = {("loyalty",), ("campaigns",)}
    assert {
        metric: set(recorded.values(metric, "capillary.client")) for metric in recorded.metrics()
    } == dict.fromkeys(recorded.metrics(), names)
    values = [(span.attributes or {}).get("capillary.client") for span in recorded.spans]
    assert values == ["loyalty"] * 3 + ["campaigns"] * 3


def test_tells_nothing_of_clients_that_are_gone() -> None:
    """A program that makes a client for each of its jobs shows those that it has, and no others."""
    recorded = RecordedTelemetry()

    async def ask(name: str) -> Telemetry:
        config = settings(auth=[BasicAuth("till", "a"), BasicAuth("other", "b")])
        telemetry = Telemetry(config, name=name, meter_provider=recorded.meters)
        transport = FakeTransport([Response(status=429, headers={"retry-after": "0"})])
        async with InteractionsClient(config, transport=transport, observers=[telemetry]) as client:
            await client.lookup(CUSTOMER)
        return telemetry

    kept = [run_without_waiting(ask("kept")), run_without_waiting(ask("shared"))]
    for number in range(30):
        run_without_waiting(ask(f"gone{number}"))
    run_without_waiting(ask("shared"))
    gc.collect()
    shown = set(recorded.values("capillary.rate", "capillary.client"))
    assert shown == {("kept",), ("shared",)}
    kept.clear()
    gc.collect()
    assert "capillary.rate" not in recorded.metrics()
    assert "capillary.cool_down" not in recorded.metrics()


_EARLY = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from capillary_interactions import BasicAuth, ClientConfig
from capillary_interactions.integrations.opentelemetry import Telemetry

def client(name, **given):
    config = ClientConfig(f"https://{name}.example.com", BasicAuth("till", "secret"))
    return Telemetry(config, **given)

reader = InMemoryMetricReader()
provider = MeterProvider([reader])
kept = [client("one")]
metrics.set_meter_provider(provider)
kept += [client("two"), client("three", meter_provider=provider)]
values = [
    point.attributes["server.address"].split(".")[0]
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
    if metric.name == "capillary.rate"
    for point in metric.data.data_points
]
print(*values)
"""


def test_tells_of_clients_before_and_after_the_provider_was_set() -> None:
    """The API has a stand-in until then; what is made by it must not hide what comes later."""
    # In a process of its own, for a provider is set once.
    ran = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", _EARLY], capture_output=True, text=True, check=True
    )
    assert sorted(ran.stdout.split()) == ["one", "three", "two"]
    assert not ran.stderr


@pytest.mark.parametrize(
    ("request_id", "expected"),
    [
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("r3", "r3"),
        (f"req-for-{MOBILE}", "req-for-9*********95"),
        (f"00000000-0000-0000-0000-{MOBILE}", None),
        ("9197-3852-2695-0000", None),
        ("a.person@example.com", "a***@***.com"),
        ("x" * 500, "x" * 64),
    ],
)
async def test_tells_the_name_of_a_request(request_id: str, expected: str | None) -> None:
    """As the server has it, unless a phone number or an address may be in it."""
    recorded = RecordedTelemetry()
    answer = Response(
        status=200, headers={"x-cap-requestid": request_id}, body=b'{"interaction": []}'
    )
    async with recorded.client([answer]) as client:
        await client.lookup(CUSTOMER)
    name: Any = (recorded.spans[0].attributes or {})["capillary.request_id"]
    assert expected in {name, None}
    assert MOBILE not in name
    assert expected is None or len(name) <= 64
    assert expected is not None or "***" in name


def _caused(cause: Exception) -> TransportError:
    error = TransportError("no answer")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_caused(ConnectionRefusedError()), "ConnectionRefusedError"),
        (_caused(TimeoutError()), "TimeoutError"),
        (TransportError("no answer"), "TransportError"),
        ({"interaction": 5}, "unreadable"),
        (503, "503"),
        (Response(status=404, body=b'{"errors": [{"status": false, "code": 8015}]}'), "404"),
        (UNKNOWN, None),
        (interactions(), None),
    ],
)
def test_tells_failures_apart(answer: Any, kind: str | None) -> None:
    """By the conventions' `error.type`: a status that is an error, or why there was no answer."""
    recorded = RecordedTelemetry()

    async def main() -> None:
        async with recorded.client([answer]) as client:
            await client.lookup(CUSTOMER)

    run_without_waiting(main())
    values = [(span.attributes or {}).get("error.type") for span in recorded.spans]
    assert values[0] == kind
    assert (kind,) in recorded.values("http.client.request.duration", "error.type")
