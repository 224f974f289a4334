"""What of a text is a phone number, and which digits of it are sent? Pure, and without a library.

The API finds a mobile by its digits alone, with the country code: "only numeric characters are
supported (0-9)" (docs.capillarytech.com, the pages on registering a customer). Any other spelling
is a customer that is not found. No message here holds a digit: it may end in a log.
"""

import re
import unicodedata
from typing import Final

from capillary_interactions._text.invisible import remove_invisible

# Beside ASCII's: the hyphens, dashes and minus signs, dots and brackets of other keyboards.
_SEPARATORS: Final = re.compile(
    r"[\s.()\[\]{}\-\u00b7\u2010-\u2015\u2022\u2212\u30fc\ufe58\ufe63"
    r"\uff08\uff09\uff0d\uff0e\uff3b\uff3d\uff5b\uff5d]+"
)
_PLUS: Final = ("+", "\ufe62", "\uff0b")
# https://www.rfc-editor.org/rfc/rfc3966
_TEL: Final = re.compile(r"tel:(?://)?", re.IGNORECASE)
_ROUNDED: Final = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+", re.IGNORECASE)
# After an area code, in Germany, Austria, Slovakia; two of them are those of a date.
_SLASH: Final = re.compile(r"([\d)\]])\s?[/\uff0f]\s?(?=\d)")
# As programs write whole numbers of a column with gaps.
_NO_FRACTION: Final = re.compile(r"(\+?\d{7,})\.0+")

ROUNDED: Final = (
    "must not be a spreadsheet's rounding of a long number (in scientific notation, with an E), "
    "whose digits are lost: have the column written as text"
)
_AS_GIVEN: Final = (
    'Identifier.custom("mobile", ...) (--custom-identifier mobile) sends anything as it is'
)
_NOT_DIGITS: Final = (
    "must be digits with the country code: a leading plus, spaces, hyphens, dots and brackets are "
    f"taken off, phone_region= reads trunk zeros and other digits, {_AS_GIVEN}"
)
_NEEDS_REGION: Final = (
    "must be ASCII digits with the country code; phone_region= (CAPILLARY_PHONE_REGION, "
    f"--phone-region) reads other digits, a slash and tel: links, {_AS_GIVEN}"
)


def is_bare(value: str) -> bool:
    """Whether it is nothing but ASCII digits, and so is sent as it stands."""
    return value.isascii() and value.isdigit()


def is_rounded(value: str) -> bool:
    """Whether it is a number as spreadsheets round long ones, in scientific notation."""
    return _ROUNDED.fullmatch(value) is not None


def without_marks(value: str) -> str:
    """A number without what is copied along with it, or appended by a program: `.0` for instance.

    >>> without_marks("\u202a+919738522695.0\u202c")
    '+919738522695'
    """
    text = remove_invisible(value).strip()
    whole = _NO_FRACTION.fullmatch(text)
    return whole[1] if whole else text


def without_separators(text: str) -> str:
    """A number without what is never part of one, but for its plus.

    >>> without_separators("+91 (97385) 22-695")
    '+919738522695'
    """
    return _SEPARATORS.sub("", text)


def without_slash(text: str) -> str:
    """A number without the slash after its area code.

    >>> without_slash("030/1234567"), without_slash("31/12/2024")
    ('0301234567', '31/12/2024')
    """
    joined, slashes = _SLASH.subn(r"\1", text)
    return joined if slashes == 1 else text


def without_plus(number: str) -> str:
    return number[1:] if number.startswith(_PLUS) else number


def without_scheme(text: str) -> str:
    """The number of a link to a telephone; any other text as it is.

    >>> without_scheme("tel:+91-97385-22695;phone-context=+91")
    '+91-97385-22695'
    """
    scheme = _TEL.match(text)
    return text[scheme.end() :].partition(";")[0] if scheme else text


def ascii_digits(number: str) -> str:
    """A number in ASCII digits, whichever digits it was written in."""
    if number.isascii():
        return number
    return "".join(str(unicodedata.decimal(c, c)) for c in number)


def unreadable_reason(value: str) -> str | None:
    """Why no setting could make a phone number of a text, or None.

    Commas are left to the API's versions, which read them as several customers.
    """
    text = without_marks(value)
    if is_rounded(text):
        return ROUNDED
    number = without_separators(without_slash(without_scheme(text)))
    digits = without_plus(number).replace(",", "")
    return None if digits.isdecimal() else _NOT_DIGITS


def digits_to_send(value: str) -> str:
    """The digits that are sent where it is not known in which region a number was written.

    Raises:
        ValueError: It is not written in ASCII digits.

    >>> digits_to_send("+91 97385-22695")
    '919738522695'
    """
    if is_bare(value):
        return value
    digits = without_plus(without_separators(without_marks(value)))
    if not is_bare(digits):
        raise ValueError(f"a customer's mobile {_NEEDS_REGION}")
    return digits
