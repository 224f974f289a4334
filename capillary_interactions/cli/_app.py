"""The program itself: its commands, and its exit code whatever happens."""

from collections.abc import Sequence
from typing import Any, Final

import click

from capillary_interactions.cli._exit_codes import INTERRUPTED, OK, STOPPED_EARLY
from capillary_interactions.cli._lazy_group import LazyGroup

PROGRAM: Final = "capillary-interactions"


def _print_version(context: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not context.resilient_parsing:
        from capillary_interactions._http.user_agent import version  # noqa: PLC0415 - help and completion need none of it

        click.echo(f"{PROGRAM}, version {version() or 'unknown'}")
        context.exit()


@click.group(
    cls=LazyGroup,
    package=__package__,
    summaries={
        "bulk": "Look up every customer of a list.",
        "check": "See whether settings, network and credentials work.",
        "cluster": "Look up a list by several workers: processes, Ray or Spark.",
        "demo": "See all of it at work; needs nothing.",
        "jobs": "Look at a bulk job, take outcomes back, write its results.",
        "lookup": "Look up one customer.",
        "sandbox": "Run a pretend Capillary on this machine.",
    },
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


def run(arguments: Sequence[str] | None = None) -> int:
    state: dict[str, Any] = {"level": "off"}
    try:
        code = app.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=state)
    except (click.Abort, KeyboardInterrupt):
        from capillary_interactions.cli._console import Console  # noqa: PLC0415 - help and completion need none of it

        Console().error("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        # click exits so after a completion, and where the reader of a help text has gone.
        return STOPPED_EARLY if error.code else OK
    except Exception as error:  # noqa: BLE001 - a person gets a line, and the way to more
        from capillary_interactions.cli._failures import report, show_traceback  # noqa: PLC0415 - help and completion need none of it

        if state["level"] == "debug":
            show_traceback(error)
        return report(error)
    return code if isinstance(code, int) else OK
