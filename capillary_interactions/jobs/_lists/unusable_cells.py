"""Why does a cell hold no customer? The values that tools write where one should be.

A row with such a cell is rejected with its reason and costs no request.
"""

import re
from collections.abc import Mapping
from typing import Final

from capillary_interactions._model.phone_numbers import is_rounded
from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions._text.wording import pluralise

NO_DIGITS: Final = "the cell holds no digits, and so no number"
NO_ADDRESS: Final = "the cell holds no @, and so no email address"
_COUNTED: Final = {NO_DIGITS: "no digits", NO_ADDRESS: "no @"}
COUNTED_REASONS: Final = tuple(_COUNTED)
"""The reasons that are counted: many such rows mean the wrong column."""

# An identifier that may have letters is rejected only in the form that spreadsheets write.
_SURELY_ROUNDED: Final = re.compile(r"-?\d[.,]\d{8,}E\+\d{2,3}", re.ASCII)
_SPREADSHEET: Final = (
    "it looks like a spreadsheet's rounding of a long number (in scientific notation, with an E), "
    "whose digits are lost; have the column written as text"
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
_MAX_TOOL_OUTPUT: Final = 100
_ROW_COUNT: Final = "it is a database client's count of rows"
_NULL: Final = "it is a database's mark for a cell that holds nothing"
_DIGIT: Final = re.compile(r"\d")


def describe_counted(reasons: Mapping[str, int]) -> str | None:
    """How many rejected rows hold something else than a customer, or None.

    >>> describe_counted({NO_DIGITS: 7, NO_ADDRESS: 0})
    '7 rows hold no digits'
    """
    notes = [
        f"{pluralise(reasons[reason], 'row')} {'holds' if reasons[reason] == 1 else 'hold'} {what}"
        for reason, what in _COUNTED.items()
        if reasons.get(reason)
    ]
    return ", ".join(notes) or None


def tool_output_reason(value: str, name: IdentifierName) -> str | None:
    """Why a text is a tool's output and no identifier of this type, or None."""
    if len(value) > _MAX_TOOL_OUTPUT:
        return None
    if _COUNT.fullmatch(value):
        return _ROW_COUNT
    if value == r"\N":
        return _NULL
    if name is IdentifierName.MOBILE or name is IdentifierName.CUSTOMER_ID:
        rounded = value.isascii() and is_rounded(value)
    else:
        rounded = _SURELY_ROUNDED.fullmatch(value) is not None
    return _SPREADSHEET if rounded else None


def wrong_type_reason(value: str, name: IdentifierName) -> str | None:
    """Why a text cannot be an identifier of this type, however it is written, or None."""
    if name is IdentifierName.MOBILE:
        if not _DIGIT.search(value):
            return NO_DIGITS
        return {"=": _FORMULA, "#": _COMMENT}.get(value[:1])
    if value.casefold() in _ERROR_VALUES:
        return _ERROR_VALUE
    return NO_ADDRESS if name is IdentifierName.EMAIL and "@" not in value else None
