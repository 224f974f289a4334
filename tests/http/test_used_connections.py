"""An answer belongs to its request: what else comes on a kept-alive connection is never one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler

from capillary_interactions._http.connector import Connector
from capillary_interactions._http.session_pool import SessionPool
from capillary_interactions._http.transport import StaleConnectionError, TransportError
from capillary_interactions._protocol.messages import Request, Response
from tests.tables import table

from .wire import Script, Wire

URL: Final = "http://api.test:8080/v1.1/customer/interaction?format=json&mobile=91"
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d"
UNASKED: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nNOT OURS"
TIMEOUT_ANSWER: Final = b"HTTP/1.1 408 Request Time-out\r\nConnection: close\r\n\r\n"


class Answering(Wire):
    """Answers each request with its number on this connection."""

    def __init__(self, protocol: ResponseHandler) -> None:
        super().__init__(protocol, Script([]))
        self.requests = 0

    def write(self, data: Any) -> None:
        """Answer what is written."""
        self.requests += 1
        assert data.startswith(b"GET /")
        asyncio.get_running_loop().call_soon(self.feed, ANSWER % self.requests)

    def feed(self, data: bytes) -> None:
        """Bring something of the server's, unless it is closed."""
        if not self.is_closing():
            self._protocol.data_received(data)

    def end(self, error: Exception | None = None) -> None:
        """End it from the server's side."""
        if error is None:
            self._protocol.eof_received()
        self._lose(error)


def time_out(wire: Answering) -> None:
    """What HAProxy does to an idle connection."""
    wire.feed(TIMEOUT_ANSWER)
    wire.end()


SPOILING: Final[Mapping[str, Callable[[Answering], None]]] = {
    "an answer unasked": lambda wire: wire.feed(UNASKED),
    "a part of one": lambda wire: wire.feed(UNASKED[:30]),
    "an answer, and the end": time_out,
    "bytes of another protocol": lambda wire: wire.feed(b"\x15\x03\x03\x00\x02"),
    "the end": lambda wire: wire.end(),
    "a reset": lambda wire: wire.end(ConnectionResetError(104, "reset")),
}


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> list[Answering]:
    """The connections, in the order in which they are opened."""
    opened = list[Answering]()

    async def connect(_self: Connector, *_: Any, **__: Any) -> ResponseHandler:
        protocol = ResponseHandler(loop=asyncio.get_running_loop())
        opened.append(Answering(protocol))
        return protocol

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", connect)
    return opened


async def send(
    pool: SessionPool, *, meanwhile: Callable[[], None] | None = None, renews: bool = False
) -> Response:
    """Send a request; what happens while it waits for its turn, with its connection."""
    before_send: Callable[[], Awaitable[Mapping[str, str] | None]] | None = None
    if meanwhile is not None:

        async def before_send() -> Mapping[str, str] | None:
            meanwhile()
            await asyncio.sleep(1)
            return {"Authorization": "renewed"} if renews else None

    return await pool.send(Request(url=URL, before_send=before_send), timeout=9)


def pool_of(*, direct: bool, connections: int = 1) -> SessionPool:
    """A pool whose requests go by one way."""
    pool = SessionPool(connections=connections, attempt=9, connect=1.0, max_body=1_000)
    pool._may_be_direct = direct
    return pool


@table("name", SPOILING)
@table("direct", [True, False])
async def test_an_idle_connection_that_is_spoilt_is_not_used(
    name: str, wires: list[Answering], *, direct: bool
) -> None:
    """The next request has another one, and its own answer."""
    del wires[:]
    pool = pool_of(direct=direct)
    assert (await send(pool)).body == b"1"
    SPOILING[name](wires[0])
    await asyncio.sleep(0)
    response = await send(pool)
    assert (response.status, response.body) == (200, b"1")
    assert [wire.requests for wire in wires] == [1, 1]
    assert wires[0].is_closing()
    # With one connection at most, neither of them is still counted.
    assert (await send(pool)).body == b"2"
    await pool.aclose()


@table("name", SPOILING)
@table("direct", [True, False])
@table("renews", [True, False])
async def test_a_connection_that_is_spoilt_during_the_wait_is_not_used(
    name: str, wires: list[Answering], *, direct: bool, renews: bool
) -> None:
    """A used one is stale, so that the request is sent again at once; a new one has failed."""
    del wires[:]
    pool = pool_of(direct=direct)
    with pytest.raises(TransportError) as raised:
        await send(pool, meanwhile=lambda: SPOILING[name](wires[0]), renews=renews)
    assert raised.type is TransportError
    await send(pool)
    with pytest.raises(StaleConnectionError):
        await send(pool, meanwhile=lambda: SPOILING[name](wires[1]), renews=renews)
    assert (await send(pool)).body == b"1"
    assert [wire.requests for wire in wires] == [0, 1, 1]
    assert [wire.is_closing() for wire in wires] == [True, True, False]
    await pool.aclose()


async def test_an_end_that_comes_with_the_answer_is_seen_before_the_next_request(
    wires: list[Answering],
) -> None:
    """Also by a request that starts in the turn of the loop in which the first one ends."""
    pool = pool_of(direct=True, connections=2)
    loop = asyncio.get_running_loop()
    first = loop.create_task(send(pool))
    while not (wires and wires[0].requests):
        await asyncio.sleep(0)
    # The answer is fed in this turn; in the next one the first request ends, and then this happens:
    await asyncio.sleep(0)
    second = loop.create_task(send(pool))
    loop.call_soon(wires[0].end)
    assert [(await first).body, (await second).body] == [b"1", b"1"]
    assert [wire.requests for wire in wires] == [1, 1]
    await pool.aclose()
