"""Text from elsewhere as one printable line.

A control character in it would control the terminal, an invisible one would hide something, and a
line break would forge a second line of a log.
"""

import re
import unicodedata
from typing import Final

_JSON_UNSAFE: Final = re.compile(r"[^\n\x20-\x7e]")
_SURROGATE_ESCAPES: Final = range(0xDC80, 0xDD00)


def one_line(text: str) -> str:
    r"""The text with blanks for what is not printable, each run of blanks as a single space.

    >>> one_line("a\x1b[2J\u200b\nb")
    'a [2J b'
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def printable(text: str) -> str:
    r"""The text with escapes for what is not printable; nothing of it is lost.

    >>> printable("a\x1b[2J\u202eb"), printable("caf\udce9")
    ('a\\x1b[2J\\u202eb', 'caf\\xe9')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "  # a space of another width
    if ord(character) in _SURROGATE_ESCAPES:
        # A byte of a file's name that is no text (PEP 383).
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def printable_json(text: str) -> str:
    r"""JSON for a terminal: what is not printable is written as JSON's own escape.

    >>> printable_json('"a\x9b2J"')
    '"a\\u009b2J"'
    """
    return _JSON_UNSAFE.sub(_json_escaped, text)


def _json_escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
