"""Recipes for web applications and telemetry run, with a sandbox behind them."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from litestar import Litestar
from opentelemetry import metrics
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from capillary_interactions import Identifier, InteractionsClient
from capillary_interactions.sandbox import Sandbox
from tests.docs.readme import run, set_environment

from .serving import here

MOBILE = "919738522695"
PATH = f"/customers/{MOBILE}/interactions"
UNKNOWN = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A sandbox, and the environment that points at it."""
    async with Sandbox(unknown=0, messages=3, answers={"404": UNKNOWN}) as running:
        set_environment(monkeypatch, running.base_url)
        yield running


async def check(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    """Check what every framework's recipe answers."""
    async with session.get(PATH) as response:
        assert response.status == 200
        assert await response.json() == sandbox.expected(MOBILE)
    async with session.get("/customers/404/interactions") as unknown:
        assert unknown.status == 404
        assert unknown.content_type == "application/problem+json"
        assert (await unknown.json(content_type=None))["outcome"] == "not_found"
    received = sandbox.counts.received
    async with session.get("/customers/%20/interactions") as blank:
        assert blank.status == 422
        assert blank.content_type == "application/problem+json"
        problem = await blank.json(content_type=None)
        assert problem["detail"] == "a customer's mobile must not be blank"
    assert sandbox.counts.received == received
    sandbox.faults = {"error_503_retry_after": 1.0}
    sandbox.fault_retry_after = 7
    async with session.get("/customers/919738522696/interactions") as busy:
        assert busy.status == 503
        assert busy.headers["Retry-After"] == "7"
        assert busy.content_type == "application/problem+json"
        assert "919738522696" not in await busy.text()


@pytest.mark.parametrize("name", ["web", "web_litestar"])
async def test_answers_under_uvicorn(name: str, sandbox: Sandbox) -> None:
    """Each outcome becomes the status of the table; 503 says when to try again."""
    async with here(run(name)["app"]) as session:
        await check(session, sandbox)


async def test_answers_under_aiohttp(sandbox: Sandbox) -> None:
    """The same, with the application's own session, which outlives the client."""
    recipe = run("web_aiohttp")
    app: web.Application = recipe["application"]()
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(str(server.make_url(""))) as session,
    ):
        await check(session, sandbox)
        own = app[recipe["SESSION"]]
        assert not own.closed
        # The lookups used it.
        assert own.connector is not None
        assert own.connector._conns


async def test_lives_in_a_lifespan_of_the_applications_own(sandbox: Sandbox) -> None:
    """Beside anything else that the application keeps there."""
    async with run("own_lifespan")["lifespan"](object()) as state:
        assert set(state) == {"interactions", "what"}
        outcome = await state["interactions"].lookup(Identifier.mobile(MOBILE))
        assert outcome.ending == "found"
    with pytest.raises(RuntimeError, match="closed"):
        await state["interactions"].lookup(Identifier.mobile(MOBILE))


async def test_is_observed(sandbox: Sandbox) -> None:
    """The recipes' clients look up as usual, and structlog has the lines."""
    async with run("telemetry")["observed"](sandbox.client_config()) as client:
        await _found(client)
    with structlog.testing.capture_logs() as lines:
        async with run("structlog")["logged"](sandbox.client_config()) as client:
            await _found(client)
    assert [line["event"] for line in lines][0::3] == ["LookupBegan", "LookupEnded"]


async def test_serves_prometheus(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that is scraped counts the lookup."""
    async with AsyncExitStack() as stack:
        providers: list[Any] = []
        monkeypatch.setattr(metrics, "set_meter_provider", providers.append)
        recipe = run("prometheus")
        servers: list[Any] = []
        serve = recipe["start_http_server"]
        recipe["start_http_server"] = lambda port: servers.append(serve(port, "127.0.0.1"))
        port = _free_port()
        recipe["serve_metrics"](port)
        stack.callback(providers[0].shutdown)
        ((server, thread),) = servers
        stack.callback(server.server_close)
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        monkeypatch.setattr(metrics, "get_meter_provider", lambda: providers[0])
        async with run("telemetry")["observed"](sandbox.client_config()) as client:
            await _found(client)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as page,
        ):
            text = await page.text()
    assert 'capillary_lookup_endings_total{capillary_ending="found"' in text
    assert MOBILE not in text


async def test_keeps_the_url_out_of_the_stock_instrumentation(sandbox: Sandbox) -> None:
    """The filter leaves the path."""
    spans = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    arguments: dict[str, Any] = {}
    instrumentor = AioHttpClientInstrumentor()
    instrument = instrumentor.instrument
    instrumentor.instrument = arguments.update
    try:
        run("url_filter")
    finally:
        instrumentor.instrument = instrument
    instrumentor.instrument(tracer_provider=tracers, **arguments)
    try:
        async with InteractionsClient(sandbox.client_config()) as client:
            await _found(client)
    finally:
        instrumentor.uninstrument()
    (span,) = spans.get_finished_spans()
    assert "/v1.1/customer/interaction" in span.to_json()
    assert MOBILE not in span.to_json()


def test_shows_how_to_test_with_fastapi() -> None:
    """On the application of the recipe, whose environment is not set."""
    run("testing_fastapi")["check"](run("web")["app"])


async def test_shows_how_to_test_with_aiohttp() -> None:
    """On the handler of the recipe."""
    handler = run("web_aiohttp")["interactions"]
    await run("testing_aiohttp")["check"]([web.get("/customers/{mobile}/interactions", handler)])


def test_shows_how_to_test_with_litestar() -> None:
    """On the handler of the recipe."""
    recipe = run("web_litestar")
    assert isinstance(recipe["app"], Litestar)
    run("testing_litestar")["check"](recipe["customer"])


async def _found(client: InteractionsClient) -> None:
    assert (await client.lookup(Identifier.mobile(MOBILE))).ending == "found"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_says_whether_it_is_ready(sandbox: Sandbox) -> None:
    """A probe costs one request for all that ask within a while, and tells what is wrong."""
    async with here(run("ready")["app"]) as session:
        for _ in range(3):
            async with session.get("/ready") as ready:
                assert (ready.status, (await ready.json())["ok"]) == (200, True)
        assert sandbox.counts.received == 1
    sandbox.faults = {"error_503": 1.0}
    async with here(run("ready")["app"]) as session, session.get("/ready") as ready:
        assert ready.status == 503
        assert "(503)" in (await ready.json())["steps"][0]["detail"]
    assert sandbox.counts.received == 2
