"""Which version is this? As it is installed; unknown in a program frozen into one file."""

import importlib.metadata


def version() -> str | None:
    """The installed version, or None where the package's metadata was left out."""
    try:
        return importlib.metadata.version("capillary_interactions")
    except importlib.metadata.PackageNotFoundError:
        return None
