"""Exit codes, and the errors that stand for one."""

from collections.abc import Mapping
from typing import ClassVar, Final

OK: Final = 0
OTHER_ENDINGS: Final = 1
USAGE: Final = 2
STOPPED_EARLY: Final = 3
INTERRUPTED: Final = 130

_FINE_ENDINGS: Final = frozenset({"found", "not_found"})


class CommandError(Exception):
    """A command that cannot continue; its text is one line for a person, and may be empty."""

    exit_code: ClassVar[int]


class CannotStartError(CommandError):
    """An argument or a setting is wrong, and nothing has been done."""

    exit_code = USAGE


class StoppedEarlyError(CommandError):
    """The command had started, or nearly, and cannot finish."""

    exit_code = STOPPED_EARLY


def code_of(endings: Mapping[str, int]) -> int:
    """The exit code of a command that has finished, by its rows' endings."""
    other = any(count for name, count in endings.items() if name not in _FINE_ENDINGS)
    return OTHER_ENDINGS if other else OK
