"""Why does a cell hold no customer, whatever its spelling? What tools leave where one should be.

A row with such a cell is rejected with its reason and costs no request.
"""

import re
from collections.abc import Mapping
from typing import Final

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions._text.wording import pluralise

NO_DIGITS: Final = "the cell holds no digits, and so no number"
"""Why a row is rejected that has a word in place of a number."""
NO_ADDRESS: Final = "the cell holds no @, and so no email address"
"""Why a row is rejected that has a word in place of an email address."""

_ROUNDED: Final = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+", re.ASCII | re.IGNORECASE)
# Of an identifier that may hold letters, only what a spreadsheet writes.
_SURELY_ROUNDED: Final = re.compile(r"-?\d[.,]\d{8,}E\+\d{2,3}", re.ASCII)
_SPREADSHEET: Final = (
    "it looks like a spreadsheet's rounding of a long number (such as 1.23E+11), whose digits are "
    "lost; have the column written as text"
)
_FORMULA: Final = "it is a spreadsheet's formula; have the column written as text"
_COMMENT: Final = "it is a comment"
_ERROR_VALUE: Final = "it is a spreadsheet's error value"
_ERROR_VALUES: Final = frozenset(
    {"#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!", "#spill!", "#calc!"}
)
_COUNT: Final = re.compile(
    r"\(\d+ rows?(?: affected)?\)|\d+ rows? (?:selected|in set).*", re.ASCII | re.IGNORECASE
)
_MAX_LEFTOVER: Final = 100
_COUNTED: Final = "it is a database client's count of rows"
_NOTHING: Final = "it is a database's mark for a cell that holds nothing"
_NOTES: Final = {NO_DIGITS: "no digits", NO_ADDRESS: "no @"}
COUNTED_REASONS: Final = tuple(_NOTES)
"""The reasons that are counted: many such rows mean the wrong column."""
_DIGIT: Final = re.compile(r"\d")


def describe_counted(reasons: Mapping[str, int]) -> str | None:
    """How many rows hold something else than a customer, in words, or None.

    Args:
        reasons: Rejected rows by their reason.

    >>> note({NO_DIGITS: 7, NO_ADDRESS: 0})
    '7 rows hold no digits'
    """
    notes = [
        f"{pluralise(reasons[reason], 'row')} {'holds' if reasons[reason] == 1 else 'hold'} {what}"
        for reason, what in _NOTES.items()
        if reasons.get(reason)
    ]
    return ", ".join(notes) or None


def tool_output_reason(value: str, name: IdentifierName) -> str | None:
    """The reason why a text is a tool's own and no identifier, or None.

    Args:
        value: The text.
        name: The kind of identifier that it should be.
    """
    if len(value) > _MAX_LEFTOVER:
        return None
    if _COUNT.fullmatch(value):
        return _COUNTED
    if value == r"\N":
        return _NOTHING
    rounded = _ROUNDED if name is IdentifierName.MOBILE else _SURELY_ROUNDED
    return _SPREADSHEET if rounded.fullmatch(value) else None


def wrong_type_reason(value: str, name: IdentifierName) -> str | None:
    """The reason why a text cannot be an identifier of its kind however it is written, or None.

    Args:
        value: The text.
        name: The kind.
    """
    if name is IdentifierName.MOBILE:
        return _unlike_mobile(value)
    if value.casefold() in _ERROR_VALUES:
        return _ERROR_VALUE
    return NO_ADDRESS if name is IdentifierName.EMAIL and "@" not in value else None


def _unlike_mobile(value: str) -> str | None:
    if not _DIGIT.search(value):
        return NO_DIGITS
    if value.startswith("="):
        return _FORMULA
    return _COMMENT if value.startswith("#") else None
