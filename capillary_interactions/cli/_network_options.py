"""The options of the commands that ask: which server, as whom, and how fast?"""

from typing import Any, Final

import click

from capillary_interactions._config.clusters import CLUSTER_NAMES
from capillary_interactions._config.endpoint import to_base_url
from capillary_interactions._config.shared_quota import has_password, to_shared
from capillary_interactions._config.time_zones import named_zone
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions.cli._connection_options import (
    CONNECTION_OPTIONS,
    CONNECTION_SETTINGS,
    check_typed_proxy,
)
from capillary_interactions.cli._options import COUNT, RATE, SECONDS, Read, Word, option_group
from capillary_interactions.cli._sections import section

# Paths of settings that have another name than their option.
_PATHS: Final = {
    "timeout": "timeouts.total",
    "ca_file": "tls.ca_file",
    "client_cert": "tls.client_cert",
    "client_key": "tls.client_key",
}
_SETTINGS: Final = (
    "base_url",
    "api",
    "timezone",
    "rate",
    "in_flight",
    "timeout",
    "phone_region",
    "shared",
    *CONNECTION_SETTINGS,
    "profile",
    "config_file",
    "sandbox",
)

_NETWORK_OPTIONS: Final = (
    section(
        "Which customers",
        click.option(
            "--phone-region",
            metavar="REGION",
            envvar="CAPILLARY_PHONE_REGION",
            show_envvar=True,
            help="Read mobiles as people of this region write them, such as IN: with a trunk zero, "
            "00 or without the country code (needs the extra phone).",
        ),
    ),
    section(
        "Server",
        click.option(
            "--base-url",
            type=Read("URL", to_base_url),
            envvar="CAPILLARY_BASE_URL",
            show_envvar=True,
            help="Where the API is: the https:// URL in your account, or a cluster that "
            f"Capillary's documents name: {CLUSTER_NAMES}.",
        ),
        click.option(
            "--api",
            type=Word([version.value for version in ApiVersion]),
            envvar="CAPILLARY_API",
            show_envvar=True,
            help="Version of the call (default v1.1).",
        ),
        click.option(
            "--timezone",
            type=Read("ZONE", named_zone),
            envvar="CAPILLARY_TIMEZONE",
            show_envvar=True,
            help="Time zone of dates that Capillary sends without an offset, by its IANA name "
            "(default: the cluster's, Asia/Kolkata or UTC; of any other URL UTC).",
        ),
        click.option(
            "--profile",
            metavar="NAME",
            envvar="CAPILLARY_PROFILE",
            show_envvar=True,
            help="Take the settings that have neither an option nor a variable from this profile "
            "of the configuration file.",
        ),
        click.option(
            "--config-file",
            metavar="FILE",
            envvar="CAPILLARY_CONFIG_FILE",
            show_envvar=True,
            help="The file of profiles (default: config.toml in your folder of configurations, "
            "such as ~/.config/capillary-interactions).",
        ),
        click.option(
            "--sandbox",
            is_flag=True,
            help="Ask a pretend Capillary inside this process; needs no network and no "
            "credentials.",
        ),
    ),
    section(
        "Pace",
        click.option(
            "--rate",
            type=RATE,
            envvar="CAPILLARY_RATE",
            show_envvar=True,
            help="Quota: at most N requests in any SECONDS (default 1000/60; with --sandbox "
            "100/1).",
        ),
        click.option(
            "--shared",
            type=Read("ADDRESS", to_shared),
            envvar="CAPILLARY_SHARED",
            show_envvar=True,
            help="Where processes meet that share one quota: file:/PATH on one machine, or "
            "redis://HOST:6379/0 (a password goes into the variable, or into a profile).",
        ),
        click.option(
            "--in-flight",
            type=COUNT,
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
    ),
    CONNECTION_OPTIONS,
)


def _collect_settings(options: dict[str, Any]) -> dict[str, Any]:
    from capillary_interactions.cli._settings import ClientOptions  # noqa: PLC0415 - help and completion need none of it

    settings = {name: options.pop(name) for name in _SETTINGS}
    for name in ("base_url", "profile", *CONNECTION_SETTINGS):
        if settings["sandbox"] and _is_typed(name):
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"--sandbox and {option} contradict each other")
    if _is_typed("proxy"):
        check_typed_proxy(settings["proxy"])
    if _is_typed("shared"):
        _check_typed_shared(settings["shared"])
    elif settings["sandbox"]:
        settings["shared"] = None  # which is that of the real API
    if _is_typed("config_file") and not settings["profile"]:
        raise click.UsageError("--config-file needs --profile, the name of a profile in it")
    return {**options, "settings": ClientOptions(**settings)}


def option_origins() -> dict[str, str]:
    """The options and variables that give the settings of the running command, by their paths."""
    context = click.get_current_context()
    found = {}
    for option in context.command.params:
        if option.name not in _SETTINGS:
            continue
        source = context.get_parameter_source(option.name)
        path = _PATHS.get(option.name, option.name)
        if source is click.core.ParameterSource.COMMANDLINE:
            found[path] = option.opts[0]
        elif source is click.core.ParameterSource.ENVIRONMENT:
            found[path] = str(option.envvar)
    return found


def _check_typed_shared(address: str) -> None:
    if has_password(address):
        raise click.UsageError(
            "--shared must not hold a password, which other users can see: set CAPILLARY_SHARED, "
            "or shared in a profile"
        )


def _is_typed(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


network_options: Final = option_group(_NETWORK_OPTIONS, _collect_settings)
