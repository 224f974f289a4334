"""The configuration that options and environment make."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import tzinfo
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RateLimit, Timeouts
from capillary_interactions.cli._exit_codes import StoppedEarlyError

SANDBOX_RATE: Final = RateLimit(100, 1.0)
_RESOLVE_TIMEOUT: Final = 10.0

_Ask = Callable[[str, bool], str]


@frozen(kw_only=True)
class ClientOptions:
    """The common options; None where one is not given."""

    base_url: str | None = None
    api: str | None = None
    timezone: tzinfo | None = None
    rate: RateLimit | None = None
    in_flight: int | None = None
    timeout: float | None = None
    phone_region: str | None = None
    sandbox: bool = False

    def overrides(self) -> dict[str, Any]:
        """The given ones as arguments of `ClientConfig`, without the address."""
        timeouts = None if self.timeout is None else Timeouts(total=self.timeout)
        options = {
            "api": self.api,
            "timezone": self.timezone,
            "rate": self.rate,
            "in_flight": self.in_flight,
            "timeouts": timeouts,
            "phone_region": self.phone_region or None,
        }
        return {name: value for name, value in options.items() if value is not None}


def network_config(settings: ClientOptions, environ: Mapping[str, str]) -> ClientConfig:
    """The real API's configuration; a `ConfigurationError` if something is missing or wrong."""
    overrides = settings.overrides()
    if settings.base_url is not None:
        overrides["base_url"] = settings.base_url
    return ClientConfig.from_env(environ, **overrides)


def with_secrets(environ: Mapping[str, str], ask: _Ask | None) -> Mapping[str, str]:
    """The environment, with the missing credentials asked for.

    Args:
        environ: The environment.
        ask: Asks a person, given the question and whether the answer is secret; None if there is
            no terminal.
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


@asynccontextmanager
async def resolved_config(
    settings: ClientOptions, config: ClientConfig | None
) -> AsyncIterator[ClientConfig]:
    """A configuration whose host resolves: the given one, or that of a sandbox of this process.

    Raises:
        StoppedEarlyError: The host's name does not resolve.
    """
    if config is not None:
        await _check_host(config.base_url)
        yield config
        return
    from capillary_interactions.sandbox import Sandbox  # noqa: PLC0415 - a server, seldom needed

    rate = settings.rate or SANDBOX_RATE
    async with Sandbox(rate=rate) as sandbox:
        yield sandbox.client_config(**{**settings.overrides(), "rate": rate})


async def _check_host(base_url: str) -> None:
    # Once, before anything is sent: no retry helps against a misspelt name.
    import asyncio  # noqa: PLC0415 - help and completion need none of it
    import socket  # noqa: PLC0415

    from capillary_interactions._config.clusters import other_hosts  # noqa: PLC0415
    from capillary_interactions._http.failure_reasons import unused_proxy  # noqa: PLC0415

    parts = urlsplit(base_url)
    resolving = asyncio.get_running_loop().getaddrinfo(
        parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM
    )
    try:
        await asyncio.wait_for(resolving, _RESOLVE_TIMEOUT)
    except TimeoutError:
        return  # retries may help against a slow name server
    except (OSError, UnicodeError):
        hosts = other_hosts(parts.hostname or "")
        raise StoppedEarlyError(
            f"the host {parts.hostname} does not resolve; look at --base-url "
            f"(CAPILLARY_BASE_URL) and at the network{unused_proxy(parts.scheme, os.environ)}"
            f"{hosts and f'; {hosts}'}"
        ) from None
