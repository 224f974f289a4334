"""How do bytes become lines of text? In an encoding that is given, or found by its first bytes."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from capillary_interactions.jobs._errors import ListError

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
LONGEST_LINE: Final = 1 << 22
"""Characters; more than any list's line has."""
_UTF_8: Final = "utf-8-sig"
_TEXT: Final = bytes({*range(0x20, 0x100), *b"\t\n\v\f\r"})
_BINARY: Final = 45  # %
_UTF_32_LE: Final = codecs.BOM_UTF32_LE
_MOST_PLANES: Final = 0x10
# The longer ones first: one begins like another.
_MARKS: Final = (
    (_UTF_32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARKS: Final = tuple(mark for mark, _ in _MARKS)
"""What text of other encodings than UTF-8 may begin with."""
_MARK: Final = "\ufeff"
# Names that Python has for what is no text, or cannot be read a little at a time.
_NO_ENCODINGS: Final = frozenset(
    {"unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined"}
)


def check_encoding(name: str) -> str:
    """The name of an encoding that text can be read in.

    Raises:
        ListError: Python knows none of this name.
    """
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

    A chunk is asked for only when the lines before it have been taken.

    Args:
        chunks: The bytes.
        encoding: How they are encoded; None for UTF-8, or UTF-16 or UTF-32 if a byte-order
            mark says so.

    Raises:
        ListError: The bytes are no such text, or a line is longer than any list's.
    """
    number, tail = 0, ""
    for text in _decoded(chunks, encoding):
        text = tail + text  # noqa: PLW2901 - the text so far, and no other
        # A \r at the very end may be half of \r\n.
        cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        tail = text[cut:]
        found = _LINE.findall(text[:cut])
        number += len(found)
        yield from found
        if len(tail) > LONGEST_LINE:
            raise ListError(
                f"line {number + 1} is longer than {LONGEST_LINE:,} characters; no list?"
            )
    if tail:
        yield tail


def _decoded(chunks: Iterable[bytes], encoding: str | None) -> Iterator[str]:
    decoder: _Decoder | None = None
    begun = False
    for chunk in chain(filter(None, chunks), (b"",)):
        if decoder is None:
            decoder = _Decoder(_encoding_of(chunk, encoding))
        for text in decoder.texts(chunk):
            # A mark is no part of the first column's name, in whichever encoding it was written.
            yield text if begun else text.lstrip(_MARK)
            begun = begun or bool(text)


def _encoding_of(opening: bytes, given: str | None) -> str:
    if given is not None:
        # A mark that is there all the same is no part of the first column's name.
        return _UTF_8 if codecs.lookup(given).name == "utf-8" else given
    for mark, name in _MARKS:
        if opening.startswith(mark) and (name == "utf-16" or _is_utf_32(opening)):
            return name
    # A NUL is a character like any other; where every second one is a control, it is no text.
    if b"\0" in opening and len(opening.translate(None, _TEXT)) * 100 > len(opening) * _BINARY:
        raise ListError("it is a binary file, or UTF-16 without a mark; then give the encoding")
    return _UTF_8


def _is_utf_32(opening: bytes) -> bool:
    # With a mark that may also be one of UTF-16 and a NUL; no character's number is so high.
    return max(opening[6::4], default=0) <= _MOST_PLANES or not opening.startswith(_UTF_32_LE)


class _Decoder:
    """Bytes to text, a chunk at a time; an empty one is the last.

    Args:
        name: The encoding's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder(name)()
        self._before = 0

    def texts(self, chunk: bytes) -> Iterator[str]:
        """The text of a chunk; up to what is none, if there is any.

        Raises:
            ListError: There is.
        """
        try:
            yield self._decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as wrong:
            # The decoder may have kept some bytes of the chunk before.
            right = len(chunk) - len(wrong.object) + wrong.start
            if right > 0:
                yield self._decoder.decode(chunk[:right])
            told = "UTF-8" if self._name == _UTF_8 else self._name
            raise ListError(
                f"it is no {told} text (at byte {self._before + right + 1:,}); "
                "give its encoding, such as cp1252"
            ) from None
        self._before += len(chunk)
