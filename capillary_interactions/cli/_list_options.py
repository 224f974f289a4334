"""The options of `bulk` on how a list is read, and when a run stops."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from capillary_interactions.cli._exit_codes import CannotStartError
from capillary_interactions.cli._options import SECONDS
from capillary_interactions.cli._standard_streams import unbuffered
from capillary_interactions.jobs import FORMATS, JobError

if TYPE_CHECKING:
    from capillary_interactions.jobs import CustomerList, StopRules

_PIPE: Final = "-"
_READING: Final = ("column", "format", "header", "delimiter", "encoding")
_DELIMITERS: Final = {"tab": "\t", "\\t": "\t"}

_LIST_OPTIONS: Final = (
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

_STOP_OPTIONS: Final = (
    click.option(
        "--give-up-after",
        type=click.IntRange(min=0),
        metavar="N",
        default=50,
        show_default=True,
        help="When so many customers in a row had no answer, pause and ask for one now and then; "
        "0 for never. With --out - stop.",
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


@frozen
class StopOptions:
    """When to pause and to stop.

    Attributes:
        unanswered: Customers in a row without an answer, or None.
        patience: Seconds.
        accept_rejected: Whether any number of rows may be rejected.
    """

    unanswered: int | None
    patience: float
    accept_rejected: bool

    def rules(self) -> "StopRules":
        """The rules of a job."""
        from capillary_interactions.jobs import StopRules  # noqa: PLC0415 - help and completion need none of it

        default = StopRules()
        return StopRules(
            unanswered=self.unanswered,
            silence=None if self.unanswered is None else default.silence,
            give_up_after=self.patience,
            rejected_share=None if self.accept_rejected else default.rejected_share,
        )


def list_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options on how a list is read, as its argument `reading`."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        reading = {name: options.pop(name) for name in _READING}
        return function(*args, reading=reading, **options)

    for option in reversed(_LIST_OPTIONS):
        call = option(call)
    return call


def stop_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options on when it stops, as its argument `stopping`."""

    @wraps(function)
    def call(
        *args: Any, give_up_after: int, patience: float, accept_rejected: bool, **options: Any
    ) -> Any:
        stopping = StopOptions(give_up_after or None, patience, accept_rejected)
        return function(*args, stopping=stopping, **options)

    for option in reversed(_STOP_OPTIONS):
        call = option(call)
    return call


def customers_of(list_: str, identifier: str, reading: dict[str, Any]) -> "CustomerList":
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

    try:
        return CustomerList(
            unbuffered("stdin") if piped else list_,
            **{**reading, "delimiter": delimiter},
            identifier=identifier,
            label="standard input" if piped else None,
        )
    except (ValueError, JobError) as error:
        raise CannotStartError(str(error)) from None
