"""Decodes bytes and splits them into lines; the encoding is given, or found by the first bytes."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.foreign_formats import refuse_foreign_bytes

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
MAX_LINE: Final = 1 << 22
"""Characters; no list has a longer line."""
# The csv module parses a line without releasing the GIL: more cells would block the event loop.
_MAX_CELLS: Final = 1 << 20
_SEPARATORS: Final = ",;\t|"
_UTF_8: Final = "utf-8-sig"
_TEXT: Final = bytes({*range(0x20, 0x100), *b"\t\n\v\f\r"})
_BINARY_PERCENT: Final = 45
_UTF_32_LE: Final = codecs.BOM_UTF32_LE
_MAX_PLANE: Final = 0x10
# The longer ones first: one is a prefix of another.
_ENCODING_MARKS: Final = (
    (_UTF_32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BYTE_ORDER_MARKS: Final = tuple(mark for mark, _ in _ENCODING_MARKS)
"""The first bytes of text in other encodings than UTF-8."""
BYTE_ORDER_MARK: Final = "\ufeff"
# Enough to find the encoding of a text that comes a byte at a time.
_MIN_OPENING: Final = 16
# CP/M's and DOS's mark for the end of a file.
_END_OF_FILE: Final = "\x1a"
_HINT: Final = "give its encoding, such as cp1252"
# Codecs of Python's that are no encoding of text, or cannot decode incrementally.
_NO_ENCODINGS: Final = frozenset(
    {"unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined"}
)


def check_encoding(name: str) -> str:
    """Return the name, or raise ListError if text cannot be decoded by it."""
    try:
        "".encode(name)
        known = codecs.lookup(name).name.replace("-", "_") not in _NO_ENCODINGS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ListError(
            f"{name[:40]!r} is no encoding of text; utf-8, utf-16 and cp1252 are some, and "
            "without any it is found"
        )
    return name


def lines(chunks: Iterable[bytes], encoding: str | None = None) -> Iterator[str]:
    r"""The lines of a text with their ends (\n, \r\n or \r), however its bytes are cut.

    A chunk is read only when all lines before it have been taken. Not io.TextIOWrapper, which
    drops the lines of a chunk before a byte that cannot be decoded.

    Raises:
        ListError: The bytes are no such text, or a line is too long for a list.
    """
    number, size = 0, 0
    parts: list[str] = []
    for text in _decoded(chunks, encoding):
        # Joined once: a line that comes in small pieces would be copied at each of them.
        if parts and not _may_end_line(parts[-1], text):
            parts.append(text)
            size += len(text)
        else:
            complete, rest = _split("".join((*parts, text)))
            number += len(complete)
            if parts and complete:
                _check_cells(complete[0], number - len(complete) + 1)
            yield from complete
            parts, size = [rest] if rest else [], len(rest)
        if size > MAX_LINE:
            raise ListError(f"line {number + 1} is longer than {MAX_LINE:,} characters; no list?")
    last = "".join(parts).rstrip(_END_OF_FILE)
    if last:
        _check_cells(last, number + 1)
        yield last


def _may_end_line(before: str, text: str) -> bool:
    return "\n" in text or "\r" in text or before.endswith("\r")


def _split(text: str) -> tuple[list[str], str]:
    """The complete lines of a text, and the rest."""
    # A \r at the very end may be half of \r\n.
    cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
    return _LINE.findall(text[:cut]), text[cut:]


def _check_cells(line: str, number: int) -> None:
    if len(line) > _MAX_CELLS and max(map(line.count, _SEPARATORS)) >= _MAX_CELLS:
        raise ListError(f"line {number} has more than {_MAX_CELLS:,} cells; no list?")


def _decoded(chunks: Iterable[bytes], encoding: str | None) -> Iterator[str]:
    source = filter(None, chunks)
    opening = _opening(source)
    refuse_foreign_bytes(opening)
    name = _encoding_of(opening, encoding)
    started = False
    for text in _decode(chain(filter(None, (opening,)), source, (b"",)), name):
        # A mark is no part of the first column's name, whichever encoding it was written in.
        yield text if started else text.lstrip(BYTE_ORDER_MARK)
        started = started or bool(text)


def _opening(source: Iterator[bytes]) -> bytes:
    """The first bytes: enough to find the encoding, or a line."""
    opening = b""
    while len(opening) < _MIN_OPENING and b"\n" not in opening and b"\r" not in opening:
        more = next(source, b"")
        if not more:
            break
        opening += more
    return opening


def _encoding_of(opening: bytes, encoding: str | None) -> str:
    if encoding is not None:
        name = codecs.lookup(encoding).name
        if name in {"utf-16", "utf-32"} and not opening.startswith(BYTE_ORDER_MARKS):
            return f"{name}-{_byte_order(opening)}"
        # Without the mark, which would be part of the first column's name.
        return _UTF_8 if name == "utf-8" else encoding
    for mark, name in _ENCODING_MARKS:
        if opening.startswith(mark) and (name == "utf-16" or _is_utf_32(opening)):
            return name
    # A NUL may occur in text; where every second byte is a control character, it is none.
    controls = len(opening.translate(None, _TEXT))
    if b"\0" in opening and controls * 100 > len(opening) * _BINARY_PERCENT:
        width = _width(opening)
        raise ListError(
            f"it is a binary file, or UTF-{width} without a mark; then give the encoding: "
            f"utf-{width}-{_byte_order(opening)}, by where its zero bytes stand"
        )
    return _UTF_8


def _byte_order(opening: bytes) -> str:
    # The upper byte of most characters is zero; most programs write the lower one first.
    return "be" if opening[::2].count(0) > opening[1::2].count(0) else "le"


def _width(opening: bytes) -> int:
    """Whether half of the bytes are zero, or three in four."""
    return 32 if opening.count(0) * 8 > len(opening) * 5 else 16


def _is_utf_32(opening: bytes) -> bool:
    # Its mark may also be one of UTF-16 and a NUL; but no code point is so high.
    return max(opening[6::4], default=0) <= _MAX_PLANE or not opening.startswith(_UTF_32_LE)


def _decode(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text of chunks, of which an empty one is the last, up to what cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    for chunk in chunks:
        state = decoder.getstate()
        try:
            text = decoder.decode(chunk, not chunk)
        except UnicodeError as error:
            position = f"behind byte {offset:,}"
            if isinstance(error, UnicodeDecodeError):
                # The decoder may have buffered bytes of the chunk before.
                valid = len(chunk) - len(error.object) + error.start
                position = f"at byte {offset + valid + 1:,}"
                yield _decode_again(decoder, state, chunk[: max(valid, 0)])
            name = "UTF-8" if encoding == _UTF_8 else encoding
            raise ListError(f"it is no {name} text ({position}); {_HINT}") from None
        yield text
        offset += len(chunk)


def _decode_again(
    decoder: codecs.IncrementalDecoder, state: tuple[bytes, int], valid: bytes
) -> str:
    try:
        decoder.setstate(state)
        return decoder.decode(valid)
    except UnicodeError:  # some decoders cannot be reset
        return ""
