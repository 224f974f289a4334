"""The metrics of a client: what is counted, measured and shown, and under which names."""

import asyncio
import gc
import weakref

import pytest
from opentelemetry.sdk.metrics.export import Histogram

from capillary_interactions import BasicAuth, Identifier, RetryPolicy
from capillary_interactions.testing import (
    Answer,
    Response,
    after,
    interactions,
    run_without_waiting,
)

from .recorded_telemetry import CUSTOMER, UNKNOWN, RecordedTelemetry

AT_ONCE = RetryPolicy(wait_initial=0.0, throttled_initial=0.0)
THROTTLED = Response(status=429, headers={"retry-after": "5"})


def total(recorded: RecordedTelemetry, name: str) -> float:
    """The sum of a histogram."""
    data = recorded.metrics()[name].data
    assert isinstance(data, Histogram)
    return sum(point.sum for point in data.data_points)


def customers(count: int) -> list[Identifier]:
    """Their number."""
    return [Identifier.mobile(f"91973852{number:04}") for number in range(count)]


def test_measures_requests_by_the_conventions() -> None:
    """Service time alone: what was waited for quota is a metric of its own."""
    recorded = RecordedTelemetry()

    async def main() -> None:
        async with recorded.client([after(2.0, 503), THROTTLED], retry=AT_ONCE) as client:
            await client.lookup(CUSTOMER)

    run_without_waiting(main())
    labels = ("http.response.status_code", "error.type", "url.template", "server.address")
    server = ("/base/v1.1/customer/interaction", "api.example.com")
    assert recorded.values("http.client.request.duration", *labels) == {
        (503, "503", *server): 1,
        (429, "429", *server): 1,
        (200, None, *server): 1,
    }
    assert recorded.metrics()["http.client.request.duration"].unit == "s"
    assert total(recorded, "http.client.request.duration") == pytest.approx(2, abs=0.1)
    assert total(recorded, "capillary.lookup.wait") == pytest.approx(5, abs=0.1)
    assert total(recorded, "capillary.lookup.duration") == pytest.approx(7, abs=0.2)
    assert recorded.values("capillary.retries", "capillary.credential") == {(0,): 2}
    assert recorded.values("capillary.throttles", "capillary.credential") == {(0,): 1}


async def test_counts_endings() -> None:
    """Each of the five by its name, and what was broken off."""
    recorded = RecordedTelemetry()
    script: list[Answer] = [interactions(), UNKNOWN, 400, {"interaction": 5}, 503, after(9, 200)]
    async with recorded.client(script, retry=RetryPolicy(attempts=1)) as client:
        for customer in customers(5):
            await client.lookup(customer)
        last = asyncio.create_task(client.lookup(CUSTOMER))
        await asyncio.sleep(0.005)
        last.cancel()
        await asyncio.wait({last})
    kinds = ("found", "not_found", "rejected", "unreadable", "unavailable", "broken")
    assert recorded.values("capillary.lookup.endings", "capillary.ending") == {
        (kind,): 1 for kind in kinds
    }
    assert sum(recorded.values("capillary.lookup.duration").values()) == 5


def test_shows_what_is_in_flight() -> None:
    """Up as requests leave, down as they end."""
    recorded = RecordedTelemetry()

    async def main() -> None:
        async with recorded.client([after(2.0, interactions())] * 3) as client:
            lookups = asyncio.create_task(client.lookup_all(customers(3)))
            await asyncio.sleep(1.0)
            assert recorded.values("http.client.active_requests") == {(): 3}
            await lookups

    run_without_waiting(main())
    assert recorded.values("http.client.active_requests") == {(): 0}


async def test_shows_the_rate_from_the_beginning() -> None:
    """For each credential what it may send, before anything is sent."""
    recorded = RecordedTelemetry()
    auth = [BasicAuth("one", "secret"), BasicAuth("two", "secret")]
    async with recorded.client(rate="100/1", auth=auth) as client:
        rate = client.snapshot().credentials[0].rate
    rates = recorded.values("capillary.rate", "capillary.credential")
    assert rates == {(0,): pytest.approx(rate), (1,): pytest.approx(rate)}


def test_shows_a_rate_that_throttling_has_lowered() -> None:
    """And the cool-down, which runs off by itself."""
    recorded = RecordedTelemetry()

    async def main() -> float:
        async with recorded.client([THROTTLED, THROTTLED], rate="100/1", retry=AT_ONCE) as client:
            asked = asyncio.create_task(client.lookup(CUSTOMER))
            await asyncio.sleep(1.0)
            (pause,) = recorded.values("capillary.cool_down").values()
            # The gauge is read by the real clock.
            assert 0 < pause <= 5
            await asked
            return client.snapshot().rate

    lowered = run_without_waiting(main())
    assert recorded.values("capillary.rate") == {(): pytest.approx(lowered)}
    assert lowered < 90


async def test_shows_the_rates_of_several_clients() -> None:
    """A provider asks only the first of instruments of one name; nothing of the others is lost."""
    recorded = RecordedTelemetry()
    async with (
        recorded.client(rate="100/1"),
        recorded.client(
            rate="100/1", auth=[BasicAuth("one", "secret"), BasicAuth("two", "secret")]
        ),
    ):
        assert set(recorded.values("capillary.rate", "capillary.credential")) == {(0,), (1,)}


def test_lets_go_of_a_provider() -> None:
    """What gauges remember goes with the provider that asks for it."""
    recorded = RecordedTelemetry()
    recorded.client()
    provider = weakref.ref(recorded.meters)
    recorded.meters.shutdown()
    del recorded
    gc.collect()
    assert provider() is None
