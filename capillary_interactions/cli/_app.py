"""The program itself: its commands, and how any error becomes one line."""

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


def _print_version(context: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not context.resilient_parsing:
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
    callback=_print_version,
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
    state: dict[str, Any] = {"level": "off"}
    try:
        code = app.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=state)
    except (click.Abort, KeyboardInterrupt):
        Console().error("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        # click exits so after a completion, and where the reader of a help text has gone.
        return STOPPED_EARLY if error.code else OK
    except Exception as error:  # noqa: BLE001 - a person gets a line, and the way to more
        if state["level"] == "debug":
            _show_traceback(error)
        return _report(error)
    return code if isinstance(code, int) else OK


def _show_traceback(error: Exception) -> None:
    import traceback  # noqa: PLC0415 - help and completion need none of it

    for line in "".join(traceback.format_exception(error)).splitlines():
        indent = len(line) - len(line.lstrip(" "))
        Console().error(f"{' ' * indent}{mask_subject(line, codes_shown=True)}")


def _report(error: Exception) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        Console().error_lines(error.format_message())
        return USAGE
    if isinstance(error, click.ClickException | ConfigurationError):
        Console().error(f"error: {error_text(error)}")
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


def error_text(error: click.ClickException | ConfigurationError) -> str:
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
