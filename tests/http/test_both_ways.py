"""The short way gives what a session gives: any bytes, in any pieces, from any state."""

import asyncio
import gzip
import zlib
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions._http import session_pool
from capillary_interactions._http.connector import Connector
from capillary_interactions._http.transport import ResponseTooLargeError, TransportError
from capillary_interactions._protocol.messages import Request, layer_headers
from capillary_interactions.testing import run_without_waiting
from tests.tables import table

from .wire import Script, Wire

URL: Final = "http://api.test:8080/v1.1/customer/interaction?format=json&mobile=91"
HEADERS: Final = {"Accept": "application/json", "X-A": "ä", "Content-Type": "application/json"}
MAX_BODY: Final = 2_000
TIMEOUT: Final = 5.0


def ended(script: Script, *, direct: bool) -> tuple[object, list[bytes]]:
    """How a request ends, and what was written on each connection."""
    wires = list[Wire]()

    async def connect(_self: Connector, *_: Any, **__: Any) -> ResponseHandler:
        protocol = ResponseHandler(loop=asyncio.get_running_loop())
        wires.append(Wire(protocol, script))
        return protocol

    async def send() -> object:
        pool = session_pool.SessionPool(
            connections=4, attempt=TIMEOUT, connect=1.0, max_body=MAX_BODY
        )
        pool._may_be_direct = direct
        try:
            response = await pool.send(Request(url=URL, headers=HEADERS), timeout=TIMEOUT)
        except TransportError as error:
            return type(error), error.reason
        except RuntimeError as error:
            return type(error), str(error)
        finally:
            assert bool(pool._direct) is direct
            await pool.aclose()
        return response.status, list(response.headers.items()), response.body

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(aiohttp.TCPConnector, "_create_connection", connect)
        return run_without_waiting(send()), [wire.written for wire in wires]


BODY: Final = b'{"name": "capillary", "interaction": []}'
ZIPPED: Final = gzip.compress(BODY)
STATUS_LINES: Final = st.sampled_from(
    [
        *(b"HTTP/1.1 %d Reason" % code for code in (200, 200, 200, 204, 304, 302, 404, 429, 503)),
        *(b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/2 200 OK", b"HTTP/1.1 099 X", b"ICY 200 OK"),
        b"HTTP/1.1 101 Switching Protocols",
    ]
)
FIELDS: Final = st.sampled_from(
    [
        *(b"Content-Length: %d" % size for size in (0, 5, len(BODY), len(ZIPPED), 4_000)),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
        *(b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: tcp"),
        *(b"Content-Encoding: " + coding for coding in (b"gzip", b"deflate", b"br", b"zstd", b"x")),
        *(b"Set-Cookie: a=b", b"Location: /elsewhere", b"Date: Thu, 01 Jan 1970 00:00:00 GMT"),
        *(b"X-Bytes: \xff\xfe", b"X-Long: " + b"x" * 70_000, b"no field", b" folded", b": empty"),
    ]
)
INTERIM: Final = st.sampled_from(
    [b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"]
)
CHUNKED: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
BODIES: Final = st.one_of(
    st.sampled_from(
        [
            *(b"", BODY, ZIPPED, ZIPPED[:-9], zlib.compress(BODY), CHUNKED, CHUNKED[:-3]),
            *(b"zz\r\n\r\n", b"-5\r\n{\r\n", b"5;x=y\r\n12345\r\n0\r\nTrailer: t\r\n\r\n"),
            *(BODY + b"more", b" " * 3_000, gzip.compress(b" " * 100_000)),
            BODY + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ]
    ),
    st.binary(max_size=40),
)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """What a server, something in front of it, or something that is no server may write."""
    fields = draw(st.lists(FIELDS, max_size=4))
    head = b"\r\n".join([draw(STATUS_LINES), *fields, b"", b""])
    sent = draw(INTERIM) + head + draw(BODIES)
    at = draw(st.integers(0, len(sent)))
    sent = draw(st.sampled_from([sent, sent, sent[:at], sent[:at] + draw(st.binary()) + sent[at:]]))
    cuts = sorted({0, len(sent), *draw(st.lists(st.integers(0, len(sent)), max_size=6))})
    pieces = [sent[start:end] for start, end in pairwise(cuts)]
    waits = draw(st.lists(st.integers(0, len(pieces)), max_size=3))
    for place in waits:
        pieces.insert(place, b"")
    return Script(pieces, draw(st.sampled_from(["silence", "end", "end", "reset"])))


@given(scripts())
def test_gives_what_a_session_gives(script: Script) -> None:
    """Status, headers and body, or the same error; after the same bytes, on one connection."""
    assert ended(script, direct=True) == ended(script, direct=False)


WHOLE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKS: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{    \r\n"
LATE: Final = (TransportError, f"no whole answer within {TIMEOUT:.3g} s")
TOO_LARGE: Final = (ResponseTooLargeError, f"the answer is larger than max_body ({MAX_BODY} bytes)")
# In the same turn of the loop as the deadline, and before it.
JUST_IN_TIME: Final = TIMEOUT - 1e-10


@table(
    ("script", "ending"),
    [
        (Script([WHOLE[:40]], after=JUST_IN_TIME), LATE),
        (Script([WHOLE], after=JUST_IN_TIME), LATE),
        (Script([CHUNKS, b"", b"zz\r\n"]), LATE),
        (Script([WHOLE[:-1], b"", b"", WHOLE[-1:]]), (200, [("Content-Length", "40")], BODY)),
        (Script([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b" " * 4_000]), TOO_LARGE),
        (Script([b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 2_000, b" "]), TOO_LARGE),
    ],
)
def test_ends_at_its_deadline_or_bound(script: Script, ending: object) -> None:
    """Also where it comes in the turn of the loop in which the head does, or after bad chunks."""
    assert ended(script, direct=True)[0] == ended(script, direct=False)[0] == ending


TRACE: Final = {"traceparent": "00-x-y-01", "X-Ä": "ü"}
RENEWED: Final = {"Authorization": "renewed", "Accept": "application/json"}
OWN: Final = [
    None,
    TRACE,
    {"traceparent": "00-x-y-02"},
    {"user-agent": "mine"},
    {"ACCEPT": "text/plain", "traceparent": "3"},
    {"Host": "other"},
    None,
]


CLOSING: Final = WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def written(*, direct: bool, renewed: bool) -> list[list[bytes]]:
    """The lines of requests with headers of their own, one after the other."""

    async def send(pool: session_pool.SessionPool, own: Mapping[str, str] | None) -> None:
        async def renew() -> Mapping[str, str]:
            return RENEWED if own is None else layer_headers(RENEWED, own)

        headers = HEADERS if own is None else layer_headers(HEADERS, own)
        request = Request(url=URL, headers=headers, before_send=renew if renewed else None)
        assert (await pool.send(request, timeout=TIMEOUT)).body == BODY

    async def send_all() -> None:
        pool = session_pool.SessionPool(
            connections=1, attempt=TIMEOUT, connect=1.0, max_body=MAX_BODY
        )
        pool._may_be_direct = direct
        for own in OWN:
            await send(pool, own)
        await pool.aclose()

    wires = list[Wire]()

    async def connect(_self: Connector, *_: Any, **__: Any) -> ResponseHandler:
        protocol = ResponseHandler(loop=asyncio.get_running_loop())
        wires.append(Wire(protocol, Script([CLOSING])))
        return protocol

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(aiohttp.TCPConnector, "_create_connection", connect)
        run_without_waiting(send_all())
    return [sorted(wire.written.split(b"\r\n")) for wire in wires]


@table("renewed", [False, True])
def test_sends_what_a_session_sends_of_headers_for_one_request(*, renewed: bool) -> None:
    """In place of common ones of the same name, for this request alone, also after a new token."""
    sent = written(direct=True, renewed=renewed)
    assert sent == written(direct=False, renewed=renewed)
    assert len(sent) == len(OWN)
    assert sent[0] == sent[-1]
    names = [
        Counter(line.partition(b":")[0].lower() for line in lines if b":" in line) for lines in sent
    ]
    assert all(set(count.values()) == {1} for count in names)
    assert all(b"traceparent" not in names[at] for at in (0, 3, 5, 6))
    assert b"traceparent: 3" in sent[4]
    assert b"ACCEPT: text/plain" in sent[4]
    assert b"user-agent: mine" in sent[3]
