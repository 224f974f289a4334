"""Bodies that are no JSON, or JSON of an odd kind."""

import codecs
import encodings

import orjson

from tests.tables import table

from .bodies import ending, flat, judged, read, reason

HTML = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
BY_STATUS = {
    **dict.fromkeys((200, 201, 204, 500, 502, 503, 520, 524), "again"),
    403: "forbidden",
    404: "rejected",
    429: "throttled",
}
GOOD = '{"name": "J\u00e9r\u00f4me \u20ac", "interaction": []}'


@table(
    "body",
    [
        HTML,
        b"",
        b" ",
        b"{",
        b'{"interaction": [',
        b'{"interaction": []}}',
        b'{"interaction": [],}',
        b"{'interaction': []}",
        b'{"interaction": [], "x": NaN}',
        b'{"interaction": [], "x": Infinity}',
        b'{"interaction": [], "x": -Infinity}',
        b'{"interaction": [], "x": 1e999}',
        b'{"interaction": [], "x": 01}',
        b'{"interaction": [], "x": "\xff"}',
        b'{"interaction": [], "x": "\\ud800"}',
        b'{"interaction": [], "x": "a\nb"}',
        b"\x1f\x8b\x08\x00",
        b"\x00" * 10,
        b"[" * 30_000,
        b'{"a":' * 30_000,
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_that_are_no_json_end_by_their_status(body: bytes) -> None:
    """A proxy's page with a 200 is asked for again, and is no customer."""
    what = "a body that is not JSON" if body else "an empty body"
    for status, expected in BY_STATUS.items():
        verdict = judged(body, status, {"content-type": "text/html"})
        assert ending(verdict) == expected
        assert reason(verdict).startswith(f"HTTP {status} with {what}")


def test_of_a_page_are_not_shown() -> None:
    """Only that they are no JSON."""
    assert "moment" not in reason(judged(HTML, 503))


@table("status", [429, 503, 500, 200])
def test_that_are_no_json_keep_what_the_header_asks(status: int) -> None:
    """A CDN's page says in its headers when to come back."""
    verdict = judged(HTML, status, {"retry-after": "7"})
    assert verdict.retry_after == 7.0


@table(
    ("charset", "body"),
    [
        (None, GOOD.encode()),
        (None, codecs.BOM_UTF8 + GOOD.encode()),
        ("utf-8", GOOD.encode()),
        ("UTF8", codecs.BOM_UTF8 + GOOD.encode()),
        ('"utf-8"', GOOD.encode()),
        ("us-ascii", GOOD.encode()),
        ("utf-8-sig", codecs.BOM_UTF8 + GOOD.encode()),
        ("utf-16", GOOD.encode("utf-16")),
        ("utf-16le", codecs.BOM_UTF16_LE + GOOD.encode("utf-16le")),
        ("utf-32", GOOD.encode("utf-32")),
        ("windows-1252", GOOD.encode("windows-1252")),
        ("iso-8859-15", GOOD.encode("iso-8859-15")),
    ],
)
def test_are_read_in_the_charset_that_the_header_names(charset: str | None, body: bytes) -> None:
    """With or without a byte-order mark; UTF-8 where nothing is named."""
    content_type = "application/json" + ("" if charset is None else f"; charset={charset}")
    verdict = judged(body, 200, {"content-type": content_type})
    assert ending(verdict) == "found"
    assert "name='J" in repr(verdict)


def test_are_read_to_the_letter_in_a_named_charset() -> None:
    """The same bytes in another charset are another text."""
    answer = '{"name": "J\u00e9r\u00f4me", "interaction": []}'
    verdict = judged(answer.encode("latin-1"), 200, {"content-type": "text/json;charset=latin-1"})
    assert verdict == judged(answer.encode())


@table(
    ("charset", "body"),
    [
        ("utf-8", GOOD.encode("windows-1252")),
        ("ascii", GOOD.encode("windows-1252")),
        ("utf-16", GOOD.encode()),
        ("utf-32", GOOD.encode("utf-16")),
        ("iso-8859-1", codecs.BOM_UTF8 + GOOD.encode()),
        *[
            (name, GOOD.encode())
            for name in (
                "x-unheard-of",
                "hex",
                "base64",
                "rot13",
                "zip",
                "bz2",
                "idna",
                "punycode",
                "utf-7",
                "unicode_escape",
                "raw-unicode-escape",
                "undefined",
                "..",
                "mbcs",
            )
        ],
    ],
)
def test_in_a_wrong_charset_are_read_all_the_same(charset: str, body: bytes) -> None:
    """What the bytes themselves show counts before a name that is wrong, or unknown."""
    verdict = judged(body, 200, {"content-type": f"application/json; charset={charset}"})
    assert verdict == judged(GOOD.encode())
    assert ending(verdict) == "found"


def test_with_invented_charsets_leave_nothing_behind() -> None:
    """Python remembers each encoding that it is asked for, and a server may invent any number."""
    before = len(encodings._cache)
    for number in range(200):
        judged(GOOD.encode(), 200, {"content-type": f"application/json; charset=x{number}"})
    assert len(encodings._cache) == before


def test_with_a_key_twice_are_read_by_the_last() -> None:
    """As every common JSON reader does."""
    body = b'{"interaction": 5, "name": "a", "interaction": [], "name": "capillary"}'
    assert read(body) == read(flat())


@table("number", [b"1" + b"0" * 30, b"-1" + b"0" * 30, b"1e400", b"1E5"])
def test_with_a_huge_number_are_no_answer(number: bytes) -> None:
    """A number beyond what JSON readers agree on is never rounded into an id."""
    body = b'{"interaction": [{"name": "a", "count": 1, "messageList": [{"id": %b}]}]}' % number
    assert ending(judged(body)) in {"unreadable", "again"}


@table(
    "around",
    [
        b"%b",
        b'{"interaction": %b}',
        b'{"interaction": [], "x": %b}',
        b'{"status": %b}',
        b'{"success": %b, "code": %b, "message": %b}',
        b'{"errors": [%b], "status": {"success": %b, "code": %b}}',
        b'{"response": {"status": %b, "customer": %b}}',
        b'{"response": {"customer": {"interactions": {"network": %b}, "x": %b}}}',
    ],
)
@table(("opening", "closing"), [(b"[", b"]"), (b'{"status":', b"}")])
def test_that_are_nested_deep_have_an_ending(around: bytes, opening: bytes, closing: bytes) -> None:
    """As deep as the reader of JSON goes, wherever that is; deeper than Python's own recursion."""
    deep = opening * 1015 + b"1" + closing * 1015
    verdict = judged(around.replace(b"%b", deep))
    assert orjson.loads(deep)
    assert ending(verdict) in {"unreadable", "rejected", "again"}


def test_that_are_unreadable_are_kept_in_part() -> None:
    """The first two kilobytes, to be looked into."""
    body = b'{"interaction": 5, "x": "' + b"y" * 100_000 + b'"}'
    verdict = judged(body)
    assert (ending(verdict), verdict.body) == ("unreadable", body[:2048])
