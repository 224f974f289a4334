"""How does a JSON object become one of the models? The only file that knows cattrs.

A table gives each field the server's name and its hook; cattrs writes the function for it.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from capillary_interactions._json.fields import (
    MISSING,
    FieldHook,
    ObjectReader,
    SchemaMismatch,
    StructureHook,
    UnparsedDateError,
    json_type_name,
)

_T = TypeVar("_T")

Fields = Mapping[str, tuple[str, FieldHook]]

# The hooks name the path themselves, so cattrs' own, slower account of errors is not needed.
_CONVERTER: Final = Converter(detailed_validation=False)

# What is not understood is kept, but not deeper than every JSON writer follows.
_DEEPEST: Final = 64
# An envelope's is written as a flat answer up to three levels deeper, and must be read again.
_DEEPEST_WRITTEN: Final = 68

_set: Final = object.__setattr__


def make_structure_fn(
    model: type[_T], fields: Fields, *, also: frozenset[str] = frozenset(), keep: bool = False
) -> ObjectReader[_T]:
    """A function that reads a JSON object into a model.

    Args:
        model: An attrs class with `extra` and `_sent`.
        fields: From the model's name of a field to the server's name and the check.
        also: Names that the caller reads by itself, so that they are not kept in `extra`.
        keep: Whether the value remembers the object that it was read from.
    """
    hooks = {key: field(key) for key, field in fields.values()}
    read = make_dict_structure_fn(model, _CONVERTER, **_overrides(model, fields, hooks))
    known = frozenset(hooks) | also
    covers = known.issuperset
    levels = _DEEPEST_WRITTEN if keep else _DEEPEST

    def structure(sent: Any) -> _T:
        if sent.__class__ is not dict:
            raise SchemaMismatch("", "an object", json_type_name(sent))
        try:
            value = read(sent, model)
        except UnparsedDateError as odd:
            # Read without it, and keep its text: one odd date must not cost a customer's history.
            value = structure({key: sent[key] for key in sent if key != odd.key})
            _set(value, "extra", {**value.extra, odd.key: sent[odd.key]})  # type: ignore[attr-defined]
        except KeyError as missing:
            raise _missing(hooks[missing.args[0]]) from None
        else:
            if not covers(sent):
                _set(value, "extra", unknown_fields(sent, known, levels))
        if keep:
            _set(value, "_sent", sent)
        return value

    return structure


def _overrides(model: type[Any], fields: Fields, hooks: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        field.name: override(rename=fields[field.name][0], struct_hook=hooks[fields[field.name][0]])
        if field.name in fields
        else override(omit=True)
        for field in attrs.fields(model)
    }


def _missing(hook: StructureHook) -> SchemaMismatch:
    try:
        hook(MISSING, None)
    except SchemaMismatch as wrong:
        return wrong
    raise AssertionError("a field that takes anything has a default in its model")


def unknown_fields(
    sent: Mapping[str, Any], known: frozenset[str], levels: int = _DEEPEST
) -> dict[str, Any]:
    """What an object holds beside the known names; null counts as absent.

    Raises:
        Mismatch: Something in it is nested too deep.
    """
    extra = {key: value for key, value in sent.items() if key not in known and value is not None}
    if _deeper(extra, levels):
        raise SchemaMismatch(
            "", f"unknown fields nested at most {levels} levels deep", "deeper ones"
        )
    return extra


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper(each, levels - 1) for each in value)


def checked_depth(sent: Any) -> Any:
    """A value of unknown shape, as it is.

    Raises:
        Mismatch: It is nested too deep.
    """
    if _deeper(sent, _DEEPEST):
        raise SchemaMismatch("", f"a value nested at most {_DEEPEST} levels deep", "a deeper one")
    return sent


def set_frozen(value: Any, **fields: Any) -> None:
    """Complete a value that has just been read and that nobody else has seen yet."""
    for name, content in fields.items():
        _set(value, name, content)
