"""The configuration that options and environment make."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.credentials import BasicAuth
from capillary_interactions._config.environment import credential_variables
from capillary_interactions._config.layers import (
    CONFIG_FILE,
    PROFILE,
    gather,
    grouped,
    named_profile,
)
from capillary_interactions._config.limits import RateLimit
from capillary_interactions.cli._exit_codes import StoppedEarlyError

if TYPE_CHECKING:
    from capillary_interactions._config.profiles import Profile

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
    proxy: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    profile: str | None = None
    config_file: str | None = None
    shared: str | None = field(default=None, repr=False)
    sandbox: bool = False

    def given(self) -> dict[str, Any]:
        """The given settings by their paths."""
        options = {
            "base_url": self.base_url,
            "api": self.api,
            "timezone": self.timezone,
            "rate": self.rate,
            "in_flight": self.in_flight,
            "timeouts.total": self.timeout,
            "phone_region": self.phone_region or None,
            "shared": self.shared,
        }
        if not self.sandbox:  # which is reached without a proxy, and has no TLS
            options |= {
                "proxy": self.proxy or None,
                "tls.ca_file": self.ca_file or None,
                "tls.client_cert": self.client_cert or None,
                "tls.client_key": self.client_key or None,
            }
        return {path: value for path, value in options.items() if value is not None}

    def environ(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The environment with the profile that is to be used."""
        options = {PROFILE: self.profile, CONFIG_FILE: self.config_file}
        return {**environ, **{name: value for name, value in options.items() if value}}


@frozen
class NetworkConfig:
    """The real API's configuration, and where its settings come from.

    Attributes:
        config: The configuration.
        origins: The variable or the profile that gives a setting, by its path; those of options
            and defaults are not in it.
        profile: The profile that is used, or None.
    """

    config: ClientConfig
    origins: Mapping[str, str]
    profile: "Profile | None"


def network_config(
    settings: ClientOptions, environ: Mapping[str, str], ask: _Ask | None = None
) -> NetworkConfig:
    """The real API's configuration; a `ConfigurationError` if something is missing or wrong.

    Args:
        settings: What is given.
        environ: The environment.
        ask: Asks a person for missing credentials, given the question and whether the answer is
            secret; None if there is no terminal.
    """
    environ = settings.environ(environ)
    profile = named_profile(ClientConfig, environ)
    # Without an address there is nothing to have a password for.
    if ask is not None and _has_address(settings, environ, profile):
        environ = with_secrets(environ, ask, profile)
    layered = gather(ClientConfig, environ, settings.given(), profile)
    return NetworkConfig(ClientConfig(**layered.arguments), layered.origins, profile)


def planned_config(settings: ClientOptions, environ: Mapping[str, str]) -> ClientConfig:
    """The configuration of a run, as far as it does without an address and credentials."""
    environ = settings.environ(environ)
    profile = None if settings.sandbox else named_profile(ClientConfig, environ)
    given = {**settings.given(), "auth": BasicAuth("not used", "not used")}
    if settings.sandbox:
        given.setdefault("rate", SANDBOX_RATE)
    if not _has_address(settings, environ, profile):
        given["base_url"] = "https://localhost"  # of no host: nothing is sent
    return ClientConfig(**gather(ClientConfig, environ, given, profile).arguments)


def _has_address(
    settings: ClientOptions, environ: Mapping[str, str], profile: "Profile | None"
) -> bool:
    in_profile = profile is not None and profile.has_address()
    return bool(in_profile or settings.base_url or environ.get("CAPILLARY_BASE_URL"))


def with_secrets(
    environ: Mapping[str, str], ask: _Ask, profile: "Profile | None" = None
) -> Mapping[str, str]:
    """The environment, with the credentials asked for that neither it nor the profile has."""

    def has(*names: str) -> bool:
        return any(environ.get(f"CAPILLARY_{name}") for name in names)

    if has("OAUTH_SECRET") or has("PASSWORD", "PASSWORD_MD5"):
        return environ
    if profile is not None:
        variables = credential_variables(environ)
        if profile.is_whole(variables):
            return environ
        environ = {**environ, **profile.identity(variables)}
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
        await _check_host(config)
        yield config
        return
    async with sandbox_config(settings) as made:
        yield made


@asynccontextmanager
async def sandbox_config(settings: ClientOptions) -> AsyncIterator[ClientConfig]:
    """The configuration for a sandbox of this process, which runs until the end."""
    from capillary_interactions.sandbox import Sandbox  # noqa: PLC0415 - a server, seldom needed

    rate = settings.rate or SANDBOX_RATE
    async with Sandbox(rate=rate) as sandbox:
        given = {**settings.given(), "base_url": sandbox.base_url, "rate": rate}
        yield sandbox.client_config(**grouped(ClientConfig, given))


async def _check_host(config: ClientConfig) -> None:
    # Once, before anything is sent: no retry helps against a misspelt name.
    from capillary_interactions._config.clusters import other_hosts  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions._config.proxy import choose_proxy, unused_proxy  # noqa: PLC0415

    proxy = choose_proxy(config.proxy, config.base_url, os.environ)
    if proxy is not None:
        # Behind it the server's name may be known to the proxy alone.
        if not await _resolves(proxy.url):
            raise StoppedEarlyError(
                f"the host name of {proxy} does not resolve; look at --proxy (CAPILLARY_PROXY) "
                "and at the network"
            )
        return
    if await _resolves(config.base_url):
        return
    host = urlsplit(config.base_url).hostname or ""
    hosts = other_hosts(host)
    raise StoppedEarlyError(
        f"the host {host} does not resolve; look at --base-url (CAPILLARY_BASE_URL) and at the "
        f"network{unused_proxy(config.proxy, config.base_url, os.environ)}{hosts and f'; {hosts}'}"
    )


async def _resolves(url: str) -> bool:
    import asyncio  # noqa: PLC0415 - help and completion need none of it
    import socket  # noqa: PLC0415

    parts = urlsplit(url)
    resolving = asyncio.get_running_loop().getaddrinfo(
        parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM
    )
    try:
        await asyncio.wait_for(resolving, _RESOLVE_TIMEOUT)
    except TimeoutError:
        return True  # retries may help against a slow name server
    except (OSError, UnicodeError):
        return False
    return True
