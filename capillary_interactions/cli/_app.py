"""The program itself: its commands, and how whatever goes wrong is told in one line."""

import traceback
from collections.abc import Sequence
from typing import Any, Final

import click

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._masking import mask_text
from capillary_interactions._version import version
from capillary_interactions.cli._bulk import bulk
from capillary_interactions.cli._demo import demo
from capillary_interactions.cli._exits import CANNOT_START, INTERRUPTED, STOPPED_EARLY, CommandError
from capillary_interactions.cli._jobs import jobs
from capillary_interactions.cli._lookup import lookup
from capillary_interactions.cli._sandbox import sandbox
from capillary_interactions.cli._voice import Voice

PROGRAM: Final = "capillary-interactions"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version() or "unknown", prog_name=PROGRAM)
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
        Voice().complain("interrupted")
        return INTERRUPTED
    except (click.ClickException, ConfigurationError, CommandError) as wrong:
        if chosen["level"] == "debug":
            traceback.print_exc()
        return _told(wrong)
    except Exception as unforeseen:  # noqa: BLE001 - a person gets a line, and the way to more
        if chosen["level"] == "debug":
            traceback.print_exc()
        Voice().complain(
            f"error: unforeseen {type(unforeseen).__name__}; "
            "run it again with --log-level debug to see where, and report it"
        )
        return STOPPED_EARLY
    return ended if isinstance(ended, int) else 0


def _told(wrong: click.ClickException | ConfigurationError | CommandError) -> int:
    """Say what is wrong in one line; the exit code for it."""
    if isinstance(wrong, click.exceptions.NoArgsIsHelpError):
        Voice().complain(wrong.format_message())
        return CANNOT_START
    if isinstance(wrong, CommandError):
        if str(wrong):
            Voice().complain(f"error: {wrong}")
        return wrong.exit_code
    Voice().complain(f"error: {words(wrong)}")
    return CANNOT_START


def words(wrong: click.ClickException | ConfigurationError) -> str:
    """What is wrong with an argument or a setting, with nothing personal in it."""
    if not isinstance(wrong, click.ClickException):
        return str(wrong)
    # What was typed stands in click's messages, and it may be somebody's number in a wrong place.
    text = " ".join(wrong.format_message().split())
    if isinstance(wrong, click.NoSuchOption):
        text = f"No such option {wrong.option_name}"
    elif text.startswith("Got unexpected extra argument"):
        text = "Too many arguments"
    command = wrong.ctx.command_path if isinstance(wrong, click.UsageError) and wrong.ctx else ""
    hint = f" (see {command} --help)" if command else ""
    return f"{mask_text(text)}{hint}"
