"""Removes from a cell what is never part of an identifier, or of a column's name.

That is invisible characters, which are copied along with a number from a chat or a web page, and
the marks by which a spreadsheet keeps digits as text. Phone numbers are not normalised here.
"""

import re
from typing import Final

# Zero-width and directional characters, fillers, the soft hyphen, byte-order marks, tags.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Joiners and variation selectors shape Indic and Persian letters and emoji; beside ASCII and at
# the ends they do nothing.
_JOINERS: Final = "[\u200c\u200d\ufe00-\ufe0f]+"
_IDLE_JOINERS: Final = re.compile(
    rf"(?<![^\x00-\x7f]){_JOINERS}|{_JOINERS}(?![^\x00-\x7f])", re.ASCII
)
_FORMULA: Final = re.compile(r'=\s*"(.*)"', re.DOTALL)
_MAX_MARKS: Final = 3


def remove_invisible(text: str) -> str:
    return text if text.isascii() else _IDLE_JOINERS.sub("", _INVISIBLE.sub("", text))


def clean(text: str) -> str:
    """A text without invisible characters and surrounding whitespace."""
    return remove_invisible(text).strip()


def clean_identifier(text: str) -> str:
    r"""The same without a spreadsheet's marks for text.

    >>> clean_identifier('="919000000012"'), clean_identifier("'919000000010")
    ('919000000012', '919000000010')
    """
    text = clean(text)
    for _ in range(_MAX_MARKS):
        shorter = clean(_without_mark(text))
        if shorter == text:
            break
        text = shorter
    return text


def _without_mark(text: str) -> str:
    formula = _FORMULA.fullmatch(text)
    if formula is not None:
        return formula[1].replace('""', '"')
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text[1:].removesuffix("'") if text.startswith("'") else text


def escape_invisible(text: str) -> str:
    r"""A text in which each invisible character is escaped (\u200b)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
