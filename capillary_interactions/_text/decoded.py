"""Text with everything decoded that is encoded in it.

Servers repeat an identifier percent-encoded (also twice), as HTML or JSON escapes, or in the
digits of another script. A rule that looks for numbers and addresses has to see through that.
"""

import html
import re
import sys
import unicodedata
from typing import Final
from urllib.parse import unquote

# Deeper than any chain of proxies encodes; a longer nesting cannot be read by a person either.
_MAX_ROUNDS: Final = 8
# What is encoded again and again grows by one of these each time; taken off in one step.
_NESTED: Final = (
    (re.compile(r"%(?:25)+", re.IGNORECASE), "%"),
    (re.compile(r"&(?:amp;|#38;|#x26;)+", re.IGNORECASE), "&"),
    (re.compile(r"\\{2,}"), r"\\"),
)
_ESCAPE: Final = re.compile(
    r"\\u\{([0-9a-f]{1,6})\}|(?:\\u|%u|\\x\{)([0-9a-f]{4})\}?|\\x([0-9a-f]{2})|\\U([0-9a-f]{8})"
    r"|&#x([0-9a-f]{1,6});?",
    re.IGNORECASE,
)
_DECIMAL: Final = re.compile(r"&#([0-9]{1,7});?")
_NAMED: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]{1,31};?")
_PERCENT: Final = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_ENCODED: Final = re.compile(r"[%&\\]")


def decoded(text: str, *, letters: bool = True) -> str:
    r"""The text without percent-encoding, HTML and JSON escapes, its digits in ASCII.

    Args:
        text: The text.
        letters: Whether escapes of letters are decoded, too. Without them no digits are lost in
            what only looks like percent-encoding ("9738%522695", where %52 would be an R).

    >>> decoded("jane%2540x.in"), decoded("jane&#64;x.in"), decoded("\\u0040x \uff19\u0661")
    ('jane@x.in', 'jane@x.in', '@x 91')
    """
    for _ in range(_MAX_ROUNDS):
        if text.isascii() and not _ENCODED.search(text):
            return text
        before, text = text, _decoded_once(text, letters=letters)
        if text == before:
            break
    return text


def _decoded_once(text: str, *, letters: bool) -> str:
    for nested, plain in _NESTED:
        text = nested.sub(plain, text)

    def unless_letters(escape: re.Match[str], spelled: str) -> str:
        kept = not letters and any(map(str.isalpha, spelled))
        return escape[0] if kept else spelled

    text = _ESCAPE.sub(lambda match: unless_letters(match, _character(match, 16)), text)
    text = _DECIMAL.sub(lambda match: unless_letters(match, _character(match, 10)), text)
    text = _NAMED.sub(lambda match: unless_letters(match, html.unescape(match[0])), text)
    text = _PERCENT.sub(lambda match: unless_letters(match, unquote(match[0])), text)
    return text if text.isascii() else "".join(map(_plain, unicodedata.normalize("NFKC", text)))


def _character(escape: re.Match[str], base: int) -> str:
    code = int(next(filter(None, escape.groups())), base)
    return chr(code) if code <= sys.maxunicode else " "


def _plain(character: str) -> str:
    """The character, or the ASCII digit that it stands for."""
    if character.isascii():
        return character
    number = unicodedata.numeric(character, -1)
    return str(int(number)) if number in range(10) else character
