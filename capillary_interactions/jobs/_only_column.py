"""Is what seems to be the only column of a list one column, of one kind of identifier?

Where no name says so, a separator that is not known, a title above the header or a comment would
send whole rows as identifiers.
"""

import re
from typing import Final

from capillary_interactions._masking import mask_text
from capillary_interactions.jobs._columns import cells_of, delimiter_of, is_named
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._spelling import shown

# What separates columns in some files, and stands in few names of one.
_RARE: Final = "^~:!*\x01\x1c\x1d\x1e\x1f\u00a6\u00a7\u00ac\u00b7\u00fe"
_COMMENT: Final = re.compile(r"#\s")
_SPACED: Final = re.compile(r"\S+@.*\s\S|\S+\s.*@")
# A number and a word behind it, or before it; but for what links to telephones begin with.
_NUMBER_AND_WORD: Final = re.compile(
    r".*?\d{5,}.*[^\W\d_]|(?!(?:tel|sms|callto|whatsapp):)[^\W\d_].*[^\w+\s].*\d{5,}", re.IGNORECASE
)
_MORE: Final = {"mobile": _NUMBER_AND_WORD, "email": _SPACED}
# These patterns look at every pair of characters.
_MAX_READ: Final = 200
_WAY_ON: Final = "give --delimiter, or --column 1 if it is one all the same"
_MANY: Final = 2


def check_only_column(header: str, first: str, identifier: str) -> None:
    """See that a CSV's only column, which is not named like the identifier, is one.

    Args:
        header: The column's name.
        first: The text of the first row.
        identifier: The kind of identifier.

    Raises:
        ListError: The first row is the header, or has more cells, or both have what may separate
            cells.
    """
    cells = cells_of(first, delimiter_of(first, identifier))
    spoken = f"its header has one column, {mask_text(shown(header.strip()))!r}"
    if is_named(cells, identifier):
        raise ListError(
            f"{spoken}, and the line behind it names {identifier}: take away what stands above "
            "the header"
        )
    if len(cells) >= _MANY and sum(map(bool, map(str.strip, cells))) >= _MANY:
        raise ListError(
            f"{spoken}, its first row has {len(cells)}: take away what stands above the header; "
            f"or {_WAY_ON}"
        )
    between = next((each for each in _RARE if 0 < header.count(each) == first.count(each)), None)
    if between is not None:
        raise ListError(f"{spoken}, and its rows hold {shown(between)!r}, too: {_WAY_ON}")
    check_whole(cells[0].strip() if cells else "", identifier, spoken)


def check_whole(value: str, identifier: str, where: str) -> None:
    """See that the first customer of a list is not more than an identifier, or something else.

    Args:
        value: What stands where the customer should.
        identifier: The kind of identifier.
        where: Where it stands, for the message.

    Raises:
        ListError: It is.
    """
    if _COMMENT.match(value):
        raise ListError(f"{where} is a comment; take it away")
    more = _MORE.get(identifier)
    if more is not None and more.match(value[:_MAX_READ]):
        raise ListError(
            f"{where}, and its first row holds more than a customer's {identifier}: {_WAY_ON}"
        )
