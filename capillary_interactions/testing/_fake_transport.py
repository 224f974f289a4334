"""A transport that answers from a script and records the requests."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from attrs import evolve, field, frozen

from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions._text.masking import repr_keys
from capillary_interactions.testing._answers import interactions


@frozen(kw_only=True)
class Asked:
    """One request that reached the transport.

    Attributes:
        url: Complete, as it would have been sent.
        path: Its path.
        params: Its query parameters, decoded.
        headers: Its headers.
        timeout: The seconds that it was allowed.
        body: What was posted (a request for a token), or None.
    """

    url: str = field(repr=False)
    path: str
    params: Mapping[str, str] = field(repr=repr_keys)
    headers: Mapping[str, str] = field(repr=repr_keys)
    timeout: float
    body: bytes | None = field(default=None, repr=False)


@frozen
class _Delayed:
    seconds: float
    answer: "Answer"


# What a script may hold: a JSON body (sent with 200), its bytes, a status (with no body), a whole
# response, an exception to raise, any of these `after` some time, or a function that makes any of
# these from what was asked.
Answer = (
    Mapping[str, Any]
    | bytes
    | int
    | Response
    | BaseException
    | _Delayed
    | Callable[[Asked], "Answer"]
)


def after(seconds: float, answer: Answer) -> Answer:
    """An answer that comes after some seconds, or fails the request if its timeout is shorter.

    With `run_without_waiting` it takes no real time.
    """
    return _Delayed(seconds, answer)


class FakeTransport:
    """Answers without a network, for `InteractionsClient(config, transport=...)`.

    A request for a token (with `OAuth`) is a request like every other, and takes its answer from
    the script too.

    Args:
        script: Answers to the requests in their order.
        default: The answer to every further request; a known customer without interactions
            by default.

    Attributes:
        requests: The requests, in order.
        closed: Whether the client has closed it.

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
        """Append answers to the script."""
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
        answer = self._script.popleft() if self._script else self._default
        return await _response(answer, asked, timeout)

    async def aclose(self) -> None:
        """Set `closed`."""
        self.closed = True


async def _response(answer: Answer, asked: Asked, time_left: float) -> Response:
    match answer:
        case Response():
            # Headers are found by lower-case name, however a script spells them.
            headers = {name.lower(): text for name, text in answer.headers.items()}
            return evolve(answer, headers=headers)
        case BaseException():
            raise answer
        case int():
            return Response(status=answer)
        case bytes():
            return Response(status=200, body=answer)
        case Mapping():
            return Response(status=200, body=orjson.dumps(dict(answer)))
        case _Delayed():
            await asyncio.sleep(min(answer.seconds, time_left))
            if answer.seconds > time_left:
                raise TransportError(f"no whole answer within {time_left:.3g} s")
            return await _response(answer.answer, asked, time_left - answer.seconds)
        case _:
            return await _response(answer(asked), asked, time_left)
