"""How is a phone number written that people of one region write? By Google's libphonenumber.

The extra `phone` installs it (phonenumberslite, without its geography). It is imported only where a
region is set: that takes a tenth of a second.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Final

from capillary_interactions._model.phone_numbers import (
    ascii_digits,
    is_bare,
    unreadable_reason,
    without_marks,
    without_plus,
    without_scheme,
    without_separators,
    without_slash,
)
from capillary_interactions._text.masking import describe_value

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_REGION: Final = re.compile(r"[A-Za-z]{2,3}")
# A list is read some thousands of rows ahead, and each of them is looked up with the same number.
_MAX_REMEMBERED: Final = 8192
_EXTENSION: Final = "must not have an extension: no message is sent to one"


def _library() -> ModuleType:
    import phonenumbers  # noqa: PLC0415 - an extra

    return phonenumbers


def to_region(value: object) -> str:
    """A region by its two letters.

    Raises:
        ValueError: There is no such region, or libphonenumber is not installed.
    """
    try:
        regions = _library().SUPPORTED_REGIONS
    except ImportError:
        raise ValueError(
            "needs the extra phone, which is not installed: "
            "pip install 'capillary_interactions[phone]'"
        ) from None
    region = value.strip().upper() if isinstance(value, str) else ""
    if region not in regions:
        shown = describe_value(value, like=_REGION)
        raise ValueError(f"must be a region's two letters (ISO 3166), such as IN, not {shown}")
    return region


@lru_cache(_MAX_REMEMBERED)
def digits_in_region(value: str, region: str) -> str:
    """The digits with country code of a number as people of a region write it.

    Only a number that libphonenumber calls valid is changed. One that is merely possible goes as it
    stands, without what is never part of a number.

    Args:
        value: The number.
        region: The region, as `to_region` returns it.

    Raises:
        ValueError: It cannot be a phone number; the message holds no digit.
    """
    library, value = _library(), ascii_digits(value)
    reason = unreadable_reason(value)
    if reason is not None:
        raise ValueError(f"a customer's mobile {reason}")
    is_possible = False
    for number in _readings(value, region, library):
        if number.extension:
            raise ValueError(f"a customer's mobile {_EXTENSION}")
        if library.is_valid_number(number):
            return str(library.format_number(number, library.PhoneNumberFormat.E164))[1:]
        is_possible = is_possible or library.is_possible_number(number)
    if not is_possible:
        raise ValueError(
            f"a customer's mobile must be a phone number, of region {region} or with a country "
            "code: it has too few digits, too many, or an unknown country code"
        )
    return without_plus(_number(value))


def _number(value: str) -> str:
    return without_separators(without_slash(without_scheme(without_marks(value))))


def _readings(value: str, region: str, library: ModuleType) -> "Iterator[PhoneNumber]":
    """What a text may mean, the likeliest first."""
    for text in _spellings(value, region, library):
        try:
            yield library.parse(text, region)
        except library.NumberParseException:
            continue


def _spellings(value: str, region: str, library: ModuleType) -> Iterator[str]:
    text, number = without_marks(value), _number(value)
    if ";" in text:
        yield text  # a link's parameters say what its number means
        return
    code = str(library.country_code_for_region(region))
    if number.startswith(code):
        # Digits with the country code are what the API wants, even if they could be a national
        # number as well, as in Germany.
        yield f"+{number}"
    yield text
    if not is_bare(number):
        return  # it has a plus
    yield f"+{number}"
    if number.startswith("00"):
        # Read as international everywhere, though some regions dial something else.
        yield f"+{number[2:]}"
    elif number.startswith(f"0{code}"):
        yield f"+{number[1:]}"
