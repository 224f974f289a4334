"""The options of `bulk` on how a list is read, when a run stops, and how it is planned."""

from typing import TYPE_CHECKING, Any, Final

import click

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions.cli._exit_codes import usage_errors
from capillary_interactions.cli._options import AGE, COUNT, NAME, SECONDS, option_group
from capillary_interactions.cli._sections import section
from capillary_interactions.cli._standard_streams import unbuffered
from capillary_interactions.jobs import FORMATS, JobError

if TYPE_CHECKING:
    from capillary_interactions.jobs import CustomerList

_PIPE: Final = "-"
_READING: Final = ("column", "format", "header", "delimiter", "encoding")
_LATENCY: Final = 0.2
_DELIMITERS: Final = {"tab": "\t", "\\t": "\t"}

identifier_option: Final = section(
    "Which customers",
    click.option(
        "--identifier",
        type=NAME,
        metavar="NAME",
        help=f"Kind of identifier that the list holds: {', '.join(IdentifierName)}.",
    ),
)
_LIST_OPTIONS: Final = section(
    "Which customers",
    click.option(
        "--column",
        metavar="C",
        help="Column of LIST, or key of JSON objects, that holds it, by name or by number from 1 "
        "(default: the one named like the identifier, else the only one).",
    ),
    click.option(
        "--format",
        type=click.Choice(FORMATS),
        help="How LIST is written (default: by its suffix, else by its first line).",
    ),
    click.option(
        "--no-header",
        "header",
        flag_value=False,
        default=True,
        help="The first line of a CSV is a row; --column is a number then.",
    ),
    click.option(
        "--delimiter",
        metavar="D",
        help="What separates the columns of a CSV (default: found).",
    ),
    click.option(
        "--encoding",
        metavar="E",
        help="How LIST is encoded, such as cp1252 (default: UTF-8, or UTF-16 or -32 with a mark).",
    ),
)

_OPEN_OPTIONS: Final = section(
    "Going on",
    click.option(
        "--refresh",
        type=AGE,
        help="Ask again for customers whose answer in FILE.job is older than AGE (30m, 12h, 7d, "
        "2w); each keeps it until there is a newer one.",
    ),
    click.option(
        "--limit",
        type=COUNT,
        help="Ask for N customers at most in this run and leave the others open; the same command "
        "goes on with the next ones.",
    ),
)

_STOP_OPTIONS: Final = section(
    "Stopping",
    click.option(
        "--give-up-after",
        type=click.IntRange(min=0),
        metavar="N",
        default=50,
        show_default=True,
        help="When N customers in a row had no answer, pause and ask for one now and then; "
        "0 for never. With --out - stop. With 0 the run does not stop either where the API refuses "
        "a setting (source, account id, ...) for one customer after another.",
    ),
    click.option(
        "--patience",
        type=SECONDS,
        default=3600.0,
        show_default=True,
        help="Stop when such a pause lasts so long.",
    ),
    click.option(
        "--accept-rejected",
        is_flag=True,
        help="Go on even if half of the first 100 rows are rejected.",
    ),
)

_PLAN_OPTIONS: Final = section(
    "Planning",
    click.option(
        "--dry-run",
        is_flag=True,
        help="Read LIST and say what a run would take: rows, customers, duplicates, what is "
        "rejected and why, requests, hours, memory and disk. Sends nothing, writes nothing, and "
        "needs neither credentials nor --out.",
    ),
    click.option(
        "--latency",
        type=SECONDS,
        metavar="SECONDS",
        help="With --dry-run: how long an answer is expected to take (default 0.2).",
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="With --dry-run: as one JSON object on standard output.",
    ),
)


def _collect_reading(options: dict[str, Any]) -> dict[str, Any]:
    reading = {name: options.pop(name) for name in _READING}
    return {**options, "reading": reading}


def _collect_stopping(options: dict[str, Any]) -> dict[str, Any]:
    from capillary_interactions.cli._bulk_options import StopOptions  # noqa: PLC0415 - help and completion need none of it

    stopping = StopOptions(
        options.pop("give_up_after") or None,
        options.pop("patience"),
        options.pop("accept_rejected"),
        options.pop("limit", None),
        options.pop("refresh", None),
    )
    return {**options, "stopping": stopping}


def _collect_planning(options: dict[str, Any]) -> dict[str, Any]:
    dry_run, latency, as_json = (options.pop(name) for name in ("dry_run", "latency", "as_json"))
    if not dry_run and (latency is not None or as_json):
        raise click.UsageError("--latency and --json need --dry-run")
    from capillary_interactions.cli._bulk_options import PlanningOptions  # noqa: PLC0415 - help and completion need none of it

    return {**options, "planning": PlanningOptions(dry_run, latency or _LATENCY, as_json)}


list_options: Final = option_group((_LIST_OPTIONS,), _collect_reading)
plan_options: Final = option_group((_PLAN_OPTIONS,), _collect_planning)
stop_options: Final = option_group((_OPEN_OPTIONS, _STOP_OPTIONS), _collect_stopping)
cluster_stop_options: Final = option_group((_STOP_OPTIONS,), _collect_stopping)


def customers_of(list_: str, identifier: IdentifierName, reading: dict[str, Any]) -> "CustomerList":
    """The list, with its options.

    Raises:
        UsageError: Two options contradict each other.
        CannotStartError: One of them is invalid.
    """
    if reading["format"] == "lines" and reading["column"]:
        raise click.UsageError("--column is of no use with --format lines: these have no columns")
    if not reading["header"] and not (reading["column"] or "").isdecimal():
        raise click.UsageError("--no-header needs --column with a number, counted from 1")
    delimiter = _DELIMITERS.get(reading["delimiter"], reading["delimiter"])
    piped = list_ == _PIPE
    from capillary_interactions.jobs import CustomerList  # noqa: PLC0415 - help and completion need none of it

    with usage_errors(ValueError, JobError):
        return CustomerList(
            unbuffered("stdin") if piped else list_,
            **{**reading, "delimiter": delimiter},
            identifier=identifier,
            label="standard input" if piped else None,
        )
