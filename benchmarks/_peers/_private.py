"""Private names of the library, in this checkout and in one as old as 59aa743 (`--against`)."""

import importlib
from typing import Any


def private(name: str, *modules: str) -> Any:
    """The value of a name, from the first of these modules of the library that exists.

    Raises:
        ModuleNotFoundError: None of them does.
    """
    for module in modules:
        try:
            return getattr(importlib.import_module(f"capillary_interactions.{module}"), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"{name} is in none of {modules}")
