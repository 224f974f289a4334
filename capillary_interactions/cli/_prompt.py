"""The configuration of a command on a terminal, where missing credentials are asked for."""

import os
import sys
from typing import TYPE_CHECKING

import click

from capillary_interactions.cli._standard_streams import is_terminal

if TYPE_CHECKING:
    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions.cli._settings import ClientOptions, NetworkConfig


def config_of(settings: "ClientOptions", *, may_ask: bool = True) -> "ClientConfig | None":
    """The configuration for the real API, or a `ConfigurationError`; None for the sandbox."""
    found = network_config_of(settings, may_ask=may_ask)
    return None if found is None else found.config


def network_config_of(settings: "ClientOptions", *, may_ask: bool = True) -> "NetworkConfig | None":
    """The same, with where each setting comes from."""
    if settings.sandbox:
        return None
    from capillary_interactions.cli._settings import network_config  # noqa: PLC0415 - help and completion need none of it

    interactive = may_ask and is_terminal(sys.stdin) and is_terminal(sys.stderr)
    return network_config(settings, os.environ, _prompt if interactive else None)


def _prompt(question: str, secret: bool) -> str:
    return str(click.prompt(question, hide_input=secret, err=True))
