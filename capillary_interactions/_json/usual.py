"""How is an object read quickly, if its fields are all known and of the types that are usual?

By a function that is written for its model. Whatever is not usual is left to the careful function,
that of cattrs, so that this one alone decides what is valid and what a mismatch is.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

import attrs

from capillary_interactions._json.cached_dates import TO_HOUR, CachedDateParser
from capillary_interactions._json.fields import (
    FieldHook,
    ObjectReader,
    SchemaMismatch,
    UnparsedDateError,
    address,
    date,
    integer,
    lenient,
    nullable_id,
    required,
    string,
)
from capillary_interactions._model.quick_init import mutable_twin

_T = TypeVar("_T")

# From the model's name of a field to the server's name and the check.
Fields = Mapping[str, tuple[str, FieldHook]]

# What the hooks of a message's fields do with values of the usual types, written out: calling them
# would take longer than all the rest. Other hooks are called.
_WRITTEN_OUT: Final[Mapping[Any, tuple[str, ...]]] = {
    integer: ("elif type({value}) is not int: return careful(sent)",),
    nullable_id: (
        "elif type({value}) is not int: return careful(sent)",
        "elif {value} == -1: {value} = None",
    ),
    string: ("elif type({value}) is not str: return careful(sent)",),
    date: (
        "elif type({value}) is not str: return careful(sent)",
        "else:",
        # What the parser does where it knows the hour, in half the time of a call.
        "  try:",
        "    hours = hours_z_{name} if {value}[-1:] == 'Z' else hours_{name}",
        "    {value} = hours[{value}[:{to_hour}]] + after_{name}[{value}[{to_hour}:]]",
        "  except KeyError:",
        "    {value} = parse_{name}({value})",
        "    if {value} is None: return careful(sent)",
    ),
}
# The same for fields of an envelope, in which "null" and "" mean nothing. Numbers are strings there
# now and then, and left to the check.
_EMPTY: Final = "elif {value} == '' or {value} == 'null': {value} = None"
_NO_STRING: Final = "elif type({value}) is not str: return careful(sent)"
_NO_INTEGER: Final = "elif type({value}) is not int: {value} = check_{name}({value}, None)"
_LENIENT: Final[Mapping[Any, tuple[str, ...]]] = {
    integer: (_NO_INTEGER,),
    nullable_id: (_NO_INTEGER, "elif {value} == -1: {value} = None"),
    string: (_NO_STRING, _EMPTY),
    address: (_NO_STRING, _EMPTY, "else: {value} = {value}.strip() or None"),
    date: (_NO_STRING, _EMPTY, *_WRITTEN_OUT[date][1:]),
}
_CALLED: Final = ("else: {value} = check_{name}({value}, None)",)


def make_usual_reader(
    model: type[Any],
    fields: Fields,
    careful: ObjectReader[_T],
    known: frozenset[str],
    *,
    keep_source: bool,
) -> ObjectReader[_T]:
    """A function that reads usual objects, and leaves others to `careful`.

    It may raise another `SchemaMismatch` than `careful` does, if there are several in an object.

    Args:
        model: An attrs class with `extra` and `_source`.
        fields: Its fields. To a check null must be the same as nothing, and be read as None, an
            empty tuple or False, unless it is refused.
        careful: Reads any object.
        known: The names of usual objects.
        keep_source: Whether the value remembers the object that it was read from.
    """
    names: dict[str, Any] = {
        "careful": careful,
        "is_known": known.issuperset,
        "new": object.__new__,
        "twin": mutable_twin(model),
        "model": model,
        "UnparsedDateError": UnparsedDateError,
        **{f"default_{field.name}": field.default for field in attrs.fields(model)},
        **{f"check_{name}": hook(key) for name, (key, hook) in fields.items()},
    }
    for name, (_, hook) in fields.items():
        names |= _date_names(name, hook)
    values = {field.name: f"default_{field.name}" for field in attrs.fields(model)}
    values |= {name: f"field_{name}" for name in fields} | {"extra": "{}"}
    values |= {"_source": "sent"} if keep_source else {}
    exec("\n".join(_lines(fields, values)), names)  # noqa: S102 - from this package's tables alone
    read: ObjectReader[_T] = names["read"]
    return read


def _unwrapped(hook: FieldHook, wrapper: Any) -> tuple[FieldHook, bool]:
    """A field without a wrapper, and whether it had it."""
    wrapped = isinstance(hook, partial) and hook.func is wrapper
    return (hook.args[0], True) if wrapped else (hook, False)  # type: ignore[attr-defined] # a partial


def _date_names(name: str, hook: FieldHook) -> dict[str, Any]:
    hook, _ = _unwrapped(hook, lenient)
    if not (isinstance(hook, partial) and hook.func is date):
        return {}
    parse: CachedDateParser = hook.args[0]
    return {
        f"parse_{name}": parse,
        f"hours_{name}": parse.hours,
        f"hours_z_{name}": parse.hours_z,
        f"after_{name}": parse.after,
    }


def _lines(fields: Fields, values: Mapping[str, str]) -> Iterator[str]:
    """The function's source."""
    yield from (
        "def read(sent):",
        "  if sent.__class__ is not dict: return careful(sent)",
        "  get = sent.get",
        "  absent = 0",
        "  try:",
    )
    for name, (key, hook) in fields.items():
        yield from (f"    {line}" for line in _read_lines(name, key, hook))
    yield from (
        "  except UnparsedDateError: return careful(sent)",
        # Only where a name is not known, or a value is null.
        f"  if len(sent) + absent != {len(fields)} and not is_known(sent): return careful(sent)",
        "  result = new(twin)",
        *(f"  result.{name} = {value}" for name, value in values.items()),
        "  result.__class__ = model",
        "  return result",
    )


def _read_lines(name: str, key: str, hook: FieldHook) -> Iterator[str]:
    value = f"field_{name}"
    yield f"{value} = get({key!r})"
    try:
        absent = hook(key)(None, None)
    except SchemaMismatch:
        yield f"if {value} is None: return careful(sent)"
    else:
        yield f"if {value} is None: absent += 1; {value} = {absent!r}"
    hook, is_required = _unwrapped(hook, required)
    hook, is_lenient = _unwrapped(hook, lenient)
    type_ = hook.func if isinstance(hook, partial) else hook
    lines = (_LENIENT if is_lenient else _WRITTEN_OUT).get(type_, _CALLED)
    parts = {"value": value, "name": name, "to_hour": TO_HOUR}
    yield from (line.format_map(parts) for line in lines)
    if is_required:
        yield f"if {value} is None: return careful(sent)"
