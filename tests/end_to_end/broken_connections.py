"""The fault matrix: what a server may do to an answer, and how a lookup ends then."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from attrs import field, frozen

from capillary_interactions import Found, Outcome, Unavailable, Unreadable

from .byte_server import KNOWN, Act, answer, reset

MIB: Final = 1024 * 1024
ATTEMPTS: Final = 3
SHORT: Final = 0.06
"""Timeout of an attempt that never completes, in seconds."""

BROKEN: Final = "the answer broke off or is badly encoded"
CLOSED: Final = "the connection was closed before an answer came"
NO_HTTP: Final = "the answer is not HTTP"
LONG_HEADER: Final = "a header of the answer is longer than 65,536 bytes"
MANY_HEADERS: Final = "the answer has too many headers"
LATE: Final = f"no whole answer within {SHORT:.3g} s"
NO_JSON: Final = "HTTP 200 with a body that is not JSON"
EMPTY: Final = "HTTP 200 with an empty body"


@frozen(kw_only=True)
class Row:
    """One behaviour of a server, and the outcome of a lookup against it.

    Attributes:
        name: Its name in the test's report.
        act: What the server does with the connection.
        ending: How the lookup ends.
        attempts: Number of requests sent.
        reason: The outcome's reason; its beginning, if it ends in an ellipsis.
        status: The outcome's HTTP status, if it matters.
        attempt_timeout: Seconds for one attempt.
    """

    name: str = field(kw_only=False)
    act: Act = field(kw_only=False)
    ending: type[Outcome] = field(kw_only=False)
    reason: str = field(default="", kw_only=False)
    attempts: int = ATTEMPTS
    status: int | None = None
    attempt_timeout: float = 5.0


def writes(*pieces: bytes | Callable[[], bytes]) -> Act:
    """Write, and close; what is large is made only then."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.writelines(piece() if callable(piece) else piece for piece in pieces)

    return act


def writes_later(first: bytes, second: bytes) -> Act:
    """Write the second piece after the first has arrived."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await asyncio.sleep(0.01)
        writer.write(second)

    return act


def writes_and_resets(*pieces: bytes) -> Act:
    """Write, and close with RST after it has arrived."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)
        await asyncio.sleep(0.002 if pieces else 0)
        reset(writer)

    return act


def writes_and_stalls(*pieces: bytes) -> Act:
    """Write, and then nothing more until the caller times out."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)
        await asyncio.sleep(60)

    return act


def trickles(head: bytes, drop: bytes) -> Act:
    """Write a little again and again, without end."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await asyncio.sleep(0.005)

    return act


def floods(head: bytes, flood: bytes) -> Act:
    """Write as fast as the client reads, without end."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(flood)
            await writer.drain()

    return act


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked answer."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + last


_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(KNOWN)
_ZIPPED: Final = gzip.compress(KNOWN)
_GZIP: Final = "Content-Encoding: gzip"
_HTML: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_DAMAGED: Final = b'{"interaction": [{"name": "sms", "count": 0, "x": "a\nb"}]}'
_JSON: Final = "Content-Type: application/json"
_PAGE: Final = "Content-Type: text/html"
_CHUNKS: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _large_field() -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * (10 * MIB) + b"\r\n\r\n"


def _many_fields() -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"X-Many: y\r\n" * MIB + b"\r\n"


def _bomb() -> bytes:
    return answer(200, gzip.compress(b" " * (16 * MIB), 1), _GZIP)


def _typed(charset: str, body: bytes = KNOWN) -> bytes:
    return answer(200, body, f"Content-Type: application/json; charset={charset}")


def _unavailable(name: str, act: Act, reason: str, **fields: Any) -> Row:
    return Row(name, act, Unavailable, reason, **fields)


def _late(name: str, act: Act) -> Row:
    return Row(name, act, Unavailable, LATE, attempt_timeout=SHORT)


def _found(name: str, act: Act) -> Row:
    return Row(name, act, Found, attempts=1)


def _unreadable(name: str, act: Act, reason: str) -> Row:
    return Row(name, act, Unreadable, reason, attempts=1)


CONNECTIONS: Final = (
    _unavailable("closed before the head", writes(), CLOSED),
    _unavailable("reset before the head", writes_and_resets(), CLOSED),
    _unavailable("closed in the head", writes(_HEAD[:20]), "..."),
    _unavailable("reset in the head", writes_and_resets(_HEAD[:20]), CLOSED),
    _unavailable("reset in the body", writes_and_resets(_HEAD, KNOWN[:9]), BROKEN),
    _unavailable("reset in a chunk", writes_and_resets(_CHUNKS, b"64\r\n{"), BROKEN),
    _late("no head", writes_and_stalls()),
    _late("slow head", trickles(b"HTTP/1.1 200 OK\r\n", b"X-Slow: y\r\n")),
    _late("no body", writes_and_stalls(_HEAD)),
    _late("slow body", trickles(answer(200, b"{", length=MIB), b" ")),
    _late("slow chunks", trickles(_CHUNKS, b"1\r\n \r\n")),
    _late("slow chunk extension", trickles(_CHUNKS + b"1;", b"x")),
)

_COMPRESSED: Final = tuple(
    _unavailable(
        f"{name} without Accept-Encoding",
        writes(answer(200, KNOWN, f"Content-Encoding: {coding}")),
        f"the answer is packed by {name}: `pip install {package}` to unpack it",
        attempts=1,
    )
    for name, coding, package, module in (
        ("brotli", "br", "Brotli", "brotli"),
        ("zstandard", "zstd", "backports.zstd", "backports"),
    )
    # With these packages, and on Python 3.14 without zstd's, aiohttp decompresses such an answer.
    if find_spec(module) is None and not (name == "zstandard" and sys.version_info >= (3, 14))
)
FRAMES: Final = (
    _unavailable("truncated", writes(_HEAD, KNOWN[:-1]), BROKEN),
    _unavailable("truncated to nothing", writes(_HEAD), BROKEN),
    _unavailable("no last chunk", writes(chunked(KNOWN, last=b"")), BROKEN),
    _unavailable("bad chunk size", writes(chunked(b"{", last=b"zz\r\n\r\n")), NO_HTTP),
    _unavailable("negative chunk size", writes(chunked(last=b"-5\r\n{\r\n")), NO_HTTP),
    # aiohttp 3.14 closes the connection without an exception: only the attempt's timeout ends it.
    _unavailable(
        "bad chunk size, later", writes_later(_CHUNKS, b"zz\r\n{\r\n"), "...", attempt_timeout=SHORT
    ),
    _unavailable("no HTTP", writes(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_HTTP),
    _unavailable("bad status", writes(b"HTTP/1.1 abc\r\n\r\n"), NO_HTTP),
    _unavailable("bad length", writes(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), NO_HTTP),
    _unavailable("negative length", writes(answer(length=-1)), NO_HTTP),
    _unavailable(
        "two lengths", writes(answer(200, KNOWN, f"Content-Length: {len(KNOWN) + 1}")), NO_HTTP
    ),
    _unavailable("10 MiB header", writes(_large_field), LONG_HEADER, attempts=1),
    _unavailable("10 MiB of headers", writes(_many_fields), MANY_HEADERS, attempts=1),
    _unavailable(
        "10 MiB status line",
        writes(lambda: b"HTTP/1.1 200 " + b"x" * 10 * MIB),
        LONG_HEADER,
        attempts=1,
    ),
    _found("12 kB header", writes(answer(200, KNOWN, f"X-Policy: {'x' * 12_000}"))),
    _found("150 headers", writes(answer(200, KNOWN, *(f"X-{n}: y" for n in range(150))))),
    *_COMPRESSED,
    _unavailable(
        "TLS at an http:// URL",
        writes(b"\x15\x03\x03\x00\x02\x02\x46"),
        "the port speaks TLS: base_url (--base-url) must begin with https://",
        attempts=1,
    ),
    _found("chunked", writes(chunked(KNOWN[:9], KNOWN[9:]))),
    _found("until the end", writes(b"HTTP/1.1 200 OK\r\n\r\n", KNOWN)),
    _found("HTTP/1.0", writes(answer().replace(b"HTTP/1.1", b"HTTP/1.0"))),
    _found("early hints", writes(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", answer())),
)

BODIES: Final = (
    _found("gzip", writes(answer(200, _ZIPPED, _GZIP))),
    _found("deflate", writes(answer(200, zlib.compress(KNOWN), "Content-Encoding: deflate"))),
    _unavailable("bad gzip", writes(answer(200, b"no gzip at all", _GZIP)), BROKEN),
    _unavailable("cut gzip", writes(answer(200, _ZIPPED[:-12], _GZIP)), NO_JSON),
    _unreadable("gzip bomb", writes(_bomb), "the answer is larger than..."),
    _unreadable(
        "endless body",
        floods(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        "the answer is larger than max_body (1048576 bytes)",
    ),
    _found("wrong charset", writes(_typed("utf-16"))),
    _found("unknown charset", writes(_typed("klingon"))),
    _found("charset of Python's own", writes(_typed("unicode-escape"))),
    _found("charset that is no text", writes(_typed("zlib"))),
    _found("right charset", writes(_typed("utf-16", KNOWN.decode().encode("utf-16")))),
    _found("byte-order mark", writes(answer(200, b"\xef\xbb\xbf" + KNOWN))),
    _unreadable("no UTF-8", writes(answer(200, b'{"name": "\xff"}')), "the answer: expected..."),
    _unavailable("HTML", writes(answer(200, _HTML, _PAGE)), NO_JSON),
    _unavailable("empty", writes(answer(200, b"")), EMPTY, status=200),
    _unavailable("broken JSON", writes(answer(200, KNOWN[:-1])), NO_JSON, status=200),
    _unreadable(
        "nested too deeply", writes(answer(200, b"[" * 200_000)), "the answer cannot be read: it..."
    ),
    _unavailable(
        "HTML 502",
        writes(answer(502, _HTML, _PAGE)),
        "HTTP 502 with a body that is not JSON",
        status=502,
    ),
    # The next response would be equal, but for a page of a proxy.
    _unreadable(
        "complete broken JSON", writes(answer(200, b'{"interaction": [b": }', _JSON)), "..."
    ),
    _unavailable("repairable JSON as a page", writes(answer(200, _DAMAGED, _PAGE)), NO_JSON),
    _unreadable("JSON of another type", writes(answer(200, b"[]")), "..."),
    _unreadable("an empty object", writes(answer(200, b"{}")), "..."),
    _unreadable("a wrong type", writes(answer(200, KNOWN.replace(b"0", b'"x"'))), "..."),
)
