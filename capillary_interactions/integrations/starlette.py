"""Starlette, and all that stands on it: a lifespan, the client of a request, failures answered."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Unpack

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.integrations.web import (
    FAILURES,
    HttpAnswer,
    Parts,
    answer_to,
    answer_to_failure,
    identified,
    serving,
)

__all__ = ["answer_failures", "client_of", "identified", "lifespan", "response_to"]

_STATE = "interactions"


def lifespan(
    config: ClientConfig | None = None, **parts: Unpack[Parts]
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]:
    """A lifespan that gives each request the application's client, as `request.state.interactions`.

    Not where the application has a lifespan of its own: there, `async with serving(...) as client`
    (from `capillary_interactions.integrations.web`) and `yield {"interactions": client}`.

    Args:
        config: How the client behaves; by default what the environment says at the start.
        parts: See `Parts`.
    """

    @asynccontextmanager
    async def live(_: object) -> AsyncIterator[dict[str, Any]]:
        async with serving(config, **parts) as client:
            yield {_STATE: client}

    return live


# Not a plain function: FastAPI would send each call of one to a thread.
async def client_of(connection: HTTPConnection) -> InteractionsClient:
    """The application's client; as a dependency, what a test overrides.

    Raises:
        RuntimeError: The application was started without the lifespan.
    """
    client: InteractionsClient | None = getattr(connection.state, _STATE, None)
    if client is None:
        raise RuntimeError(
            "this application has no client: give it lifespan=lifespan(), or yield "
            '{"interactions": client} from its own, and let the server run lifespans'
        )
    return client


def response_to(outcome: Outcome) -> Response:
    """The response for an outcome; see `web.answer_to`."""
    return _response(answer_to(outcome))


def answer_failures(app: Starlette) -> None:
    """Let an endpoint's failures answer what they mean.

    What `outcome.unwrap()` raises is 404, 503, ...; what `identified()` raises is 422; refused
    credentials are 502.
    """
    for failure in FAILURES:
        app.add_exception_handler(failure, _answer)


async def _answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, FAILURES)  # noqa: S101 - it is registered for nothing else
    return _response(answer_to_failure(error))


def _response(answer: HttpAnswer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))
