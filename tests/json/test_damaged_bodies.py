"""JSON that a strict reader refuses: read where it has one meaning, else known for what it is."""

import codecs
import json
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings

from capillary_interactions import to_jsonable
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from tests.tables import table

from .bodies import ending, flat, flat_messages, judged
from .strategies import FLAT_ANSWERS

JSON_TYPE: Final = {"content-type": "application/json"}
MESSAGE: Final = '{"interaction": [{"name": "sms", "count": 1, "messageList": [{"id": 1, %s}]}]}'


def with_field(field: str) -> bytes:
    """An answer with one message that has this field, to the letter."""
    return (MESSAGE % field).encode()


def subject(verdict: AttemptResult) -> Any:
    """The subject of the one message of an answer."""
    assert verdict.customer is not None, verdict
    ((_, message),) = verdict.customer.messages()
    return message.subject


@table(
    ("body", "expected"),
    [
        (with_field(r'"subject": "Sale \ud83d"'), "Sale \ufffd"),
        (with_field(r'"subject": "\uDE00 Sale"'), "\ufffd Sale"),
        (with_field(r'"subject": "\ud83dx\ude00"'), "\ufffdx\ufffd"),
        (with_field(r'"subject": "\ud83d", "other": "\ud83d\ude00"'), "\ufffd"),
        (with_field(r'"subject": "\\ud83d", "x": "\udc00"'), r"\ud83d"),
        (with_field(r'"subject": "kept", "\ud83d": {"\ud83d": ["\ud83d"]}'), "kept"),
        (with_field('"subject": "two\nlines\tand \x00\x1b[31m"'), "two\nlines\tand \x00\x1b[31m"),
        (with_field('"subject": "kept", "score": NaN'), "kept"),
        (with_field('"subject": "kept", "score": [Infinity, -Infinity]'), "kept"),
        (with_field('"subject": "kept", "score": 1e999'), "kept"),
        (with_field('"subject": "kept", "score": NaN, "y": -1' + "0" * 400), "kept"),
        (with_field('"subject": "kept", "score": NaN, "y": 1' + "0" * 5000), "kept"),
        (with_field('"subject": "kept"') + b"\0" * 600, "kept"),
        (with_field('"subject": "kept"') + b"\r\n\x1a", "kept"),
        (with_field('"subject": "kept"') + b"<!-- 12 ms -->", "kept"),
        (with_field('"subject": "kept"') + b"trailing garbage", "kept"),
        (codecs.BOM_UTF8 * 2 + with_field('"subject": "kept"'), "kept"),
        (b"\r\n\0" + with_field('"subject": "kept"'), "kept"),
        (
            (MESSAGE % '"subject": "Gr\u00fc\u00dfe \u20ac"').encode("cp1252"),
            "Gr\u00fc\u00dfe \u20ac",
        ),
        ((MESSAGE % '"subject": "caf\u00e9"').encode("latin-1"), "caf\u00e9"),
        (with_field('"subject": "caf\u00e9 @"').replace(b"@", b"\xf0\x9f\x98"), "caf\u00e9 \ufffd"),
        (with_field('"subject": "@"').replace(b"@", b"\xed\xa0\xbd"), "\ufffd\ufffd\ufffd"),
        ((MESSAGE % '"subject": "\u20ac"').encode("utf-16"), "\u20ac"),
        ((MESSAGE % '"subject": "\u20ac"').encode("utf-16-le"), "\u20ac"),
        ((MESSAGE % '"subject": "\u20ac"').encode("utf-16-be"), "\u20ac"),
        ((MESSAGE % r'"subject": "\ud83d"').encode("utf-16-le"), "\ufffd"),
        ((MESSAGE % '"subject": "@"').encode("utf-16-le").replace(b"@\0", b"\x3d\xd8"), "\ufffd"),
        ((MESSAGE % '"subject": "\u20ac"').encode("utf-32"), "\u20ac"),
        ((MESSAGE % '"subject": "\u20ac"').encode("utf-32-be"), "\u20ac"),
    ],
)
@table("content_type", ["application/json", "text/plain", None])
def test_one_odd_character_costs_no_history(
    body: bytes, expected: str, content_type: str | None
) -> None:
    """The customer is found, and whatever was found can be written as JSON in UTF-8 again."""
    verdict = judged(body, headers={} if content_type is None else {"content-type": content_type})
    assert subject(verdict) == expected
    assert verdict.customer is not None
    written = orjson.dumps(to_jsonable(verdict.customer))
    assert written == orjson.dumps(json.loads(written, parse_constant=pytest.fail))


@table("charset", ["utf-16", "utf-16le", "UTF-16BE", "utf-8", "latin-1", "x-y"])
@table("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_the_bytes_say_how_wide_their_characters_are(charset: str, encoding: str) -> None:
    """Whatever the header names, with or without a byte-order mark."""
    body = (MESSAGE % '"subject": "ok"').encode(encoding)
    verdict = judged(body, headers={"content-type": f"application/json; charset={charset}"})
    assert subject(verdict) == "ok"


@table(
    "body",
    [
        b'{"interaction": [],}',
        b'{"interaction": []}}',
        b'{"interaction": []}{"interaction": [{"name": "sms", "count": 1}]}',
        b"{'interaction': []}",
        b'{"interaction": [], "x": 01}',
        b'{"interaction": [], x: 1}',
        b'{"interaction": [] /* none */}',
        b'{"interaction": [] "x": 1}',
        b'{"interaction": [], "x": "\\x"}',
        b"[" * 5000 + b"]" * 5000,
        b'{"interaction": [], "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_whole_but_broken_json_is_unreadable(body: bytes) -> None:
    """To ask again brings the same; where it is broken is said, and nothing of what it holds."""
    verdict = judged(body, headers=JSON_TYPE)
    assert verdict.kind is ResultKind.UNREADABLE
    assert verdict.reason.startswith("the answer cannot be read: ")
    assert verdict.body == body[:2048]
    assert ending(judged(body, 503, JSON_TYPE)) == "again"


@table("text", [r'{"interaction": [{"name": "\u20ac", "x": [true, -1.5e3]}], "y": null}'])
def test_json_that_breaks_off_is_asked_for_again(text: str) -> None:
    """Wherever it was cut: another attempt may bring the whole."""
    for end in range(1, len(text)):
        verdict = judged(text[:end].encode(), headers=JSON_TYPE)
        assert ending(verdict) == "again", text[:end]


@table("body", [b"<html>{</html>", b"Service unavailable", b"null,", b"\0\0"])
def test_what_does_not_begin_like_json_is_asked_for_again(body: bytes) -> None:
    """A proxy's page, even where it says that it is JSON."""
    assert ending(judged(body, headers=JSON_TYPE)) == "again"


def test_a_failure_is_understood_in_whatever_encoding() -> None:
    """The code for an unknown customer counts, though the sentence beside it is damaged."""
    body = b'{"errors": [{"status": false, "code": 1012, "message": "inconnu\xe9 \\ud83d"}]}'
    assert ending(judged(body, 500, JSON_TYPE)) == "not found"


def test_more_objects_than_a_history_has_are_unreadable() -> None:
    """A body of nothing but brackets would take a hundred times its size in memory."""
    crowded = b'{"interaction": [], "x": [%b[]]}' % (b"[]," * 80_000)
    verdict = judged(crowded, headers=JSON_TYPE)
    assert verdict.kind is ResultKind.UNREADABLE
    assert "more objects and lists" in verdict.reason
    texts = flat_messages({"subject": '[{"\\' * 20_000}, {"subject": "\\\\"})
    assert ending(judged(texts)) == "found"
    assert ending(judged(flat(x=[[]] * 60_000))) == "found"


@settings(max_examples=12, deadline=None)
@given(FLAT_ANSWERS)
def test_an_answer_is_the_same_in_every_encoding(body: dict[str, Any]) -> None:
    """Read from its bytes alone, with something behind it or not."""
    whole = judged(body)
    for encoding in ("utf-8", "utf-16", "utf-16-be", "utf-32"):
        coded = json.dumps(body, ensure_ascii=False).encode(encoding)
        assert judged(coded) == whole
        assert judged(coded + b"\0\0\0\0") == whole
