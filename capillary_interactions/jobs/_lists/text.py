"""How do bytes become lines of text? In an encoding that is given, or found by its first bytes."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.foreign_formats import refuse_foreign_bytes

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
MAX_LINE: Final = 1 << 22
"""Characters; more than any list's line has."""
# A line with more of what separates cells takes longer to read than an event loop can wait.
_MAX_CELLS: Final = 1 << 20
_SEPARATORS: Final = ",;\t|"
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
# Enough to tell what a text is, where it comes a byte at a time.
_FEWEST: Final = 16
# CP/M's and DOS's mark for the end of a file.
_END_OF_FILE: Final = "\x1a"
_WAY_ON: Final = "give its encoding, such as cp1252"
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
    number, size = 0, 0
    tail: list[str] = []
    for text in _decoded(chunks, encoding):
        # Joined once, or a line that comes in small pieces would be copied at each of them.
        if tail and not _may_end(tail[-1], text):
            tail.append(text)
            size += len(text)
        else:
            found, rest = _split("".join((*tail, text)))
            number += len(found)
            if tail and found:
                _check_cells(found[0], number - len(found) + 1)
            yield from found
            tail, size = [rest] if rest else [], len(rest)
        if size > MAX_LINE:
            raise ListError(f"line {number + 1} is longer than {MAX_LINE:,} characters; no list?")
    last = "".join(tail).rstrip(_END_OF_FILE)
    if last:
        _check_cells(last, number + 1)
        yield last


def _may_end(before: str, text: str) -> bool:
    return "\n" in text or "\r" in text or before.endswith("\r")


def _split(text: str) -> tuple[list[str], str]:
    """The whole lines of a text, and what is behind them."""
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
    decoder = _Decoder(_encoding_of(opening, encoding))
    begun = False
    for chunk in chain(filter(None, (opening,)), source, (b"",)):
        for text in decoder.texts(chunk):
            # A mark is no part of the first column's name, in whichever encoding it was written.
            yield text if begun else text.lstrip(_MARK)
            begun = begun or bool(text)


def _opening(source: Iterator[bytes]) -> bytes:
    """The first bytes: enough to tell what they are, or a line."""
    opening = b""
    while len(opening) < _FEWEST and b"\n" not in opening and b"\r" not in opening:
        more = next(source, b"")
        if not more:
            break
        opening += more
    return opening


def _encoding_of(opening: bytes, given: str | None) -> str:
    if given is not None:
        name = codecs.lookup(given).name
        if name in {"utf-16", "utf-32"} and not opening.startswith(MARKS):
            return f"{name}-{_order(opening)}"
        # A mark that is there all the same is no part of the first column's name.
        return _UTF_8 if name == "utf-8" else given
    for mark, name in _MARKS:
        if opening.startswith(mark) and (name == "utf-16" or _is_utf_32(opening)):
            return name
    # A NUL is a character like any other; where every second one is a control, it is no text.
    if b"\0" in opening and len(opening.translate(None, _TEXT)) * 100 > len(opening) * _BINARY:
        width = _width(opening)
        raise ListError(
            f"it is a binary file, or UTF-{width} without a mark; then give the encoding: "
            f"utf-{width}-{_order(opening)}, by where its zero bytes stand"
        )
    return _UTF_8


def _order(opening: bytes) -> str:
    """In which order the bytes of UTF-16 or UTF-32 stand, where no mark says so."""
    # The upper byte of most characters is zero; most programs write the lower one first.
    return "be" if opening[::2].count(0) > opening[1::2].count(0) else "le"


def _width(opening: bytes) -> int:
    """Whether half of the bytes are zero, or three in four."""
    return 32 if opening.count(0) * 8 > len(opening) * 5 else 16


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
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            # The decoder may have kept some bytes of the chunk before.
            right = len(chunk) - len(error.object) + error.start
            yield self._again(state, chunk[: max(right, 0)])
            place = f"at byte {self._before + right + 1:,}"
            raise ListError(f"it is no {self._shown} text ({place}); {_WAY_ON}") from None
        except UnicodeError:
            place = f"behind byte {self._before:,}"
            raise ListError(f"it is no {self._shown} text ({place}); {_WAY_ON}") from None
        yield text
        self._before += len(chunk)

    @property
    def _shown(self) -> str:
        return "UTF-8" if self._name == _UTF_8 else self._name

    def _again(self, state: tuple[bytes, int], right: bytes) -> str:
        """The text before what is none; some decoders cannot give it."""
        try:
            self._decoder.setstate(state)
            return self._decoder.decode(right)
        except UnicodeError:
            return ""
