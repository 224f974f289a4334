"""Of which type is each argument of an attrs class, and which of them hold several settings?"""

from types import UnionType
from typing import Any, get_args, get_type_hints

from attrs import fields_dict, has


def field_types(type_: type) -> dict[str, Any]:
    """The type of each argument of a class, by its name."""
    hints = get_type_hints(type_)
    return {name: hints[name] for name, field in fields_dict(type_).items() if field.init}


def groups_of(type_: type) -> dict[str, type]:
    """The arguments of a class that hold a value of several settings, and the class of each."""
    found = {name: _group(hint) for name, hint in field_types(type_).items()}
    return {name: group for name, group in found.items() if group is not None}


def _group(hint: Any) -> type | None:
    classes = [part for part in parts_of(hint) if isinstance(part, type) and has(part)]
    return classes[0] if len(classes) == 1 else None


def parts_of(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union; of any other type, itself."""
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)
