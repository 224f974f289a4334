"""aiohttp.web: a cleanup context with the client in it, and failures answered."""

from collections.abc import AsyncIterator, Callable
from typing import Final, Unpack

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from capillary_interactions._client import InteractionsClient
from capillary_interactions._config import ClientConfig
from capillary_interactions._outcome import LookupFailedError, Outcome
from capillary_interactions.integrations.web import Parts, answer_to, serving

CLIENT: Final = web.AppKey("capillary_interactions", InteractionsClient)


def interactions_context(
    config: ClientConfig | None = None,
    *,
    session: web.AppKey[ClientSession] | None = None,
    **parts: Unpack[Parts],
) -> Callable[[web.Application], AsyncIterator[None]]:
    """What to append to `app.cleanup_ctx`: the client is then `request.app[CLIENT]`.

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


def response_to(outcome: Outcome) -> web.Response:
    """The whole response for an outcome; see `web.answer_to`."""
    answer = answer_to(outcome)
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@web.middleware
async def answer_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let `outcome.unwrap()` in a handler answer what the outcome means: 404, 503, ..."""
    try:
        return await handler(request)
    except LookupFailedError as failed:
        return response_to(failed.outcome)
