"""What is wrong with an application itself: refused credentials, a client that is not there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from fastapi import FastAPI
from fastapi.testclient import TestClient
from litestar import Litestar, get
from litestar.di import NamedDependency
from litestar.testing import AsyncTestClient

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    Identifier,
    InteractionsClient,
)
from capillary_interactions.integrations import aiohttp_web, fastapi, litestar
from capillary_interactions.integrations.web import serving
from capillary_interactions.testing import FakeTransport, interactions

CONFIG = ClientConfig("https://example.com", BasicAuth("till", "pass-word-91"))
CUSTOMER = Identifier.mobile("919738522695")
Answered = tuple[int, str, bytes]


async def _of_fastapi(transport: FakeTransport) -> Answered:
    app = FastAPI(lifespan=fastapi.lifespan(CONFIG, transport=transport))
    fastapi.answer_failures(app)

    @app.get("/")
    async def customer(client: fastapi.InteractionsDependency) -> None:
        (await client.lookup(CUSTOMER)).unwrap()

    with TestClient(app) as asked:
        answer = await asyncio.to_thread(asked.get, "/")
    return answer.status_code, answer.headers["Content-Type"], answer.content


def _aiohttp_application() -> web.Application:
    async def customer(request: web.Request) -> web.Response:
        outcome = await aiohttp_web.client_of(request).lookup(CUSTOMER)
        return aiohttp_web.response_to(outcome)

    app = web.Application(middlewares=[aiohttp_web.answer_failures])
    app.router.add_get("/", customer)
    return app


async def _answer_of(app: web.Application, path: str = "/") -> Answered:
    async with AiohttpClient(TestServer(app)) as asked, asked.get(path) as answer:
        return answer.status, answer.content_type, await answer.read()


async def _of_aiohttp(transport: FakeTransport) -> Answered:
    app = _aiohttp_application()
    app.cleanup_ctx.append(aiohttp_web.interactions_context(CONFIG, transport=transport))
    return await _answer_of(app)


async def _of_litestar(transport: FakeTransport) -> Answered:
    @get("/")
    async def customer(interactions: litestar.InteractionsDependency) -> None:
        (await interactions.lookup(CUSTOMER)).unwrap()

    plugin = litestar.InteractionsPlugin(CONFIG, transport=transport)
    async with AsyncTestClient(Litestar([customer], plugins=[plugin])) as asked:
        answer = await asked.get("/")
    return answer.status_code, answer.headers["Content-Type"], answer.content


@pytest.mark.parametrize("ask", [_of_fastapi, _of_aiohttp, _of_litestar])
async def test_answers_for_refused_credentials(
    ask: Callable[[FakeTransport], Awaitable[Answered]],
) -> None:
    """502 and a problem, which holds none of the application's secrets."""
    status, kind, body = await ask(FakeTransport([401, 401]))
    problem = orjson.loads(body)
    assert status == problem["status"] == 502
    assert kind.startswith("application/problem+json")
    assert problem["detail"] == "The source of the interactions cannot be used."
    assert b"credential" not in body


async def test_names_the_context_that_is_missing_in_aiohttp() -> None:
    """Instead of a key that means nothing to a reader."""
    errors: list[str] = []

    @web.middleware
    async def record(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except RuntimeError as error:
            errors.append(str(error))
            return web.Response(status=500)
        return response

    app = _aiohttp_application()
    app.middlewares.append(record)
    assert (await _answer_of(app))[0] == 500
    assert "interactions_context()" in errors[0]


async def test_is_the_same_client_in_a_part_of_an_application() -> None:
    """Applications of aiohttp within others have no keys of their own but those they set."""
    part, app = _aiohttp_application(), web.Application()
    app.cleanup_ctx.append(
        aiohttp_web.interactions_context(CONFIG, transport=FakeTransport([interactions()]))
    )
    app.add_subapp("/part", part)
    assert (await _answer_of(app, "/part/"))[0] == 200


async def test_names_the_lifespan_that_is_missing_in_litestar() -> None:
    """Where it is not run, as in a test that does not enter its client."""

    @get("/")
    async def customer(interactions: litestar.InteractionsDependency) -> None:
        """Never reached."""

    app = Litestar([customer], plugins=[litestar.InteractionsPlugin(CONFIG)], debug=True)
    answer = await AsyncTestClient(app).get("/")
    assert answer.status_code == 500
    assert "let the server run lifespans" in answer.text


async def test_has_several_clients_in_litestar() -> None:
    """Each plugin its own, by the name of its argument."""

    @get("/")
    async def names(
        one: NamedDependency[InteractionsClient], other: NamedDependency[InteractionsClient]
    ) -> list[str]:
        for client in (one, other):
            await client.lookup(CUSTOMER)
        return [one.config.base_url, other.config.base_url]

    asked = {name: FakeTransport([interactions()]) for name in ("one", "other")}
    plugins = [
        litestar.InteractionsPlugin(
            ClientConfig(f"https://{name}.example.com", BasicAuth("till", "secret")),
            dependency=name,
            transport=transport,
        )
        for name, transport in asked.items()
    ]
    async with AsyncTestClient(Litestar([names], plugins=plugins)) as client:
        urls = (await client.get("/")).json()
    assert urls == ["https://one.example.com", "https://other.example.com"]
    assert [len(transport.requests) for transport in asked.values()] == [1, 1]


@pytest.mark.parametrize("drain", [-1, float("nan")])
async def test_refuses_a_drain_at_the_start(drain: float) -> None:
    """And not when the application stops, where it is not seen."""
    began = False
    with pytest.raises(ConfigurationError, match="drain"):
        async with serving(CONFIG, drain=drain, transport=FakeTransport()):
            began = True
    assert not began
