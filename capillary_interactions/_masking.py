"""How a phone number, an address or a secret is shown to a person.

Everything that reaches a log line, a repr or an exception text goes through here first.
"""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

# From the beginning of a run of letters or not at all: tried from each of them, a text without
# spaces took quadratic time.
_EMAIL = re.compile(r"(?<![^\s@<>\"',;:=])[^\s@<>\"',;:=]++@[^\s@<>\"',;]+")
# Codes that servers invent are shorter than phone numbers and card numbers.
_LONG_NUMBER = re.compile(r"\+?\d[\d \-]{5,}\d")
_QUERY_STRING = re.compile(r"\?\S*")
_ONE_TIME_CODE = re.compile(r"(?<!\d)\d{4,8}(?!\d)")
_MOST_TEXT = 200
# A text from elsewhere may be megabytes, and a person reads its beginning.
_MOST_READ = 2000
# A number of as many digits may be somebody's.
_LONG = 10**6


def mask(value: str | None) -> str:
    """A value that a person may still recognise as theirs, and nobody can use.

    >>> mask("919738522695")
    '9*********95'
    >>> mask("a.person@example.com")
    'a***@***.com'
    >>> mask("X1")
    '***'
    """
    if not value:
        return "***"
    if "@" in value:
        return _mask_email(value)
    if len(value) < 8:  # noqa: PLR2004 - too short to show any of it
        return "***"
    return f"{value[0]}{'*' * (len(value) - 3)}{value[-2:]}"


def _mask_email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    first = local[0] if len(local) > 2 else ""  # noqa: PLR2004 - one of two letters is half of it
    _, dot, top = domain.rpartition(".")
    return f"{first}***@***{dot}{top if dot else ''}"


def mask_text(text: str, *values: str) -> str:
    """Somebody else's sentence with everything personal in it masked, and bounded in length.

    Args:
        text: What a server or an operating system said.
        values: Values known to be personal (the identifier asked for), masked wherever they stand.
    """
    cut = len(text) > _MOST_READ
    # First of all, or a line break inside a value would hide it until it is gone.
    text = _one_line(text[:_MOST_READ])
    for value in map(_one_line, values):
        if value:
            text = _without(value, text)
    if cut:
        # What stands at the cut may be the beginning of a value.
        text = text[: -max(map(len, values), default=0) or None]
    text = _QUERY_STRING.sub("?***", text)
    text = _EMAIL.sub(lambda found: mask(found[0]), text)
    text = _LONG_NUMBER.sub(lambda found: mask(found[0]), text)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _without(value: str, text: str) -> str:
    known = re.compile(re.escape(value), re.IGNORECASE)
    text = known.sub(lambda _: mask(value), text)
    # What a mask leaves of a value may be the beginning of the next one ("ab...abab...ab").
    return known.sub("***", text)


def mask_codes(text: str) -> str:
    """A subject line without the one-time code it may hold (runs of 4 to 8 digits).

    >>> mask_codes("482913 is your code")
    '****** is your code'
    """
    return _ONE_TIME_CODE.sub(lambda found: "*" * len(found[0]), text)


def show_masked(value: str | None) -> str:
    """The repr of a field that holds personal data: None, or its masked form."""
    return "None" if value is None else repr(mask(value))


def show_codes_masked(value: str | None) -> str:
    """The repr of a field whose text may hold a one-time code, an address or a number."""
    return "None" if value is None else repr(mask_text(mask_codes(value)))


def show_keys(value: Mapping[str, object]) -> str:
    """The repr of a mapping with its keys only: what stands behind them is not ours to show."""
    return "{" + ", ".join(f"{mask_text(key)!r}: ..." for key in value) + "}"


def show_given(
    value: object, *, like: re.Pattern[str] | None = None, words: Iterable[str] = ()
) -> str:
    """What was given in the place of something else, for the text of an error.

    Arguments in the wrong order, or a variable with the wrong name, put a phone number or a secret
    anywhere; so only what can be neither is repeated, and of the rest its kind and size.

    Args:
        value: What was given.
        like: What a text looks like that may be shown.
        words: What belongs here; a text that is nearly one of them may be shown.

    >>> show_given(-1), show_given("919738522695")
    ('-1', 'a string of 12 characters')
    """
    if isinstance(value, str):
        harmless = (like is not None and like.fullmatch(value)) or _is_nearly(value, words)
        return str.__repr__(value) if harmless else f"a string of {len(value)} characters"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float):
        return _show_number(value)
    return f"a {type(value).__name__}"


def _is_nearly(value: str, words: Iterable[str]) -> bool:
    return bool(get_close_matches(value.strip().lower(), list(words), cutoff=0.7))


def _show_number(value: float) -> str:
    # As it is compared, not as it is written: Python refuses to write the longest ones.
    if abs(value) >= _LONG and value not in (math.inf, -math.inf):
        return "a number of seven digits or more"
    shown = repr(value)
    return shown if len(shown) <= 8 else "a number with a long fraction"  # noqa: PLR2004
