"""Checks of single settings, as functions and as validators of attrs fields."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

_Validator: TypeAlias = Callable[[object, Any, Any], object]
_is_header_name: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch


def check_seconds(name: str, value: object, *, zero: bool = False) -> float:
    """A duration as a float.

    Raises:
        ConfigurationError: It is no finite number, or negative, or zero where that has no sense.
    """
    minimum = "0 or more" if zero else "more than 0"
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not _is_finite(value)
        or value < 0
        or (value == 0 and not zero)
    ):
        raise ConfigurationError(
            f"{name} must be a finite number, {minimum}, not {describe_value(value)}"
        )
    return float(value)


def check_age(name: str, value: object) -> float:
    """A `timedelta` of 0 or more in seconds; a `ConfigurationError` for anything else."""
    if not isinstance(value, timedelta) or value < timedelta():
        raise ConfigurationError(
            f"{name} must be a timedelta of 0 or more, not {describe_value(value)}"
        )
    return value.total_seconds()


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def check_count(name: str, value: object, minimum: int = 1) -> int:
    """A count.

    Raises:
        ConfigurationError: It is no integer, or less than `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ConfigurationError(
            f"{name} must be a whole number of {minimum} or more, not {describe_value(value)}"
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


def check_headers(setting: str, value: object) -> Mapping[str, str]:
    """Headers that can be sent.

    Raises:
        ConfigurationError: They are no mapping, or a name or a value is none of a header.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting} must be a mapping, not a {type(value).__name__}")
    for number, (name, text) in enumerate(value.items(), start=1):
        # By number and not by name: with the two exchanged, the name would be the secret.
        check_header_value(f"{setting}: the name of number {number}", name)
        if not _is_header_name(name):
            raise ConfigurationError(
                f"{setting}: the name of number {number} ({describe_value(name)}) is no header's "
                "name"
            )
        check_header_value(f"{setting}: the value of number {number}", text)
    return value


# Validators of fields; the prefix stands before the field's name.


def valid_seconds(prefix: str = "", *, zero: bool = False) -> _Validator:
    return lambda _, field, value: check_seconds(f"{prefix}{field.name}", value, zero=zero)


def valid_count(prefix: str = "", minimum: int = 1) -> _Validator:
    return lambda _, field, value: check_count(f"{prefix}{field.name}", value, minimum)


def valid_header_value(prefix: str = "") -> _Validator:
    return lambda _, field, value: check_header_value(f"{prefix}{field.name}", value)


def valid_type(type_: type) -> _Validator:
    def check(_: object, field: Any, value: object) -> None:
        if not isinstance(value, type_):
            raise ConfigurationError(
                f"{field.name} must be a {type_.__name__}, not a {type(value).__name__}"
            )

    return check
