"""The options that commands share, and how each of them is read."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._model.vocabulary import (
    IdentifierName,
    InteractionType,
    Network,
)
from capillary_interactions._text.masking import describe_value
from capillary_interactions.cli._console import LEVELS, Console
from capillary_interactions.cli._sections import section

if TYPE_CHECKING:
    from capillary_interactions._config.limits import RateLimit

_F = TypeVar("_F", bound=Callable[..., Any])
_DECIMAL: Final = re.compile(
    r"(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE
)
_AGE: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s?([smhdw])", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

# Older versions of click have no type parameters.
if TYPE_CHECKING:
    _Type = click.ParamType[Any]
    _Choice = click.Choice[str]
else:
    _Type = click.ParamType
    _Choice = click.Choice

# click's own types repeat the value, and a variable of the environment may hold a secret in the
# wrong place; these do not.


class Read(_Type):
    def __init__(self, name: str, read: Callable[[Any], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Word(_Choice):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        # Outside the block: a traceback would show the first error, too.
        with suppress(click.BadParameter):
            return super().convert(value, param, ctx)
        shown = describe_value(str(value), choices=self.choices)
        return self.fail(f"{shown} is not one of {', '.join(self.choices)}", param, ctx)


def _rate(value: "RateLimit | str") -> "RateLimit":
    from capillary_interactions._config.limits import RateLimit  # noqa: PLC0415 - help and completion need none of it

    return value if isinstance(value, RateLimit) else RateLimit.parse(value)


def _seconds(value: float | str) -> float:
    text = str(value).strip()
    if not _DECIMAL.fullmatch(text) or float(text) == 0:
        raise ValueError("it must be a number of seconds, more than 0")
    return check_seconds("the time", float(text))


def _fault(value: str | tuple[str, float]) -> tuple[str, float]:
    if isinstance(value, tuple):
        return value
    name, _, share = value.partition("=")
    if not _DECIMAL.fullmatch(share) or float(share) > 1:
        raise ValueError("it must be NAME=SHARE, with a share from 0 to 1")
    return name, float(share)


def _count(value: int | str) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("it must be a whole number of 1 or more")
    return check_count("it", int(text))


def _age(value: timedelta | str) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _AGE.fullmatch(value.strip())
    if match is None:
        raise ValueError("it must be a number and a unit (s, m, h, d or w), such as 90m, 12h or 7d")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2].lower()])
    except OverflowError:
        raise ValueError("it is longer ago than there are dates") from None


RATE: Final = Read("N/SECONDS", _rate)
SECONDS: Final = Read("SECONDS", _seconds)
FAULT: Final = Read("NAME=SHARE", _fault)
COUNT: Final = Read("N", _count)
AGE: Final = Read("AGE", _age)
NAME: Final = Word([name.value for name in IdentifierName], case_sensitive=False)

_CONSOLE_OPTIONS: Final = section(
    "Messages",
    click.option(
        "--quiet",
        is_flag=True,
        envvar="CAPILLARY_QUIET",
        show_envvar=True,
        help="Say nothing on stderr but what goes wrong.",
    ),
    click.option(
        "--log-level",
        type=Word(LEVELS, case_sensitive=False),
        default="off",
        show_default=True,
        envvar="CAPILLARY_LOG_LEVEL",
        show_envvar=True,
        help="From which level on the log goes to stderr; debug also shows tracebacks.",
    ),
)

_FILTERS: Final = (
    section(
        "Which interactions",
        click.option(
            "--type",
            type=Word([type_.value for type_ in InteractionType], case_sensitive=False),
            metavar="TYPE",
            help=f"Only interactions of this type: {', '.join(InteractionType)}.",
        ),
        click.option(
            "--custom-type",
            metavar="TYPE",
            help="Only interactions of this type, sent as it is: one that --type does not know, "
            "such as sms.",
        ),
        click.option(
            "--network",
            type=Word([network.value for network in Network], case_sensitive=False),
            metavar="NETWORK",
            help=f"Only interactions of this network: {', '.join(Network)}.",
        ),
    ),
    section(
        "Results",
        click.option(
            "--mask-codes",
            is_flag=True,
            help="Mask what may be a one-time code in subjects in the results, too: runs of 3 "
            "digits and more, also in groups (years and prices, too), and letters with digits "
            "beside a word such as code.",
        ),
    ),
)


def option_group(
    options: tuple[Callable[[_F], _F], ...], collect: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a command some options, which `collect` turns into one argument."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            return function(*args, **collect(values))

        for option in reversed(options):
            call = option(call)
        return call

    return decorate


def identifier_name(known: str | None, custom: str | None) -> IdentifierName:
    """The type of identifier that one of two options names; a usage error for both or none."""
    if known is not None and custom is not None:
        raise click.UsageError("--identifier and --custom-identifier contradict each other")
    if custom is None:
        if known is None:
            raise click.UsageError("Missing option '--identifier' (or '--custom-identifier').")
        return IdentifierName(known)
    try:
        return IdentifierName.custom(custom)
    except ValueError as error:
        raise click.UsageError(f"--custom-identifier: {error}") from None


def _collect_console(options: dict[str, Any]) -> dict[str, Any]:
    console, level = Console(quiet=options.pop("quiet")), options.pop("log_level")
    context = click.get_current_context()
    context.find_root().obj["level"] = level
    context.with_resource(console.logging(level))
    return {**options, "console": console}


def _collect_filters(options: dict[str, Any]) -> dict[str, Any]:
    known, custom = options["type"], options.pop("custom_type")
    if known is not None and custom is not None:
        raise click.UsageError("--type and --custom-type contradict each other")
    name = custom if known is None else known
    try:
        type_ = None if name is None else InteractionType.custom(name)
    except ValueError as error:
        raise click.UsageError(f"--custom-type: {error}") from None
    return {**options, "type": type_}


console_options: Final = option_group((_CONSOLE_OPTIONS,), _collect_console)
filter_options: Final = option_group(_FILTERS, _collect_filters)

custom_identifier_option: Final = section(
    "Which customers",
    click.option(
        "--custom-identifier",
        # Before any argument, whose meaning it changes.
        is_eager=True,
        metavar="NAME",
        help="Kind of identifier, sent as it is, as are its values: one that is not listed, such "
        "as wechat.",
    ),
)
"""The option of the commands that say whom to ask for."""

spreadsheet_option: Final = section(
    "Results",
    click.option(
        "--for-spreadsheets",
        is_flag=True,
        help="Write a CSV to open in Excel or LibreOffice: marked as UTF-8, with an apostrophe "
        "before what would be run as a formula, or lose a plus, zeros or digits.",
    ),
)
"""The option of the commands that write results."""
