"""aiohttp.web: a cleanup context with the client in it, and failures answered."""

from collections.abc import AsyncIterator, Callable
from typing import Final, Unpack

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

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

__all__ = [
    "CLIENT",
    "answer_failures",
    "client_of",
    "identified",
    "interactions_context",
    "response_to",
]

CLIENT: Final = web.AppKey("capillary_interactions", InteractionsClient)


def interactions_context(
    config: ClientConfig | None = None,
    *,
    session: web.AppKey[ClientSession] | None = None,
    **parts: Unpack[Parts],
) -> Callable[[web.Application], AsyncIterator[None]]:
    """What to append to `app.cleanup_ctx`: the client is then `client_of(request)`.

    Args:
        config: How the client behaves; by default what the environment says at the start.
        session: Where the application keeps a session of its own that the client is to use; the
            context that opens it comes first. By default the client has one to itself.
        parts: See `Parts`.
    """

    async def context(app: web.Application) -> AsyncIterator[None]:
        if session is not None:
            parts["transport"] = app[session]
        async with serving(config, **parts) as client:
            app[CLIENT] = client
            yield

    return context


def client_of(request: web.Request) -> InteractionsClient:
    """The client of the request's application, or of one that this is a part of.

    Raises:
        RuntimeError: None of them was started with the context.
    """
    client: InteractionsClient | None = request.config_dict.get(CLIENT)
    if client is None:
        raise RuntimeError(
            "this application has no client: append interactions_context() to its cleanup_ctx, "
            "and let a runner start it"
        )
    return client


def response_to(outcome: Outcome) -> web.Response:
    """The response for an outcome; see `web.answer_to`."""
    return _response(answer_to(outcome))


@web.middleware
async def answer_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a handler's failures answer what they mean.

    What `outcome.unwrap()` raises is 404, 503, ...; what `identified()` raises is 422; refused
    credentials are 502.
    """
    try:
        return await handler(request)
    except FAILURES as error:
        return _response(answer_to_failure(error))


def _response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
