"""How does a JSON object become one of the models? The only file that knows cattrs.

A table gives each field the server's name and its hook; cattrs writes the function for it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from capillary_interactions._json.fields import (
    MISSING,
    ObjectReader,
    SchemaMismatch,
    StructureHook,
    UnparsedDateError,
    json_type_name,
)
from capillary_interactions._json.usual import Fields, make_usual_reader

if TYPE_CHECKING:
    from capillary_interactions._json.zones import ObjectDates

_T = TypeVar("_T")

# The hooks name the path themselves, so cattrs' own, slower account of errors is not needed.
_CONVERTER: Final = Converter(detailed_validation=False)

# What is not understood is kept, but not deeper than every JSON writer follows.
_MAX_DEPTH: Final = 64
# An envelope's is written as a flat answer up to three levels deeper, and must be read again.
_MAX_WRITTEN_DEPTH: Final = 68

# Completes a value that has just been read.
set_frozen: Final = object.__setattr__


def make_structure_fn(
    model: type[_T],
    fields: Fields,
    *,
    also: frozenset[str] = frozenset(),
    keep_source: bool = False,
    dates: "ObjectDates | None" = None,
    quick: bool = False,
) -> ObjectReader[_T]:
    """A function that reads a JSON object into a model.

    Args:
        model: An attrs class with `extra` and `_source`.
        fields: From the model's name of a field to the server's name and the check.
        also: Names that the caller reads by itself, so that they are not kept in `extra`.
        keep_source: Whether the value remembers the object that it was read from.
        dates: What completes its dates, where it has copies of them, or in any case.
        quick: Whether usual objects are read by a function of their own; of several mismatches in
            an object, it may then be another one that is raised.
    """
    known = also.union(key for key, _ in fields.values())
    careful = _make_careful_fn(model, fields, known, keep_source=keep_source, dates=dates)
    if not quick:
        return careful
    return make_usual_reader(model, fields, careful, known, keep_source=keep_source)


def _make_careful_fn(
    model: type[_T],
    fields: Fields,
    known: frozenset[str],
    *,
    keep_source: bool,
    dates: "ObjectDates | None",
) -> ObjectReader[_T]:
    hooks = {key: field(key) for key, field in fields.values()}
    read = make_dict_structure_fn(model, _CONVERTER, **_overrides(model, fields, hooks))
    is_known = known.issuperset
    levels = _MAX_WRITTEN_DEPTH if keep_source else _MAX_DEPTH
    lacks_copies = frozenset(() if dates is None else dates.copies).isdisjoint
    complete = None if dates is None or dates.doubting else dates.complete

    def structure(sent: Any) -> _T:
        if sent.__class__ is not dict:
            raise SchemaMismatch("", "an object", json_type_name(sent))
        try:
            value = read(sent, model)
        except UnparsedDateError as error:
            # Read without it, and keep its text: one odd date must not cost a customer's history.
            value = structure({key: sent[key] for key in sent if key != error.key})
            set_frozen(value, "extra", {**value.extra, error.key: sent[error.key]})  # type: ignore[attr-defined]
        except KeyError as error:
            raise _missing(hooks[error.args[0]]) from None
        else:
            if not is_known(sent):
                set_frozen(value, "extra", unknown_fields(sent, known, levels))
                if dates is not None and not lacks_copies(sent):
                    dates.complete(value, sent)
        if complete is not None:
            complete(value, sent)
        if keep_source:
            set_frozen(value, "_source", sent)
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
    except SchemaMismatch as error:
        return error
    raise AssertionError("a field that takes anything has a default in its model")


def unknown_fields(
    sent: Mapping[str, Any], known: frozenset[str], levels: int = _MAX_DEPTH
) -> dict[str, Any]:
    """What an object holds beside the known names; null counts as absent.

    Raises `SchemaMismatch` if something in it is nested too deep.
    """
    if known.issuperset(sent):
        return {}
    extra = {key: value for key, value in sent.items() if key not in known and value is not None}
    if _exceeds_depth(extra, levels):
        raise SchemaMismatch(
            "", f"unknown fields nested at most {levels} levels deep", "deeper ones"
        )
    return extra


def _exceeds_depth(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_exceeds_depth(member, levels - 1) for member in value)


def checked_depth(sent: Any) -> Any:
    """A value of unknown shape, as it is; a `SchemaMismatch` if it is nested too deep."""
    if _exceeds_depth(sent, _MAX_DEPTH):
        raise SchemaMismatch("", f"a value nested at most {_MAX_DEPTH} levels deep", "a deeper one")
    return sent
