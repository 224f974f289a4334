"""The command line: a file a command.

Its libraries come with the extra `cli`, so nothing of them is imported before `main` runs.
"""

import sys
from collections.abc import Sequence
from typing import Final

_EXTRA: Final = frozenset({"click", "rich"})
_NO_EXTRA: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; those of this process by default.

    Returns:
        The exit code.
    """
    try:
        from capillary_interactions.cli._app import run  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"error: {missing.name} is not installed; the command line needs the extra cli: "
            "pip install 'capillary_interactions[cli]'\n"
        )
        return _NO_EXTRA
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run(arguments)
