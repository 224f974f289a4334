"""How do bytes become lines of text? UTF-8, with or without a byte-order mark."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
_LONGEST: Final = 1 << 20
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONVERT: Final = "save it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)"


class ListError(Exception):
    """A list that cannot be read, or not any further; the text is one line for a person."""


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    r"""The lines of a text with their ends (\n, \r\n or \r), however its bytes are cut.

    A chunk is asked for only when the lines before it have been taken.

    Raises:
        ListError: The bytes are no UTF-8 text, or a line is longer than any list's.
    """
    number, tail = 0, ""
    for text in _decoded(chunks):
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


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    before = 0
    for chunk in chunks:
        if before == 0 and chunk.startswith(_UTF_16):
            raise ListError(f"it is UTF-16 text; {_CONVERT.replace('WINDOWS-1252', 'UTF-16')}")
        if b"\0" in chunk:
            raise ListError("it holds NUL bytes: a binary file, not a text")
        yield _decode(decoder, chunk, before)
        before += len(chunk)
    yield _decode(decoder, b"", before, final=True)


def _decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, before: int, *, final: bool = False
) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as wrong:
        # The decoder may have kept up to three bytes of the chunk before.
        at = before + len(chunk) - len(wrong.object) + wrong.start
        raise ListError(f"it is no UTF-8 text (at byte {at + 1:,}); {_CONVERT}") from None
