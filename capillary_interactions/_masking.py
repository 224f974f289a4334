"""How a phone number, an address or a secret is shown to a person.

Everything that reaches a log line, a repr or an exception text goes through here first.
"""

import re
from collections.abc import Mapping

_EMAIL = re.compile(r"[^\s@<>\"',;:=]+@[^\s@<>\"',;]+")
# Codes that servers invent are shorter than phone numbers and card numbers.
_LONG_NUMBER = re.compile(r"\+?\d[\d \-]{5,}\d")
_QUERY_STRING = re.compile(r"\?\S*")
_ONE_TIME_CODE = re.compile(r"(?<!\d)\d{4,8}(?!\d)")
_MOST_TEXT = 200
# The patterns take quadratic time, and a text from elsewhere may be megabytes.
_MOST_READ = 2000


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
    return "{" + ", ".join(f"{key!r}: ..." for key in value) + "}"
