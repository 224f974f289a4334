"""Is the only column of a list really one column, of one type of identifier?

Where no name proves it, an unknown separator, a title above the header or a comment would cause
whole rows to be sent as identifiers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from capillary_interactions._text.masking import mask_text
from capillary_interactions.jobs._errors import NoListError
from capillary_interactions.jobs._lists.clean_text import escape_invisible
from capillary_interactions.jobs._lists.columns import cells_of, detect_delimiter, is_named

# They separate columns in some files, and occur in few names of a column.
_RARE_SEPARATORS: Final = "^~:!*\x01\x1c\x1d\x1e\x1f\u00a6\u00a7\u00ac\u00b7\u00fe"
_COMMENT: Final = re.compile(r"#\s")
_EMAIL_AND_MORE: Final = re.compile(r"\S+@.*\s\S|\S+\s.*@")
# A number and a word behind it, or before it; except for the schemes of links to telephones.
_NUMBER_AND_WORD: Final = re.compile(
    r".*?\d{5,}.*[^\W\d_]|(?!(?:tel|sms|callto|whatsapp):)[^\W\d_].*[^\w+\s].*\d{5,}", re.IGNORECASE
)
_MORE_THAN_IDENTIFIER: Final = {"mobile": _NUMBER_AND_WORD, "email": _EMAIL_AND_MORE}
# The patterns take quadratic time.
_MAX_MATCHED: Final = 200
_HINT: Final = "give --delimiter, or --column 1 if it is one all the same"
_SEVERAL: Final = 2
_MAX_EXAMINED: Final = 8
_EMPTY: Final = " \t\r\n,;|\"'"
# Lines that database clients draw around a table.
_FRAME: Final = re.compile(r"[\s|+=\u2500-\u257f-]*")
_FRAME_PARTS: Final = ("--", "==", "\u2500\u2500", "\u2550\u2550", "\u2501\u2501")
_BETWEEN_WORDS: Final = re.compile(r"[\s|,;\"'=:\u2500-\u257f]+")
_MIN_DIGITS: Final = 5
_EMAIL: Final = re.compile(r"[^\s@,;]+@[^\s@,;]+")
_AS_CSV: Final = "have it written as CSV, or give --format lines if it is a list all the same"


def check_while_reading(lines: Iterator[str], header: str, identifier: str) -> Iterator[str]:
    """All lines behind a header that has no column for the identifier; the first few are checked.

    Raises:
        NoListError: The header is none; raised at the line that shows it.
    """
    return chain(_check_lines(islice(lines, _MAX_EXAMINED), header, identifier), lines)


def _check_lines(lines: Iterable[str], header: str, identifier: str) -> Iterator[str]:
    is_first, is_complete = True, True
    for line in lines:
        if is_complete and line.strip(_EMPTY):
            # In the middle of a cell of several lines there is nothing to compare.
            is_complete = line.count('"') % 2 == 0
            if is_first or is_complete:
                _check_header(header, line, identifier, is_first=is_first)
            is_first = False
        yield line


def _check_header(header: str, line: str, identifier: str, *, is_first: bool) -> None:
    delimiter = detect_delimiter(header, identifier)
    names = cells_of(header, delimiter)
    if len(names) == 1 and names[0].strip():
        if is_first:
            _check_only_column(header, line, identifier)
        else:
            _check_names(header, cells_of(line, detect_delimiter(line, identifier)), identifier)
        return
    cells = cells_of(line, delimiter)
    _check_names(header, cells, identifier)
    column = next((index for index, name in enumerate(names) if name.strip()), 0)
    # An index precedes the only name; a column behind it would have a name, too.
    has_more = any(map(str.strip, cells[column + 1 :]))
    if has_more and not looks_like_identifier(cells[column], identifier):
        raise NoListError(
            f"{_describe(header)}, and its rows have more: take away what stands above the "
            f"header; or give --column {column + 1}"
        )


def _describe(header: str) -> str:
    name = mask_text(escape_invisible(header.strip()[:_MAX_MATCHED]))
    return f"its header names one column, {name!r}"


def _check_names(header: str, cells: Sequence[str], identifier: str) -> None:
    if is_named(cells, identifier):
        raise NoListError(
            f"{_describe(header)}, and a line behind it names {identifier}: take away what stands "
            "above the header"
        )


def _check_only_column(header: str, first: str, identifier: str) -> None:
    """Raise if the first row is the header, has more cells, or both have an unknown separator."""
    cells = cells_of(first, detect_delimiter(first, identifier))
    description = _describe(header)
    _check_names(header, cells, identifier)
    if sum(map(bool, map(str.strip, cells))) >= _SEVERAL:
        raise NoListError(
            f"{description}, its first row has {len(cells)}: take away what stands above the "
            f"header; or {_HINT}"
        )
    for separator in _RARE_SEPARATORS:
        if 0 < header.count(separator) == first.count(separator):
            shown = escape_invisible(separator)
            raise NoListError(f"{description}, and its rows hold {shown!r}, too: {_HINT}")
    check_first_value(cells[0].strip() if cells else "", identifier, description)


def check_first_value(value: str, identifier: str, where: str) -> None:
    """Raise if the first customer of a list is more than an identifier, or something else."""
    if _COMMENT.match(value):
        raise NoListError("its first line is a comment; take it away")
    refuse_drawn_table(value, identifier, "its first line")
    pattern = _MORE_THAN_IDENTIFIER.get(identifier)
    if pattern is not None and pattern.match(value[:_MAX_MATCHED]):
        raise NoListError(
            f"{where}, and its first row holds more than a customer's {identifier}: {_HINT}"
        )


def refuse_drawn_table(value: str, identifier: str, where: str) -> None:
    """Raise if a line belongs to a table as programs draw it for people to look at."""
    value = value[:_MAX_MATCHED]
    if _FRAME.fullmatch(value) and any(part in value for part in _FRAME_PARTS):
        raise NoListError(f"{where} is the frame of a table; {_AS_CSV}")
    words = [word.casefold() for word in _BETWEEN_WORDS.split(value) if word]
    if len(words) >= _SEVERAL and identifier in words:
        raise NoListError(f"{where} holds {identifier!r} and other words, as tables do; {_AS_CSV}")


def looks_like_identifier(value: str, identifier: str) -> bool:
    # Longer texts are none, and matching them would block the event loop.
    if len(value) > _MAX_MATCHED:
        return False
    value = value.strip()
    if identifier == "mobile":
        enough = sum(map(str.isdigit, value)) >= _MIN_DIGITS
        return enough and not any(map(str.isalpha, value))
    return identifier == "email" and _EMAIL.fullmatch(value) is not None
