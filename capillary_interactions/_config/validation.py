"""Is a setting one that can work? What every configuration value asks of its fields."""

import math

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value


def check_seconds(name: str, value: object, *, zero: bool = False) -> float:
    """A duration that can be waited for.

    Raises:
        ConfigurationError: It is no finite number, or negative, or zero where that has no sense.
    """
    least = "0 or more" if zero else "more than 0"
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not _is_finite(value)
        or value < 0
        or (value == 0 and not zero)
    ):
        raise ConfigurationError(
            f"{name} must be a finite number, {least}, not {describe_value(value)}"
        )
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def check_count(name: str, value: object, least: int = 1) -> int:
    """A count.

    Raises:
        ConfigurationError: It is no whole number, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(
            f"{name} must be a whole number of {least} or more, not {describe_value(value)}"
        )
    return value


def check_header_value(name: str, value: object) -> str:
    """A string that can stand in a header; the message never repeats it, it may be a secret.

    Raises:
        ConfigurationError: It is no string, blank, or holds what cannot be sent.
    """
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a string that is not blank")
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in value):  # noqa: PLR2004 - header injection
        raise ConfigurationError(f"{name} must not hold control characters")
    # The environment gives bytes that are no UTF-8 as lone surrogates.
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ConfigurationError(f"{name} must be valid Unicode (it holds a lone surrogate)")
    return value
