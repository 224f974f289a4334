"""What is a valid value of a field? Hooks that check and never coerce, and name what they refuse.

A field is a function from the server's name of it to a hook, so that each hook can name the path.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from capillary_interactions._json.cached_dates import DateParser

T = TypeVar("T")
ObjectReader = Callable[[Any], T]
StructureHook = Callable[[Any, Any], Any]
FieldHook = Callable[[str], StructureHook]

# Stands where a required key is not there at all.
MISSING: Final = object()

_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_DECIMAL: Final = re.compile(r"-?\d{1,20}(?:\.\d{1,30})?", re.ASCII)
# What every JSON writer takes; also the largest numbers that the server's own languages have.
_MIN, _MAX = -(2**63), 2**64 - 1


class SchemaMismatch(Exception):  # noqa: N818 - caught by the reader's callers, and never public
    """An answer is not what this version understands.

    Attributes:
        path: Where, in the server's names; "" for the whole answer.
        expected: What should be there.
        found: The JSON type that is there; never the value.
    """

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(path, expected, found)
        self.path = path
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.path or 'the answer'}: expected {self.expected}, found {self.found}"

    def prefixed(self, path: str) -> "SchemaMismatch":
        """The same finding, seen from further up."""
        full = f"{path}.{self.path}" if self.path else path
        return SchemaMismatch(full, self.expected, self.found)


class UnparsedDateError(Exception):
    """A date is in no known spelling; its text is to be kept.

    Attributes:
        key: The server's name of the field.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def json_type_name(value: object) -> str:
    """The name of a JSON value's type, without the value."""
    if value is None:
        return "null"
    if value is MISSING:
        return "nothing"
    if value == "":
        return "an empty string"
    if value == "null":
        return 'the string "null"'
    if isinstance(value, float) and (value < _MIN or value > _MAX):
        # An integer that is too long comes from the reader of JSON as one of these.
        return "a number beyond 64 bits"
    names = (name for type_, name in _TYPE_NAMES if isinstance(value, type_))
    return next(names, f"a {type(value).__name__}")


_TYPE_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number with a fraction or exponent"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)


def string(key: str) -> StructureHook:
    """A string."""

    def read(value: Any, _: Any) -> str | None:
        if value.__class__ is str or value is None:
            return value
        raise SchemaMismatch(key, "a string", json_type_name(value))

    return read


def address(key: str) -> StructureHook:
    """A string without the white space around it."""
    strict = string(key)

    def read(value: Any, _: Any) -> str | None:
        text = strict(value, _)
        return None if text is None else text.strip() or None

    return read


def integer(key: str) -> StructureHook:
    """An integer, or one as an ASCII decimal string."""

    def read(value: Any, _: Any) -> int | None:
        if value.__class__ is int or value is None:
            return value
        if value.__class__ is str and _INTEGER.fullmatch(value):
            parsed = int(value)
            if _MIN <= parsed <= _MAX:
                return parsed
        raise SchemaMismatch(key, "an integer", json_type_name(value))

    return read


def nullable_id(key: str) -> StructureHook:
    """An integer in which -1 means that there is none."""
    strict = integer(key)

    def read(value: Any, _: Any) -> int | None:
        identifier = value if value.__class__ is int else strict(value, _)
        return None if identifier == -1 else identifier

    return read


def number(key: str) -> StructureHook:
    """A finite number, or one as an ASCII decimal string."""

    def read(value: Any, _: Any) -> float | None:
        if value is None:
            return None
        if value.__class__ is str and _DECIMAL.fullmatch(value):
            return float(value)
        if value.__class__ is int and _MIN <= value <= _MAX:
            return float(value)
        if value.__class__ is float and math.isfinite(value):
            return value
        raise SchemaMismatch(key, "a number", json_type_name(value))

    return read


def boolean(key: str) -> StructureHook:
    """A boolean."""

    def read(value: Any, _: Any) -> bool | None:
        if value is None or value is True or value is False:
            return value
        raise SchemaMismatch(key, "a boolean", json_type_name(value))

    return read


def boolean_or_string(key: str) -> StructureHook:
    """A boolean, or "true" or "false"."""
    strict = boolean(key)

    def read(value: Any, _: Any) -> Any:
        if value.__class__ is str and value in {"true", "false"}:
            return value == "true"
        return strict(value, _)

    return read


def date(parse: DateParser, key: str) -> StructureHook:
    """A date; one that cannot be read raises `UnparsedDateError`, so that its text is kept."""

    def read(value: Any, _: Any) -> datetime | None:
        if value.__class__ is str:
            moment = parse(value)
            if moment is None:
                raise UnparsedDateError(key)
            return moment
        if value is None:
            return None
        raise SchemaMismatch(key, "a date in a string", json_type_name(value))

    return read


def is_empty(value: Any) -> bool:
    """Whether a value of an envelope means nothing."""
    return value is None or value == "" or value == "null"  # noqa: PLR1714 - it may be unhashable


def lenient(field: FieldHook, key: str) -> StructureHook:
    """A field in which "null" and "" mean nothing."""
    strict = field(key)
    return lambda value, _: strict(None if is_empty(value) else value, _)


def nested(read_one: ObjectReader[T]) -> FieldHook:
    """One object."""

    def at(key: str) -> StructureHook:
        def read(value: Any, _: Any) -> T | None:
            if value is None:
                return None
            try:
                return read_one(value)
            except SchemaMismatch as error:
                raise error.prefixed(key) from None

        return read

    return at


def list_of(read_one: ObjectReader[T]) -> FieldHook:
    """A list, as a tuple."""

    def at(key: str) -> StructureHook:
        def read(value: Any, _: Any) -> tuple[T, ...] | None:
            if value.__class__ is not list:
                if value is None:
                    return None
                raise SchemaMismatch(key, "a list", json_type_name(value))
            members: list[T] = []
            try:
                for sent in value:
                    members.append(read_one(sent))  # noqa: PERF401 - its length is the path
            except SchemaMismatch as error:
                raise error.prefixed(f"{key}[{len(members)}]") from None
            return tuple(members)

        return read

    return at


def required(field: FieldHook, key: str) -> StructureHook:
    """A field that proves the shape: null will not do."""
    optional = field(key)

    def read(value: Any, _: Any) -> Any:
        checked = optional(value, _)
        return _refuse(optional, value) if checked is None else checked

    return read


def _refuse(optional: StructureHook, value: Any) -> Any:
    try:
        return optional(MISSING, None)
    except SchemaMismatch as error:
        raise SchemaMismatch(error.path, error.expected, json_type_name(value)) from None


def with_default(default: Any, field: FieldHook) -> FieldHook:
    """A field with a value of its own where there is none."""

    def at(key: str) -> StructureHook:
        optional = field(key)

        def read(value: Any, _: Any) -> Any:
            checked = optional(value, _)
            return default if checked is None else checked

        return read

    return at
