"""Removes from a cell what is never part of an identifier, or of a column's name.

That is invisible characters, which are copied along with a number from a chat or a web page, and
the marks by which a spreadsheet keeps digits as text.
"""

import re
from typing import Final

from capillary_interactions._text.invisible import remove_invisible

_FORMULA: Final = re.compile(r'=\s*"(.*)"', re.DOTALL)
_MAX_MARKS: Final = 3


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
