"""Litestar: a plugin with the client's lifespan, the client as a dependency, failures answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, Unpack

from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.plugins import InitPlugin

from capillary_interactions._client import InteractionsClient
from capillary_interactions._config import ClientConfig
from capillary_interactions._outcome import LookupFailedError, Outcome
from capillary_interactions.integrations.web import Parts, answer_to, serving

# The application's client, as the type of a handler's argument `interactions`.
InteractionsDependency: TypeAlias = NamedDependency[InteractionsClient]

_STATE: Final = "capillary_interactions"


class InteractionsPlugin(InitPlugin):
    """Gives handlers the application's client: `interactions: InteractionsDependency`.

    `outcome.unwrap()` in a handler then answers what the outcome means: 404, 503, ...

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

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add to what the application is made of."""
        app_config.lifespan = [*app_config.lifespan, self._live]
        provide = Provide(_client_of, sync_to_thread=False)
        app_config.dependencies = {self._dependency: provide, **app_config.dependencies}
        app_config.exception_handlers = {
            LookupFailedError: _answer,
            **app_config.exception_handlers,
        }
        return app_config

    @asynccontextmanager
    async def _live(self, app: Litestar) -> AsyncIterator[None]:
        async with serving(self._config, **self._parts) as client:
            app.state[_STATE] = client
            yield


def response_to(outcome: Outcome) -> Response[bytes]:
    """The whole response for an outcome; see `web.answer_to`."""
    answer = answer_to(outcome)
    headers = dict(answer.headers)
    media_type = headers.pop("Content-Type")
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=media_type)


def _client_of(state: State) -> InteractionsClient:
    client: InteractionsClient = state[_STATE]
    return client


def _answer(_: Request[Any, Any, Any], failed: LookupFailedError) -> Response[bytes]:
    return response_to(failed.outcome)
