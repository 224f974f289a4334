"""How do bytes become lines of text? In an encoding that is given, or found by its first bytes."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

from capillary_interactions.jobs._errors import ListError

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
_LONGEST: Final = 1 << 20
_UTF_8: Final = "utf-8-sig"
_TEXT: Final = bytes({*range(0x20, 0x100), *b"\t\n\v\f\r"})
_BINARY: Final = 45  # %
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_encoding(name: str) -> str:
    """The name of an encoding that text can be read in.

    Raises:
        ListError: Python knows none of this name.
    """
    try:
        "".encode(name)
    except LookupError:
        raise ListError(
            f"{name!r} is no encoding; utf-8, utf-16 and cp1252 are some, and none has it found"
        ) from None
    return name


def lines(chunks: Iterable[bytes], encoding: str | None = None) -> Iterator[str]:
    r"""The lines of a text with their ends (\n, \r\n or \r), however its bytes are cut.

    A chunk is asked for only when the lines before it have been taken.

    Args:
        chunks: The bytes.
        encoding: How they are encoded; None for UTF-8, or UTF-16 if a byte-order mark says so.

    Raises:
        ListError: The bytes are no such text, or a line is longer than any list's.
    """
    number, tail = 0, ""
    for text in _decoded(chunks, encoding):
        text = tail + text  # noqa: PLW2901 - the text so far, and no other
        # A \r at the very end may be half of \r\n.
        cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        tail = text[cut:]
        for line in _LINE.findall(text[:cut]):
            number += 1
            yield line
        if len(tail) > _LONGEST:
            raise ListError(f"line {number + 1} is longer than {_LONGEST:,} characters; no list?")
    if tail:
        yield tail


def _decoded(chunks: Iterable[bytes], encoding: str | None) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    before = 0
    for chunk in chunks:
        if decoder is None:
            name = _encoding_of(chunk, encoding)
            decoder = codecs.getincrementaldecoder(name)()
        yield _decode(decoder, chunk, before, name)
        before += len(chunk)
    if decoder is not None:
        yield _decode(decoder, b"", before, name, final=True)


def _encoding_of(opening: bytes, given: str | None) -> str:
    if given is not None:
        # A mark that is there all the same is no part of the first column's name.
        return _UTF_8 if codecs.lookup(given).name == "utf-8" else given
    if opening.startswith(_UTF_16):
        return "utf-16"
    # A NUL is a character like any other; where every second one is a control, it is no text.
    if b"\0" in opening and len(opening.translate(None, _TEXT)) * 100 > len(opening) * _BINARY:
        raise ListError("it is a binary file, or UTF-16 without a mark; then give the encoding")
    return _UTF_8


def _decode(
    decoder: codecs.IncrementalDecoder,
    chunk: bytes,
    before: int,
    name: str,
    *,
    final: bool = False,
) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as wrong:
        # The decoder may have kept up to three bytes of the chunk before.
        at = before + len(chunk) - len(wrong.object) + wrong.start
        told = "UTF-8" if name == _UTF_8 else name
        raise ListError(
            f"it is no {told} text (at byte {at + 1:,}); give its encoding, such as cp1252"
        ) from None
