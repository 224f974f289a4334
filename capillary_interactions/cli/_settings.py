"""Which configuration do the options and the environment make?"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import click
from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RateLimit, Timeouts
from capillary_interactions.cli._standard_streams import is_terminal

SANDBOX_RATE: Final = RateLimit(100, 1.0)

Ask = Callable[[str, bool], str]


@frozen(kw_only=True)
class ClientOptions:
    """What the common options say; None where they say nothing.

    Attributes:
        base_url: Where the API is.
        api: The version of the call.
        rate: The quota.
        in_flight: Requests under way at once.
        timeout: Seconds for one customer.
        sandbox: Whether a sandbox takes the place of the network.
    """

    base_url: str | None = None
    api: str | None = None
    rate: RateLimit | None = None
    in_flight: int | None = None
    timeout: float | None = None
    sandbox: bool = False

    def overrides(self) -> dict[str, Any]:
        """What they say, as arguments of `ClientConfig`, without the address."""
        timeouts = None if self.timeout is None else Timeouts(total=self.timeout)
        said = {
            "api": self.api,
            "rate": self.rate,
            "in_flight": self.in_flight,
            "timeouts": timeouts,
        }
        return {name: value for name, value in said.items() if value is not None}


def network_config(settings: ClientOptions, environ: Mapping[str, str]) -> ClientConfig:
    """The configuration for the real API.

    Raises:
        ConfigurationError: Something needed is missing or wrong.
    """
    overrides = settings.overrides()
    if settings.base_url is not None:
        overrides["base_url"] = settings.base_url
    return ClientConfig.from_env(environ, **overrides)


def with_secrets(environ: Mapping[str, str], ask: Ask | None) -> Mapping[str, str]:
    """The environment, and what is missing of the credentials asked for.

    Args:
        environ: The environment.
        ask: Asks a person, given the question and whether the answer is secret; None if there is
            nobody to ask.
    """
    if ask is None:
        return environ

    def has(*names: str) -> bool:
        return any(environ.get(f"CAPILLARY_{name}") for name in names)

    if has("OAUTH_SECRET") or has("PASSWORD", "PASSWORD_MD5"):
        return environ
    if has("OAUTH_KEY"):
        return {**environ, "CAPILLARY_OAUTH_SECRET": ask("OAuth secret", True)}
    answers = {} if has("USERNAME") else {"CAPILLARY_USERNAME": ask("User name", False)}
    return {**environ, **answers, "CAPILLARY_PASSWORD": ask("Password", True)}


def config_of(settings: ClientOptions, *, may_ask: bool = True) -> ClientConfig | None:
    """The configuration for the real API; None for the sandbox.

    Args:
        settings: What the options say.
        may_ask: Whether standard input is free for questions.

    Raises:
        ConfigurationError: Something needed is missing or wrong.
    """
    if settings.sandbox:
        return None
    environ: Mapping[str, str] = os.environ
    # Without an address there is nothing to have a password for.
    if settings.base_url or environ.get("CAPILLARY_BASE_URL"):
        somebody = may_ask and is_terminal(sys.stdin) and is_terminal(sys.stderr)
        environ = with_secrets(environ, _prompt if somebody else None)
    return network_config(settings, environ)


def _prompt(question: str, secret: bool) -> str:
    return str(click.prompt(question, hide_input=secret, err=True))


@asynccontextmanager
async def resolved_config(
    settings: ClientOptions, config: ClientConfig | None
) -> AsyncIterator[ClientConfig]:
    """A configuration whose host is there: the given one, or that of a sandbox that runs meanwhile.

    Raises:
        StoppedEarlyError: The host's name does not resolve.
    """
    if config is not None:
        from capillary_interactions.cli._host import check_host  # noqa: PLC0415 - help and completion need none of it

        await check_host(config.base_url)
        yield config
        return
    from capillary_interactions.sandbox import Sandbox  # noqa: PLC0415 - a server, seldom needed

    rate = settings.rate or SANDBOX_RATE
    async with Sandbox(rate=rate) as sandbox:
        yield sandbox.client_config(**{**settings.overrides(), "rate": rate})
