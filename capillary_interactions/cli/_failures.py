"""How an error that ends a command becomes one line and an exit code."""

import errno
import traceback
from typing import Final

import click

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import mask_subject, mask_text
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import STOPPED_EARLY, USAGE, CommandError

_CANNOT_WRITE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def show_traceback(error: Exception) -> None:
    for line in "".join(traceback.format_exception(error)).splitlines():
        indent = len(line) - len(line.lstrip(" "))
        Console().error(f"{' ' * indent}{mask_subject(line, codes_shown=True)}")


def report(error: Exception) -> int:
    """Print an error in a line; the exit code that it stands for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        Console().error_lines(error.format_message())
        return USAGE
    if isinstance(error, click.ClickException | ConfigurationError):
        Console().error(f"error: {_error_text(error)}")
        return USAGE
    if isinstance(error, CommandError):
        if str(error):
            Console().error(f"error: {error}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        Console().error(f"error: standard output cannot be written: {error.strerror}")
        return STOPPED_EARLY
    Console().error(
        f"error: unforeseen {type(error).__name__}; "
        "run it again with --log-level debug to see where, and report it"
    )
    return STOPPED_EARLY


def _error_text(error: click.ClickException | ConfigurationError) -> str:
    """What is wrong with an argument or a setting, with nothing personal in it."""
    if not isinstance(error, click.ClickException):
        return str(error)
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    hint = f" (see {command} --help)" if command else ""
    # Names of our own that are nearly the one that was typed.
    names = getattr(error, "possibilities", None)
    suggestion = f"; did you mean {' or '.join(names)}?" if names else ""
    return f"{mask_text(_message(error))}{suggestion}{hint}"


def _message(error: click.ClickException) -> str:
    # click's messages repeat what was typed, which may be a phone number in the wrong place.
    if isinstance(error, click.NoSuchOption):
        return f"No such option {error.option_name}"
    # click formats its own suggestions behind the message.
    text = error.message if hasattr(error, "possibilities") else error.format_message()
    extra = text.startswith("Got unexpected extra argument")
    return "Too many arguments" if extra else " ".join(text.split()).removesuffix(".")
