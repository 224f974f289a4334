"""What the tests of this folder stand on: a server on the moved clock, and what can be counted."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import orjson

from capillary_interactions import BasicAuth, ClientConfig, Identifier, Query
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import Event
from capillary_interactions.testing import interactions

BASE = "https://api.example.com"
TILL = BasicAuth("till", "password")

_E = TypeVar("_E")

# What a server does with a request: a status, a body, a whole response, or an error to raise.
Reply = Response | BaseException | int | dict[str, Any]


def customer(number: int = 0) -> Identifier:
    """One of any number of customers."""
    return Identifier.mobile(f"9190{number:08d}")


def customers(count: int) -> list[Query]:
    """The first `count` of them."""
    return [Query(customer(number)) for number in range(count)]


def settings(**changes: Any) -> ClientConfig:
    """A client's settings, with a quota that is no hindrance unless one is given."""
    given = {"auth": TILL, "rate": "100000/1", **changes}
    return ClientConfig(BASE, **given)


def busiest(times: Iterable[float], per: float) -> int:
    """The most of these moments that any window of `per` seconds holds, its ends included."""
    moments = sorted(times)
    return max(
        (bisect_right(moments, start + per) - place for place, start in enumerate(moments)),
        default=0,
    )


def response(reply: Reply, **headers: str) -> Response:
    """A whole response, from the short forms of it."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    match reply:
        case Response():
            return reply
        case int():
            return Response(status=reply, headers=named)
        case dict():
            return Response(status=200, headers=named, body=orjson.dumps(reply))
        case _:
            raise reply


class Server:
    """A transport that takes its time by the loop's clock, and keeps a record.

    Args:
        answer: From a request to the reply; a known customer without interactions if not given.
        takes: Seconds from a request to its reply.

    Attributes:
        requests: What arrived.
        arrivals: When.
        under_way: Requests that have no reply yet.
        most: The most that were under way at once.
    """

    def __init__(
        self, answer: Callable[[Request], Reply] | None = None, *, takes: float = 0.0
    ) -> None:
        self._answer = answer or (lambda _: interactions())
        self.takes = takes
        self.requests: list[Request] = []
        self.arrivals: list[float] = []
        self.under_way = self.most = 0
        self.closed = 0

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Answer, after the time it takes."""
        self.requests.append(request)
        self.arrivals.append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            reply = self._answer(request)
            await asyncio.sleep(min(self.takes, timeout))
            if self.takes >= timeout:
                raise TransportError(f"no whole answer within {timeout:.3g} s")
            return response(reply)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        """Count how often the client let go."""
        self.closed += 1


def asked(request: Request) -> dict[str, str]:
    """The parameters of a request."""
    return dict(parse_qsl(urlsplit(request.url).query))


def in_turn(*replies: Reply, then: Reply | None = None) -> Callable[[Request], Reply]:
    """One reply after the other, and one for all further requests."""
    left = list(replies)
    last = interactions() if then is None else then
    return lambda _: left.pop(0) if left else last


class Watch:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Remember."""
        self.events.append(event)

    def of(self, kind: type[_E]) -> Sequence[_E]:
        """The events of one kind, in their order."""
        return [event for event in self.events if isinstance(event, kind)]


async def each(
    entered: AbstractAsyncContextManager[AsyncIterable[_E]], see: Callable[[_E], object]
) -> None:
    """Enter a stream, and show each of its items."""
    async with entered as items:
        async for item in items:
            see(item)


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def others() -> set[asyncio.Task[Any]]:
    """Every task but the test's own."""
    return asyncio.all_tasks() - {asyncio.current_task()}
