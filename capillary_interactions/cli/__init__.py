"""The command line; each command is a file.

Its libraries come with the extra `cli`, so nothing of them is imported before `main` runs.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

_EXTRA: Final = ("click", "rich")
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
        from capillary_interactions.cli._standard_streams import (  # noqa: PLC0415 - see above
            flush_streams,
            open_closed_streams,
        )

        open_closed_streams()
        for library in _EXTRA:
            # Not imported: a line of help needs no rich, which takes as long as all the rest.
            if find_spec(library) is None:
                return _report_missing(library)
        from capillary_interactions.cli._app import run  # noqa: PLC0415 - needs the extra
    except KeyboardInterrupt:
        return _INTERRUPTED
    try:
        return run(arguments)
    finally:
        flush_streams()


def _report_missing(library: str) -> int:
    sys.stderr.write(
        f"error: {library} is not installed; the command line needs the extra cli: "
        "pip install 'capillary_interactions[cli]'\n"
    )
    return _NO_EXTRA
