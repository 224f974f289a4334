"""How an application's client begins and ends, and how a request gets at it."""

import asyncio
import inspect
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    Identifier,
    Outcome,
    to_jsonable,
)
from capillary_interactions.integrations import fastapi, starlette
from capillary_interactions.integrations.fastapi import InteractionsDependency
from capillary_interactions.integrations.web import serving
from capillary_interactions.testing import (
    FakeTransport,
    after,
    interactions,
    message,
    run_without_waiting,
)

CONFIG = ClientConfig("https://example.com", BasicAuth("till", "secret"))
CUSTOMER = Identifier.mobile("919738522695")


def stopped_while_asking(drain: float, takes: float, *, failing: bool = False) -> Outcome:
    """What a lookup ends in that is under way when the application stops."""

    async def main() -> Outcome:
        transport = FakeTransport([after(takes, interactions(email=[message(1)]))])
        asking: asyncio.Task[Outcome] | None = None
        try:
            async with serving(CONFIG, drain=drain, transport=transport) as client:
                asking = asyncio.create_task(client.lookup(CUSTOMER))
                await asyncio.sleep(0.5)
                _fail(failing)
        except ZeroDivisionError:
            assert failing
        assert transport.closed
        assert asking is not None
        return await asking

    return run_without_waiting(main())


def _fail(failing: bool) -> None:
    if failing:
        raise ZeroDivisionError


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize(
    ("drain", "takes", "ending"),
    [(5.0, 4.0, "found"), (2.0, 4.0, "unavailable"), (0.0, 4.0, "unavailable")],
)
def test_lets_what_is_under_way_end(
    drain: float, takes: float, ending: str, *, failing: bool
) -> None:
    """For `drain` seconds, also where the application stops with an error."""
    assert stopped_while_asking(drain, takes, failing=failing).ending == ending


def test_reads_the_environment_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where the application is made, so that its module can be imported anywhere."""
    for name in ("CAPILLARY_BASE_URL", "CAPILLARY_USERNAME", "CAPILLARY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    app = FastAPI(lifespan=fastapi.lifespan())
    with pytest.raises(ConfigurationError), TestClient(app):
        pass


def _application(*script: Any) -> Starlette:
    async def customer(request: Request) -> Response:
        client = await starlette.client_of(request)
        who = starlette.identified("mobile", request.query_params.get("mobile", CUSTOMER.value))
        outcome = await client.lookup(who)
        return JSONResponse(to_jsonable(outcome.unwrap()))

    live = starlette.lifespan(CONFIG, transport=FakeTransport(script))
    app = Starlette(routes=[Route("/", customer)], lifespan=live)
    starlette.answer_failures(app)
    return app


def test_serves_starlette() -> None:
    """An answer, and a failure that is answered for what it means."""
    sent = interactions(email=[message(1)])
    with TestClient(_application(sent, {"interaction": 5})) as web:
        assert web.get("/").json() == sent
        failed = web.get("/")
        malformed = web.get("/?mobile=%0091973852269")
    assert (failed.status_code, failed.json()["outcome"]) == (502, "unreadable")
    assert malformed.status_code == 422
    assert "control characters" in malformed.json()["detail"]
    assert "91973852269" not in malformed.text


def test_answers_each_number_that_a_visitor_types() -> None:
    """Also what only `lookup` can refuse, as it depends on the region: never 500."""
    typed = {
        "\uff19\uff17\uff13\uff18\uff15\uff12\uff12\uff16\uff19\uff15": "phone_region=",
        "tel:97385-22695": "phone_region=",
        "9738522695,9738522696": "must not hold a comma",
        "97385x22695": "must be digits",
    }
    with TestClient(_application(), raise_server_exceptions=False) as web:
        for mobile, part in typed.items():
            answer = web.get("/", params={"mobile": mobile})
            assert (mobile, answer.status_code) == (mobile, 422)
            assert part in answer.json()["detail"]
            assert mobile not in answer.json()["given"]
            assert "38522" not in answer.text


def test_names_the_lifespan_that_is_missing() -> None:
    """Instead of an attribute that means nothing to a reader."""
    web = TestClient(_application())  # not entered, so that no lifespan runs
    with pytest.raises(RuntimeError, match="lifespan"):
        web.get("/")


def test_stays_in_the_loop_as_a_dependency() -> None:
    """A plain function would go to a thread for every request."""
    app = FastAPI(lifespan=fastapi.lifespan(CONFIG, transport=FakeTransport()))

    @app.get("/")
    async def loop_of(client: InteractionsDependency) -> bool:
        (await client.lookup(CUSTOMER)).unwrap()
        return inspect.iscoroutinefunction(fastapi.client_of)

    with TestClient(app) as web:
        assert web.get("/").json() is True
        assert web.get("/openapi.json").json()["paths"]["/"]["get"].get("parameters") is None


def test_leaves_other_failures_alone() -> None:
    """What the application's own code raises is its own trouble."""

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError

    app = Starlette(routes=[Route("/", broken)])
    starlette.answer_failures(app)
    assert TestClient(app, raise_server_exceptions=False).get("/").status_code == 500
