"""The program itself: its commands, and how whatever goes wrong is told in one line."""

import errno
from collections.abc import Sequence
from typing import Any, Final

import click

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import mask_subject, mask_text
from capillary_interactions.cli._bulk import bulk
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._demo import demo
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    OK,
    STOPPED_EARLY,
    USAGE,
    CommandError,
)
from capillary_interactions.cli._jobs import jobs
from capillary_interactions.cli._lookup import lookup
from capillary_interactions.cli._sandbox import sandbox

PROGRAM: Final = "capillary-interactions"
_CANNOT_WRITE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def _tell_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from capillary_interactions._http.user_agent import version  # noqa: PLC0415 - help and completion need none of it

        click.echo(f"{PROGRAM}, version {version() or 'unknown'}")
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_version,
    help="Tell the version, and do nothing else.",
)
def app() -> None:
    """Every customer's interactions from Capillary, as fast as the quota allows.

    Start with `capillary-interactions demo`, which needs nothing, and see
    `capillary-interactions COMMAND --help` for the options and for the environment variables that
    stand for them. Data goes to standard output or to the file you name, words to standard error.
    """


for _command in (lookup, bulk, jobs, sandbox, demo):
    app.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    chosen: dict[str, Any] = {"level": "off"}
    try:
        ended = app.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=chosen)
    except (click.Abort, KeyboardInterrupt):
        Console().complain("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        # Click's way out after a completion, and where the reader of a help text has gone.
        return STOPPED_EARLY if error.code else OK
    except Exception as error:  # noqa: BLE001 - a person gets a line, and the way to more
        if chosen["level"] == "debug":
            _show_traceback(error)
        return _told(error)
    return ended if isinstance(ended, int) else 0


def _show_traceback(error: Exception) -> None:
    """Its traceback, without what is personal in it or steers a terminal."""
    import traceback  # noqa: PLC0415 - help and completion need none of it

    for line in "".join(traceback.format_exception(error)).splitlines():
        indent = len(line) - len(line.lstrip(" "))
        Console().complain(f"{' ' * indent}{mask_subject(line, codes_shown=True)}")


def _told(error: Exception) -> int:
    """Say what is wrong in one line; the exit code for it."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        Console().show(error.format_message())
        return USAGE
    if isinstance(error, click.ClickException | ConfigurationError):
        Console().complain(f"error: {words(error)}")
        return USAGE
    if isinstance(error, CommandError):
        if str(error):
            Console().complain(f"error: {error}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        Console().complain(f"error: standard output cannot be written: {error.strerror}")
        return STOPPED_EARLY
    Console().complain(
        f"error: unforeseen {type(error).__name__}; "
        "run it again with --log-level debug to see where, and report it"
    )
    return STOPPED_EARLY


def words(wrong: click.ClickException | ConfigurationError) -> str:
    """What is wrong with an argument or a setting, with nothing personal in it."""
    if not isinstance(wrong, click.ClickException):
        return str(wrong)
    command = wrong.ctx.command_path if isinstance(wrong, click.UsageError) and wrong.ctx else ""
    hint = f" (see {command} --help)" if command else ""
    return f"{mask_text(_message(wrong))}{_meant(wrong)}{hint}"


def _message(wrong: click.ClickException) -> str:
    # What was typed stands in click's messages, and it may be somebody's number in a wrong place.
    if isinstance(wrong, click.NoSuchOption):
        return f"No such option {wrong.option_name}"
    # Click's own guesses stand behind these words in what it formats.
    text = wrong.message if hasattr(wrong, "possibilities") else wrong.format_message()
    extra = text.startswith("Got unexpected extra argument")
    return "Too many arguments" if extra else " ".join(text.split()).removesuffix(".")


def _meant(wrong: click.ClickException) -> str:
    """The names that are nearly the one that was typed; these are our own."""
    names = getattr(wrong, "possibilities", None)
    return f"; did you mean {' or '.join(names)}?" if names else ""
