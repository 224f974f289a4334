"""A transport that answers from a script and records what it was asked."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from attrs import field, frozen

from capillary_interactions._exchange import Request, Response
from capillary_interactions._masking import show_keys
from capillary_interactions.testing._bodies import interactions


@frozen(kw_only=True)
class Asked:
    """One request that reached the transport.

    Attributes:
        url: Complete, as it would have been sent.
        path: Its path.
        params: Its query parameters, decoded.
        headers: Its headers.
        timeout: Seconds it was given.
        body: What was posted (a request for a token), or None.
    """

    url: str = field(repr=False)
    path: str
    params: Mapping[str, str] = field(repr=show_keys)
    headers: Mapping[str, str] = field(repr=show_keys)
    timeout: float
    body: bytes | None = field(default=None, repr=False)


# What a script may hold: a JSON body (sent with 200), a status (with no body), a whole response,
# an exception to raise, or a function that makes any of these from what was asked.
Answer = Mapping[str, Any] | bytes | int | Response | BaseException | Callable[[Asked], "Answer"]


class FakeTransport:
    """Answers without a network, for `InteractionsClient(config, transport=...)`.

    Args:
        script: Answers to the requests in their order.
        default: The answer to every further request; a known customer without interactions if
            not given.

    Attributes:
        requests: What was asked, in order.
        closed: Whether the client has let go of it.

    Example:
        transport = FakeTransport([503, interactions(email=[message(1)])])
        async with InteractionsClient(config, transport=transport) as client:
            outcome = await client.lookup(Identifier.mobile("919738522695"))
        assert outcome.attempts == 2
    """

    def __init__(self, script: Iterable[Answer] = (), *, default: Answer | None = None) -> None:
        self._script = deque(script)
        self._default: Answer = interactions() if default is None else default
        self.requests: list[Asked] = []
        self.closed = False

    def then(self, *answers: Answer) -> None:
        """Go on with these answers after the script so far."""
        self._script.extend(answers)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Answer the next request; see `Transport.send`."""
        parts = urlsplit(request.url)
        asked = Asked(
            url=request.url,
            path=parts.path,
            params=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=dict(request.headers),
            timeout=timeout,
            body=request.body,
        )
        self.requests.append(asked)
        return _response(self._script.popleft() if self._script else self._default, asked)

    async def aclose(self) -> None:
        """Note that the client has let go."""
        self.closed = True


def _response(answer: Answer, asked: Asked) -> Response:
    match answer:
        case Response():
            return answer
        case BaseException():
            raise answer
        case int():
            return Response(status=answer)
        case bytes():
            return Response(status=200, body=answer)
        case Mapping():
            return Response(status=200, body=orjson.dumps(dict(answer)))
        case _:
            return _response(answer(asked), asked)
