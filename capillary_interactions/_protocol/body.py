"""What JSON does the body of an answer hold? Also where it is nearly JSON.

One damaged character must not cost a customer's history: what a stricter reader of JSON refuses,
but has one meaning only, is read. Whatever comes out can be written as JSON again.
"""

import json
import re
from functools import lru_cache
from typing import Any, Final

import orjson
from attrs import frozen

from capillary_interactions._protocol.messages import Response

NOT_JSON: Final = object()
"""Stands for a body that is no JSON, or JSON that breaks off: another attempt may bring it all."""

_BOM: Final = b"\xef\xbb\xbf"
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
# Only these are looked up: Python caches every name that is looked up, and a server may send any
# number of them. UTF-8 and its subsets are left out, and so are the wide encodings, which the first
# bytes of JSON tell apart (RFC 4627, section 3). Other names are ignored, for the parameter has no
# meaning in JSON (RFC 8259, section 11).
_CODECS: Final = {
    name: codec
    for codec, names in {
        "iso8859_1": "iso-8859-1 iso8859-1 iso_8859-1 latin-1 latin1 l1 cp819 ibm819",
        "iso8859_2": "iso-8859-2 latin2",
        "iso8859_5": "iso-8859-5",
        "iso8859_6": "iso-8859-6",
        "iso8859_7": "iso-8859-7",
        "iso8859_8": "iso-8859-8",
        "iso8859_9": "iso-8859-9 latin5",
        "iso8859_15": "iso-8859-15 iso8859-15 latin-9 latin9",
        "cp1250": "windows-1250 cp1250",
        "cp1251": "windows-1251 cp1251",
        "cp1252": "windows-1252 cp1252 cp-1252 x-ansi",
        "cp1253": "windows-1253 cp1253",
        "cp1254": "windows-1254 cp1254",
        "cp1255": "windows-1255 cp1255",
        "cp1256": "windows-1256 cp1256",
        "cp1257": "windows-1257 cp1257",
        "cp1258": "windows-1258 cp1258",
        "cp874": "windows-874 tis-620 cp874",
        "koi8_r": "koi8-r",
        "gb18030": "gb18030 gbk gb2312",
        "big5": "big5",
        "shift_jis": "shift_jis shift-jis sjis",
        "euc_jp": "euc-jp",
        "euc_kr": "euc-kr",
    }.items()
    for name in names.split()
}
# Characters of UTF-8, the last perhaps cut; in Western text of one byte a character, such sequences
# hardly occur.
_UTF8: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xf4][\x80-\xbf]{2}")
# White space, control characters and marks that may stand around JSON.
_PADDING: Final = "".join(map(chr, range(0x21))) + "\x7f\x85\xa0\ufeff\ufffd;"
_MORE: Final = re.compile(r"[{}\[\]\"]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LITERALS: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
# The longest piece of an escape, a number or a literal at which JSON may break off.
_MAX_CUT: Final = 12
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1

# Objects and lists of an answer at most: this number, or one for every 32 bytes if that is more. A
# message takes some hundred bytes, and `{},{},...` 180 times its size in memory; and while Python
# collects garbage among them, it does nothing else.
_MAX_OBJECTS: Final = 64 * 1024
_MIN_BYTES: Final = 32
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)

# Up to here an answer is read within some milliseconds, whatever it holds.
_MAX_QUICK_BYTES: Final = 16 * 1024
_MAX_QUICK_OBJECTS: Final = 400


@frozen
class Broken:
    """JSON that is complete and cannot be read: another attempt brings the same.

    Attributes:
        reason: Why, without any of its values.
    """

    reason: str


def is_long(body: bytes) -> bool:
    """Whether reading a body may take more than some milliseconds."""
    return len(body) > _MAX_QUICK_BYTES or count_objects(body) > _MAX_QUICK_OBJECTS


def count_objects(body: bytes) -> int:
    """How many objects and lists the JSON of a body holds at most: brackets in strings count."""
    return body.count(b"{") + body.count(b"[")


def parse_body(response: Response) -> Any:
    """The JSON of a body, `NOT_JSON`, or `Broken`. It never raises, whatever came."""
    body = response.body
    content_type = response.headers.get("content-type", "")
    codec = None if body.startswith(_BOM) else _codec(content_type)
    if len(body) >= _MAX_OBJECTS and _is_crowded(body):
        # Of a proxy's page only the next attempt matters.
        why = "it holds more objects and lists than any history needs"
        return NOT_JSON if _is_page(content_type) else _broken(why)
    try:
        return orjson.loads(body.removeprefix(_BOM) if codec is None else body.decode(codec))
    except ValueError:  # UnicodeError and orjson's error are ValueErrors
        return _parse_nearly_json(_decode(body, codec).strip(_PADDING), content_type)


# A server sends few of them.
@lru_cache(maxsize=16)
def _codec(content_type: str) -> str | None:
    """Python's codec for a charset that is named and known, unless it is UTF-8."""
    charset = _CHARSET.search(content_type)
    return None if charset is None else _CODECS.get(charset[1].lower())


def _is_page(content_type: str) -> bool:
    return "html" in content_type.lower()


def _is_crowded(body: bytes) -> bool:
    """Whether a body holds more objects and lists than memory allows for."""
    allowed = max(_MAX_OBJECTS, len(body) // _MIN_BYTES)
    objects = count_objects(body)
    if objects <= allowed:
        return False
    in_strings = sum(count_objects(match[0]) for match in _STRING.finditer(body))
    return objects - in_strings > allowed


def _decode(body: bytes, codec: str | None) -> str:
    """A body as text, in the encoding that it shows, else in the named one, else in UTF-8.

    What is no UTF-8 is what servers send in its place, windows-1252, unless it looks like UTF-8
    that was damaged.
    """
    detected = json.detect_encoding(body)
    if detected not in {"utf-8", "utf-8-sig"}:
        return body.decode(detected, "replace")
    if codec is not None:
        return body.decode(codec, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        damaged = _UTF8.search(body) is not None
        return body.decode("utf-8" if damaged else "cp1252", "replace")


def _parse_nearly_json(text: str, content_type: str) -> Any:
    """What text holds that is no JSON to the letter, or not in UTF-8."""
    if not text.startswith(("{", "[")) or _is_page(content_type):
        return NOT_JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_leniently(text)


def _parse_leniently(text: str) -> Any:
    try:
        value, end = _LENIENT.raw_decode(text)
        return _broken("more follows its JSON") if _MORE.search(text, end) else _clean(value)
    except json.JSONDecodeError as error:
        if _breaks_off(error):
            return NOT_JSON
        return _broken(f"it is no JSON from character {error.pos + 1} on")
    except RecursionError:
        return _broken("its JSON is nested too deep")


def _broken(why: str) -> Broken:
    return Broken(f"the answer cannot be read: {why}")


def _breaks_off(error: json.JSONDecodeError) -> bool:
    """Whether JSON ends before its end."""
    rest = error.doc[error.pos :]
    if not rest or error.msg.startswith("Unterminated string"):
        return True
    if len(rest) > _MAX_CUT:
        return False
    return not re.search(r"[\]}\",]", rest) or any(
        literal.startswith(rest) for literal in _LITERALS
    )


def _clean(value: Any) -> Any:
    """JSON without lone surrogates, which no encoding of text allows."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_clean(member) for member in value]
    return value


def _integer(digits: str) -> int | float | str:
    # As orjson: what is longer than 64 bits becomes a number that no field takes for an integer.
    if len(digits) <= len(str(_MIN_INTEGER)):
        value = int(digits)
        if _MIN_INTEGER <= value <= _MAX_INTEGER:
            return value
    return _fraction(digits)


def _fraction(digits: str) -> float | str:
    # Its text, where no float holds it: infinity is no JSON.
    value = float(digits)
    return value if abs(value) < float("inf") else digits


def _no_number(_: str) -> None:
    """NaN and Infinity mean that there is no number: JSON itself has neither."""


_LENIENT: Final = json.JSONDecoder(
    strict=False, parse_int=_integer, parse_float=_fraction, parse_constant=_no_number
)
