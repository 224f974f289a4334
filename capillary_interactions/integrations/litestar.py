"""Litestar: a plugin with the client's lifespan, the client as a dependency, failures answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, Unpack

from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.plugins import InitPlugin

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.integrations.web import (
    FAILURES,
    Failure,
    HttpAnswer,
    Parts,
    answer_to,
    answer_to_failure,
    identified,
    serving,
)

__all__ = ["InteractionsDependency", "InteractionsPlugin", "identified", "response_to"]

# The application's client, as the type of a handler's argument `interactions`.
InteractionsDependency: TypeAlias = NamedDependency[InteractionsClient]


class InteractionsPlugin(InitPlugin):
    """Gives handlers the application's client: `interactions: InteractionsDependency`.

    A handler's failures then answer what they mean: what `outcome.unwrap()` raises is 404, 503,
    ...; what `identified()` raises is 422; refused credentials are 502. Several plugins, with
    an argument each, give several clients.

    Args:
        config: How the client behaves; by default what the environment says at the start.
        dependency: The name of the argument.
        parts: See `Parts`.
    """

    def __init__(
        self,
        config: ClientConfig | None = None,
        *,
        dependency: str = "interactions",
        **parts: Unpack[Parts],
    ) -> None:
        self._config = config
        self._dependency = dependency
        self._parts = parts
        self._state = f"capillary_interactions.{dependency}"

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add to what the application is made of."""
        app_config.lifespan = [*app_config.lifespan, self._live]
        provide = Provide(self._client_of, sync_to_thread=False)
        app_config.dependencies = {self._dependency: provide, **app_config.dependencies}
        app_config.exception_handlers = {
            **dict.fromkeys(FAILURES, _answer),
            **app_config.exception_handlers,
        }
        return app_config

    @asynccontextmanager
    async def _live(self, app: Litestar) -> AsyncIterator[None]:
        async with serving(self._config, **self._parts) as client:
            app.state[self._state] = client
            yield

    def _client_of(self, state: State) -> InteractionsClient:
        client: InteractionsClient | None = state.get(self._state)
        if client is None:
            raise RuntimeError("this application has no client: let the server run lifespans")
        return client


def response_to(outcome: Outcome) -> Response[bytes]:
    """The response for an outcome; see `web.answer_to`."""
    return _response(answer_to(outcome))


def _response(answer: HttpAnswer) -> Response[bytes]:
    headers = dict(answer.headers)
    media_type = headers.pop("Content-Type")
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=media_type)


def _answer(_: Request[Any, Any, Any], error: Failure) -> Response[bytes]:
    return _response(answer_to_failure(error))
