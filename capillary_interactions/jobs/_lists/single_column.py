"""Is what seems to be the only column of a list one column, of one kind of identifier?

Where no name says so, a separator that is not known, a title above the header or a comment would
send whole rows as identifiers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from capillary_interactions._text.masking import mask_text
from capillary_interactions.jobs._errors import NoListError
from capillary_interactions.jobs._lists.clean_text import escape_invisible
from capillary_interactions.jobs._lists.columns import cells_of, detect_delimiter, is_named

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
_LOOKED_AT: Final = 8
_EMPTY: Final = " \t\r\n,;|\"'"
# Lines that database clients draw around a table.
_FRAME: Final = re.compile(r"[\s|+=\u2500-\u257f-]*")
_FRAME_PARTS: Final = ("--", "==", "\u2500\u2500", "\u2550\u2550", "\u2501\u2501")
_BETWEEN_WORDS: Final = re.compile(r"[\s|,;\"'=:\u2500-\u257f]+")
_FEWEST_DIGITS: Final = 5
_EMAIL: Final = re.compile(r"[^\s@,;]+@[^\s@,;]+")
_AS_CSV: Final = "have it written as CSV, or give --format lines if it is a list all the same"


def check_while_reading(lines: Iterator[str], header: str, identifier: str) -> Iterator[str]:
    """The lines of a CSV, none missing, of which the first few are looked at as they pass.

    Args:
        lines: The lines behind the header.
        header: The header, of which one column has a name that is not the identifier's.
        identifier: The kind of identifier.

    Raises:
        NoListError: The header is none; at the line that shows it.
    """
    looked_at = _looked_at(islice(lines, _LOOKED_AT), header, identifier)
    return chain(looked_at, lines)


def _looked_at(lines: Iterable[str], header: str, identifier: str) -> Iterator[str]:
    is_first, is_whole = True, True
    for line in lines:
        if is_whole and line.strip(_EMPTY):
            # In the middle of a cell of several lines there is nothing to compare.
            is_whole = line.count('"') % 2 == 0
            if is_first or is_whole:
                _check_header(header, line, identifier, is_first=is_first)
            is_first = False
        yield line


def _check_header(header: str, line: str, identifier: str, *, is_first: bool) -> None:
    delimiter = detect_delimiter(header, identifier)
    names = cells_of(header, delimiter)
    if sum(map(bool, map(str.strip, names))) == len(names) == 1:
        if is_first:
            check_only_column(header, line, identifier)
        else:
            _check_names(header, cells_of(line, detect_delimiter(line, identifier)), identifier)
        return
    cells = cells_of(line, delimiter)
    _check_names(header, cells, identifier)
    place = next((place for place, name in enumerate(names) if name.strip()), 0)
    # An index stands before the only name; what stands behind it would have a name, too.
    if any(map(str.strip, cells[place + 1 :])) and not looks_like_identifier(
        cells[place], identifier
    ):
        raise NoListError(
            f"{_spoken(header)}, and its rows have more: take away what stands above the header; "
            f"or give --column {place + 1}"
        )


def _spoken(header: str) -> str:
    return (
        f"its header names one column, {mask_text(escape_invisible(header.strip()[:_MAX_READ]))!r}"
    )


def _check_names(header: str, cells: Sequence[str], identifier: str) -> None:
    if is_named(cells, identifier):
        raise NoListError(
            f"{_spoken(header)}, and a line behind it names {identifier}: take away what stands "
            "above the header"
        )


def check_only_column(header: str, first: str, identifier: str) -> None:
    """See that a CSV's only column, which is not named like the identifier, is one.

    Args:
        header: The column's name.
        first: The text of the first row.
        identifier: The kind of identifier.

    Raises:
        NoListError: The first row is the header, or has more cells, or both have what may separate
            cells.
    """
    cells = cells_of(first, detect_delimiter(first, identifier))
    spoken = _spoken(header)
    _check_names(header, cells, identifier)
    if len(cells) >= _MANY and sum(map(bool, map(str.strip, cells))) >= _MANY:
        raise NoListError(
            f"{spoken}, its first row has {len(cells)}: take away what stands above the header; "
            f"or {_WAY_ON}"
        )
    between = next((each for each in _RARE if 0 < header.count(each) == first.count(each)), None)
    if between is not None:
        raise NoListError(
            f"{spoken}, and its rows hold {escape_invisible(between)!r}, too: {_WAY_ON}"
        )
    check_first_value(cells[0].strip() if cells else "", identifier, spoken)


def check_first_value(value: str, identifier: str, where: str) -> None:
    """See that the first customer of a list is not more than an identifier, or something else.

    Args:
        value: What stands where the customer should.
        identifier: The kind of identifier.
        where: Where it stands, for the message.

    Raises:
        NoListError: It is.
    """
    if _COMMENT.match(value):
        raise NoListError("its first line is a comment; take it away")
    refuse_drawn_table(value, identifier, "its first line")
    more = _MORE.get(identifier)
    if more is not None and more.match(value[:_MAX_READ]):
        raise NoListError(
            f"{where}, and its first row holds more than a customer's {identifier}: {_WAY_ON}"
        )


def refuse_drawn_table(value: str, identifier: str, where: str) -> None:
    """See that a line is not of a table as programs draw it for people to look at.

    Args:
        value: The line.
        identifier: The kind of identifier.
        where: Where it stands, for the message.

    Raises:
        NoListError: It is.
    """
    value = value[:_MAX_READ]
    if _FRAME.fullmatch(value) and any(part in value for part in _FRAME_PARTS):
        raise NoListError(f"{where} is the frame of a table; {_AS_CSV}")
    words = [word.casefold() for word in _BETWEEN_WORDS.split(value) if word]
    if len(words) >= _MANY and identifier in words:
        raise NoListError(f"{where} holds {identifier!r} and other words, as tables do; {_AS_CSV}")


def looks_like_identifier(value: str, identifier: str) -> bool:
    """Whether a text looks like a customer's identifier, as far as that can be told of its kind."""
    # Longer ones are none, and would hold an event loop up.
    if len(value) > _MAX_READ:
        return False
    value = value.strip()
    if identifier == "mobile":
        enough = sum(map(str.isdigit, value)) >= _FEWEST_DIGITS
        return enough and not any(map(str.isalpha, value))
    return identifier == "email" and _EMAIL.fullmatch(value) is not None
