"""Names of a package that are imported when they are first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(
    package: str, homes: Mapping[str, str], unlisted: Mapping[str, str] | None = None
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """A package's `__all__`, `__getattr__` and `__dir__`, for all of which it imports nothing.

    The package lists the names once more under `TYPE_CHECKING`, and calls this where type checkers
    do not see it: to them any misspelt name would be a valid one of a module with `__getattr__`.

    Args:
        package: Its `__name__`.
        homes: Names, separated by spaces, by the module that defines them, relative to the package.
        unlisted: Further ones, which are not in `__all__`.
    """
    names = sorted(_by_name(homes), key=lambda name: (not name[0].isupper(), name))
    home_of = _by_name(homes) | _by_name(unlisted or {})

    def load(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(home_of[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return names, load, names.copy


def _by_name(homes: Mapping[str, str]) -> dict[str, str]:
    return {name: home for home, names in homes.items() for name in names.split()}
