"""Which column of a list holds the customers, and what separates the columns?"""

import csv
import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Final

from capillary_interactions._text.invisible import remove_invisible
from capillary_interactions._text.masking import mask_text
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.clean_text import (
    clean,
    clean_identifier,
    escape_invisible,
)

DELIMITERS: Final = (",", ";", "\t", "|")
# A spreadsheet's declaration of the delimiter; saved again, its row may be filled up.
_SEPARATOR_LINE: Final = re.compile(r'"?sep=([^"\r\n])"?\1*', re.IGNORECASE)
# The line above the header of PowerShell's Export-Csv.
_TYPE_LINE: Final = re.compile(r'"?#TYPE\s+[\w.+`\[\], ]+"?[,;\t|]*', re.IGNORECASE)
_RULE: Final = " \t\r\n|+:,;=-"
_MAX_LISTED: Final = 20
_MIN_DIGITS: Final = 5
_MAX_CUSTOMER: Final = 200


def find_column(names: Sequence[str], identifier: str, column: str | None) -> int:
    """The index of the customers' column among a list's columns.

    It is the given one, by name or by its number counted from 1; else the one named like the
    identifier; else the only one.

    Raises:
        ListError: There is none, or more than one; the message lists the columns.
    """
    indexes = _named(names, column or identifier) or _numbered(names, column)
    if len(indexes) == 1:
        return indexes[0]
    if indexes:
        raise ListError(
            f"it has {len(indexes)} columns named {column or identifier!r}; "
            f"give its number ({', '.join(str(index + 1) for index in indexes)})"
        )
    nonempty = [index for index, name in enumerate(names) if clean(name)]
    if column is None and len(nonempty) == 1:
        if _has_customer(names[nonempty[0]].strip()):
            raise ListError("its first line is a customer, not a header; give --format lines")
        return nonempty[0]
    customers = [name for name in names if _is_customer(name)]
    if column is None and customers and len(customers) == len(nonempty):
        raise ListError(
            "its first line seems to hold nothing but customers: write one a line, or choose one "
            "with --column"
        )
    listed = escape_invisible(", ".join(name.strip() for name in names[:_MAX_LISTED]))
    hint = "" if column else "; choose one with --column"
    if customers:
        hint += "; if its first line is a customer's, give --no-header and --column's number"
    raise ListError(
        f"it has no column named {mask_text(column or identifier)!r}, "
        f"only: {mask_text(listed)}{hint}"
    )


def detect_delimiter(header: str, column: str) -> str:
    """What separates the columns of a CSV, by its first line and a column that should be there."""
    known = [mark for mark in DELIMITERS if is_named(cells_of(header, mark), column)]

    def fit(delimiter: str) -> tuple[bool, int]:
        cells = cells_of(header, delimiter)
        # A tab is whitespace, too, around a name between other delimiters.
        return column in map(remove_invisible, cells), len(cells)

    return max(known or DELIMITERS, key=fit)


def unique_names(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """The same names, changed where they are empty, repeated, or taken (input_ is put before)."""
    used = {name.casefold() for name in taken}
    unique: list[str] = []
    for number, name in enumerate(names, 1):
        wanted = name if name.strip() else f"column_{number}"
        if name.casefold() in used and name in taken:
            wanted = f"input_{name}"
        free, count = wanted, 1
        while free.casefold() in used:
            count += 1
            free = f"{wanted}_{count}"
        used.add(free.casefold())
        unique.append(free)
    return unique


def separator_line(line: str) -> str | None:
    """The delimiter that a spreadsheet's own first line (`sep=;`) names, or None."""
    # Tabs are not stripped: one may be the delimiter.
    match = _SEPARATOR_LINE.fullmatch(line.strip("\r\n \ufeff"))
    return None if match is None else match[1]


def is_type_line(line: str) -> bool:
    """Whether a line is PowerShell's own above a CSV's header (`#TYPE System.Object`)."""
    return _TYPE_LINE.fullmatch(line.strip("\r\n \ufeff")) is not None


def is_rule(line: str) -> bool:
    """Whether a line only separates the header from the rows, as database clients draw it."""
    return not line.strip(_RULE) and ("--" in line or "==" in line)


def is_named(names: Sequence[str], name: str) -> bool:
    return bool(_named(names, name))


def _named(names: Sequence[str], name: str) -> list[int]:
    name = clean(name)
    folded = name.casefold()

    def matches(is_match: Callable[[str], bool]) -> list[int]:
        return [index for index, other in enumerate(names) if is_match(other)]

    # Some programs quote names with apostrophes.
    return (
        matches(lambda other: clean(other) == name)
        or matches(lambda other: clean(other).casefold() == folded)
        or matches(lambda other: clean_identifier(other).casefold() == folded)
    )


def _numbered(names: Sequence[str], column: str | None) -> list[int]:
    # Python's int() refuses very long numbers, and no list is so wide.
    if column is None or not re.fullmatch(r"\d{1,9}", column, re.ASCII):
        return []
    return [int(column) - 1] if 1 <= int(column) <= len(names) else []


def cells_of(row: str, delimiter: str) -> list[str]:
    return next(csv.reader(StringIO(row, newline=""), delimiter=delimiter), [])


def _has_customer(name: str) -> bool:
    return "@" in name or sum(c.isdigit() for c in name) >= _MIN_DIGITS


def _is_customer(name: str) -> bool:
    if len(name) > _MAX_CUSTOMER:
        return False
    is_address = "@" in name and not any(map(str.isspace, name.strip()))
    return is_address or (_has_customer(name) and not any(map(str.isalpha, name)))
