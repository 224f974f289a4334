"""Exit codes, and the errors that stand for one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def usage_errors(*errors: type[Exception], prefix: str = "") -> Iterator[None]:
    """Turn some errors into `CannotStartError`."""
    try:
        yield
    except errors as error:
        raise CannotStartError(f"{prefix}{error}") from None


@contextmanager
def write_errors(name: str) -> Iterator[None]:
    """Turn errors of writing into `StoppedEarlyError`, without a text if the reader has gone."""
    try:
        yield
    except BrokenPipeError:
        raise StoppedEarlyError("") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoppedEarlyError(f"{name} cannot be written: {reason}") from None


def code_of(endings: Mapping[str, int]) -> int:
    """The exit code of a command that has finished, by its rows' endings."""
    other = any(count for name, count in endings.items() if name not in _FINE_ENDINGS)
    return OTHER_ENDINGS if other else OK
