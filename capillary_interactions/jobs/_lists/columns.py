"""Which column of a list holds the customers, and what separates the columns?"""

import csv
import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Final

from capillary_interactions._text.masking import mask_text
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.clean_text import (
    clean,
    clean_identifier,
    escape_invisible,
    remove_invisible,
)

DELIMITERS: Final = (",", ";", "\t", "|")
# A spreadsheet's word for the delimiter of the lines below; saved again, its row may be filled up.
_SEPARATOR_LINE: Final = re.compile(r'"?sep=([^"\r\n])"?\1*', re.IGNORECASE)
# What PowerShell's Export-Csv writes above the header.
_TYPE_LINE: Final = re.compile(r'"?#TYPE\s+[\w.+`\[\], ]+"?[,;\t|]*', re.IGNORECASE)
_RULE: Final = " \t\r\n|+:,;=-"
_MOST_LISTED: Final = 20
_FEWEST_DIGITS: Final = 5
_MAX_CUSTOMER: Final = 200


def find_column(names: Sequence[str], identifier: str, column: str | None) -> int:
    """The place of the customers' column among a list's columns.

    It is the one asked for, by name or by its number counted from 1; else the one named like the
    identifier; else the only one.

    Raises:
        ListError: There is none, or more than one; the message lists the columns.
    """
    places = _places(names, column or identifier) or _numbered(names, column)
    if len(places) == 1:
        return places[0]
    if places:
        raise ListError(
            f"it has {len(places)} columns named {column or identifier!r}; "
            f"give its number ({', '.join(str(place + 1) for place in places)})"
        )
    named = [place for place, name in enumerate(names) if clean(name)]
    if column is None and len(named) == 1:
        if _is_a_customer(names[named[0]].strip()):
            raise ListError("its first line is a customer, not a header; give --format lines")
        return named[0]
    customers = [name for name in names if _is_only_a_customer(name)]
    if column is None and customers and len(customers) == len(named):
        raise ListError(
            "its first line seems to hold nothing but customers: write one a line, or choose one "
            "with --column"
        )
    listed = escape_invisible(", ".join(name.strip() for name in names[:_MOST_LISTED]))
    more = "" if column else "; choose one with --column"
    if customers:
        more += "; if its first line is a customer's, give --no-header and --column's number"
    raise ListError(
        f"it has no column named {mask_text(column or identifier)!r}, "
        f"only: {mask_text(listed)}{more}"
    )


def detect_delimiter(header: str, wanted: str) -> str:
    """What separates the columns of a CSV: a comma, a semicolon, a tab or a bar.

    Args:
        header: The first line, with its end.
        wanted: A column that should be there.
    """
    known = [each for each in DELIMITERS if _places(cells_of(header, each), wanted)]

    def fits(delimiter: str) -> tuple[bool, int]:
        cells = cells_of(header, delimiter)
        # A tab is a space, too, around the name that another delimiter gives.
        return wanted in map(remove_invisible, cells), len(cells)

    return max(known or DELIMITERS, key=fits)


def unique_names(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """The same names, each changed where it is empty or there already, so that all differ.

    Args:
        names: As somebody wrote them.
        taken: Names that are not to be used at all; a name like one of them begins with input_.
    """
    used = {name.casefold() for name in taken}
    found: list[str] = []
    for place, name in enumerate(names, 1):
        wanted = name if name.strip() else f"column_{place}"
        if name.casefold() in used and name in taken:
            wanted = f"input_{name}"
        free, number = wanted, 1
        while free.casefold() in used:
            number += 1
            free = f"{wanted}_{number}"
        used.add(free.casefold())
        found.append(free)
    return found


def separator_line(line: str) -> str | None:
    """The delimiter that a spreadsheet's own first line (`sep=;`) names, or None."""
    # A tab may be the one, and goes with the spaces.
    found = _SEPARATOR_LINE.fullmatch(line.strip("\r\n \ufeff"))
    return None if found is None else found[1]


def is_type_line(line: str) -> bool:
    """Whether a line is PowerShell's own above a CSV's header (`#TYPE System.Object`)."""
    return _TYPE_LINE.fullmatch(line.strip("\r\n \ufeff")) is not None


def is_rule(line: str) -> bool:
    """Whether a line only separates the header from the rows, as database clients draw it."""
    return not line.strip(_RULE) and ("--" in line or "==" in line)


def is_named(names: Sequence[str], wanted: str) -> bool:
    """Whether one of some columns has this name."""
    return bool(_places(names, wanted))


def _places(names: Sequence[str], wanted: str) -> list[int]:
    name = clean(wanted)
    folded = name.casefold()

    def matches(is_match: Callable[[str], bool]) -> list[int]:
        return [index for index, name in enumerate(names) if is_match(name)]

    # Some programs quote names with apostrophes.
    return (
        matches(lambda other: clean(other) == name)
        or matches(lambda other: clean(other).casefold() == folded)
        or matches(lambda other: clean_identifier(other).casefold() == folded)
    )


def _numbered(names: Sequence[str], column: str | None) -> list[int]:
    # Python refuses to read the longest numbers, and no list is so wide.
    if column is None or not re.fullmatch(r"\d{1,9}", column, re.ASCII):
        return []
    return [int(column) - 1] if 1 <= int(column) <= len(names) else []


def cells_of(header: str, delimiter: str) -> list[str]:
    """The cells of one row."""
    return next(csv.reader(StringIO(header, newline=""), delimiter=delimiter), [])


def _is_a_customer(name: str) -> bool:
    return "@" in name or sum(c.isdigit() for c in name) >= _FEWEST_DIGITS


def _is_only_a_customer(name: str) -> bool:
    if len(name) > _MAX_CUSTOMER:
        return False
    is_address = "@" in name and not any(map(str.isspace, name.strip()))
    return is_address or (_is_a_customer(name) and not any(map(str.isalpha, name)))
