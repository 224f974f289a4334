"""Which options do the commands share, and how is each of them read?"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click

from capillary_interactions._check import seconds
from capillary_interactions._endpoint import to_base_url
from capillary_interactions._limits import RateLimit
from capillary_interactions._names import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions.cli._settings import Settings
from capillary_interactions.cli._voice import LEVELS, Voice

_F = TypeVar("_F", bound=Callable[..., Any])
_SETTINGS: Final = ("base_url", "api", "rate", "in_flight", "timeout", "sandbox")


class _Read(click.ParamType[Any]):
    """A type made of a function that raises ValueError."""

    def __init__(self, name: str, read: Callable[[Any], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, read."""
        try:
            return self._read(value)
        except ValueError as refused:
            self.fail(str(refused), param, ctx)


def _rate(value: RateLimit | str) -> RateLimit:
    return value if isinstance(value, RateLimit) else RateLimit.parse(value)


def _seconds(value: float | str) -> float:
    try:
        return seconds("the time", float(value))
    except ValueError:
        raise ValueError("it must be a number of seconds, more than 0") from None


RATE: Final = _Read("N/SECONDS", _rate)
SECONDS: Final = _Read("SECONDS", _seconds)
NAME: Final = click.Choice([name.value for name in IdentifierName], case_sensitive=False)

_NETWORK_OPTIONS: Final = (
    click.option(
        "--base-url",
        type=_Read("URL", to_base_url),
        envvar="CAPILLARY_BASE_URL",
        show_envvar=True,
        help="Where the API is: an https:// URL, or a cluster: eu, us, asia, sea.",
    ),
    click.option(
        "--api",
        type=click.Choice([version.value for version in ApiVersion]),
        envvar="CAPILLARY_API",
        show_envvar=True,
        help="Version of the call (default v1.1).",
    ),
    click.option(
        "--rate",
        type=RATE,
        envvar="CAPILLARY_RATE",
        show_envvar=True,
        help="Quota: at most N requests in any SECONDS (default 1000/60; with --sandbox 100/1).",
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(min=1),
        metavar="N",
        envvar="CAPILLARY_IN_FLIGHT",
        show_envvar=True,
        help="Requests under way at once (default 32).",
    ),
    click.option(
        "--timeout",
        type=SECONDS,
        envvar="CAPILLARY_TIMEOUT",
        show_envvar=True,
        help="Seconds for one customer, retries and waiting for quota included "
        "(default: lookup 60, bulk no limit).",
    ),
    click.option(
        "--sandbox",
        is_flag=True,
        help="Ask a pretend Capillary inside this process; needs no network and no credentials.",
    ),
)

_VOICE_OPTIONS: Final = (
    click.option(
        "--quiet",
        is_flag=True,
        envvar="CAPILLARY_QUIET",
        show_envvar=True,
        help="Say nothing on stderr but what goes wrong.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        default="off",
        show_default=True,
        envvar="CAPILLARY_LOG_LEVEL",
        show_envvar=True,
        help="From which level on the log goes to stderr; debug also shows tracebacks.",
    ),
)

_FILTERS: Final = (
    click.option(
        "--type",
        type=click.Choice([each.value for each in InteractionType], case_sensitive=False),
        metavar="TYPE",
        help=f"Only interactions of this type: {', '.join(InteractionType)}.",
    ),
    click.option(
        "--network",
        type=click.Choice([each.value for each in Network], case_sensitive=False),
        metavar="NETWORK",
        help=f"Only interactions of this network: {', '.join(Network)}.",
    ),
    click.option(
        "--mask-codes",
        is_flag=True,
        help="Mask runs of 4 to 8 digits in subjects in the JSON output, too: they may be "
        "one-time codes.",
    ),
)


def _given(function: _F, options: tuple[Callable[[_F], _F], ...]) -> _F:
    for option in reversed(options):
        function = option(function)
    return function


def network_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of every command that asks, as its argument `settings`."""

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        said = {name: given.pop(name) for name in _SETTINGS}
        parameter = click.get_current_context().get_parameter_source("base_url")
        if said["sandbox"] and parameter is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--sandbox and --base-url contradict each other")
        return function(*args, settings=Settings(**said), **given)

    return _given(call, _NETWORK_OPTIONS)


def voice_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how it speaks, as its argument `voice`."""

    @wraps(function)
    def call(*args: Any, quiet: bool, log_level: str, **given: Any) -> Any:
        voice = Voice(quiet=quiet)
        click.get_current_context().find_root().obj["level"] = log_level
        with voice.logging(log_level):
            return function(*args, voice=voice, **given)

    return _given(call, _VOICE_OPTIONS)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that narrow an answer down."""
    return _given(function, _FILTERS)
