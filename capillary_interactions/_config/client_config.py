"""How a client behaves: one frozen value. Every duration is a float of seconds."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from attrs import field, frozen
from attrs.validators import optional

from capillary_interactions._config.credentials import BasicAuth, Credential, OAuth
from capillary_interactions._config.endpoint import is_loopback, to_base_url
from capillary_interactions._config.layers import CONFIG_FILE, PROFILE, gather, named_profile
from capillary_interactions._config.limits import RateLimit, RetryPolicy, Timeouts
from capillary_interactions._config.proxy import show_proxy, to_proxy
from capillary_interactions._config.shared_quota import (
    Fallback,
    check_shared,
    repr_shared,
    to_fallback,
    to_shared,
)
from capillary_interactions._config.time_zones import cluster_zone
from capillary_interactions._config.tls import Tls
from capillary_interactions._config.validation import (
    check_headers,
    valid_count,
    valid_header_value,
    valid_seconds,
    valid_type,
)
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._model.frozen_mapping import FrozenMapping
from capillary_interactions._model.phone_regions import to_region
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._text.masking import describe_value, repr_keys
from capillary_interactions._text.tracebacks import clears_locals, constructed_bare

_VERSION: Final = re.compile(r"v?\d(?:\.\d)?", re.ASCII | re.IGNORECASE)

# The parameters' types are what type checkers let a caller pass; other values are refused, too.


def _to_api(value: ApiVersion | str) -> ApiVersion:
    for version in ApiVersion:
        if value == version:
            return version
    raise ConfigurationError(
        f"api must be one of {', '.join(ApiVersion)}, not {describe_value(value, like=_VERSION)}"
    )


def _to_auth(value: Credential | Sequence[Credential]) -> Credential | tuple[Credential, ...]:
    return value if isinstance(value, BasicAuth | OAuth) else _to_credentials(value)


def _to_credentials(value: object) -> tuple[Credential, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not value:
            raise ConfigurationError("auth must hold at least one credential, not none")
        if all(isinstance(item, BasicAuth | OAuth) for item in value):
            if len(set(value)) < len(value):
                raise ConfigurationError("auth must not hold the same credential twice")
            return tuple(value)
    raise ConfigurationError("auth must be a BasicAuth, an OAuth, or a sequence of them")


def _to_rate(value: RateLimit | str) -> RateLimit:
    if isinstance(value, str):
        return RateLimit.parse(value)
    if isinstance(value, RateLimit):
        return value
    raise ConfigurationError(f"rate must be a RateLimit, not a {type(value).__name__}")


def _to_zone(value: tzinfo | None) -> tzinfo:
    if isinstance(value, tzinfo | None):
        return cast("tzinfo", value)  # None until the cluster is known, at the end of construction
    raise ConfigurationError(f"timezone must be a tzinfo, not a {type(value).__name__}")


def to_phone_region(value: str | None) -> str | None:
    """A region whose spellings of phone numbers are read, or a `ConfigurationError`."""
    try:
        return None if value is None else to_region(value)
    except ValueError as error:
        raise ConfigurationError(f"phone_region {error}") from None


def _to_headers(value: Mapping[str, str]) -> FrozenMapping[str]:
    return FrozenMapping(check_headers("headers", value))


@constructed_bare
@frozen(kw_only=True)
class ClientConfig:
    """How one client behaves.

    Args:
        base_url: A URL (the one in your own account), a `Cluster`, or a cluster's name ("eu",
            "apac", "us", ...); see `Cluster` for how lists of these differ.
        auth: A credential, or several: each then has a session and a pace of its own.
        api: Which version of the call is asked.
        source: Sent with every query that names none (INSTORE, ...).
        account_id: Sent with every query that names none.
        headers: Further request headers.
        rate: The quota of each credential.
        in_flight: Requests in flight at once, for each credential.
        retry: When and how often to try again.
        timeouts: How long things may take.
        page_size: Messages a page, sent as `limit`; None leaves it to the server (50). Of v1.1
            only: v2 documents no paging.
        max_pages: Pages of one customer at most.
        timezone: The zone of the dates that the server sends without an offset, and in which all
            dates are given. None, the default, is that of the cluster, also where it is named by
            its URL: Asia/Kolkata for India and Singapore, UTC for all others and any other URL.
            It counts where an answer does not show an offset itself. A copy with another
            `base_url` (`attrs.evolve`) keeps its zone, unless that is given as None.
        phone_region: Whose spellings of phone numbers are read ("IN"; the extra `phone`): mobiles
            with a trunk zero, 00 or without a country code are sent in the digits that the API
            wants. Only a number that libphonenumber calls valid is changed; one that cannot be any
            ends `Rejected`. None for mobiles in digits with the country code.
        single_flight: Whether equal queries that are asked for at once share one request.
        cache_ttl: Seconds for which an answer is returned again without a request; 0 for never.
        max_body: Bytes of one answer at most, after decompression. The usual MiB holds 500 messages
            of 2 kB, ten kinds of interaction with a full page of 50 each. An answer within it never
            keeps the event loop for long; of one that is much larger, the reader of JSON alone
            may, with 10 to 90 ms for each MiB.
        allow_http: Whether plain http:// may leave this machine.
        proxy: The forward proxy: a URL (`http://user:password@proxy.example:3128`, or https://);
            "env", the default, for the one that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
            choose when the client is made; None for no proxy. A session of yours decides for
            itself, unless this is a URL.
        tls: Which certificates are trusted, and this client's own one. A session of yours decides
            for itself, unless something is set here.
        shared: Where processes meet that share one quota for each credential: "file:/PATH" for
            those of one machine, "redis://HOST:6379/0" (Redis or Valkey, the extra `redis`;
            "rediss://" for TLS) for any number of machines. None: this process has all of `rate`.
        shared_fallback: What is done while that place does not answer: "stop" sends nothing, and
            lookups end `Unavailable`; "local" sends at `rate` divided by `expected_workers`.
        expected_workers: How many processes share the quota at most.
        shared_timeout: Seconds that one operation there may take.

    Raises:
        ConfigurationError: A setting cannot work; the message begins with its name.
    """

    base_url: str = field(converter=to_base_url, kw_only=False)
    auth: Credential | tuple[Credential, ...] = field(converter=_to_auth, kw_only=False)
    api: ApiVersion = field(default=ApiVersion.V1_1, converter=_to_api)
    source: str | None = field(default=None, validator=optional(valid_header_value()))
    account_id: str | None = field(default=None, validator=optional(valid_header_value()))
    headers: Mapping[str, str] = field(
        factory=dict, converter=_to_headers, repr=repr_keys, hash=False
    )
    rate: RateLimit = field(factory=RateLimit, converter=_to_rate)
    in_flight: int = field(default=32, validator=valid_count())
    retry: RetryPolicy = field(factory=RetryPolicy, validator=valid_type(RetryPolicy))
    timeouts: Timeouts = field(factory=Timeouts, validator=valid_type(Timeouts))
    page_size: int | None = field(default=None, validator=optional(valid_count()))
    max_pages: int = field(default=20, validator=valid_count())
    timezone: tzinfo = field(default=None, converter=_to_zone)
    phone_region: str | None = field(default=None, converter=to_phone_region)
    single_flight: bool = field(default=True, validator=valid_type(bool))
    cache_ttl: float = field(default=0.0, validator=valid_seconds(zero=True))
    max_body: int = field(default=1024 * 1024, validator=valid_count())
    allow_http: bool = field(default=False, validator=valid_type(bool))
    proxy: str | None = field(default="env", converter=to_proxy, repr=show_proxy)
    tls: Tls = field(factory=Tls, validator=valid_type(Tls))
    shared: str | None = field(default=None, converter=to_shared, repr=repr_shared)
    shared_fallback: Fallback = field(default="stop", converter=to_fallback)
    expected_workers: int | None = field(default=None, validator=optional(valid_count()))
    shared_timeout: float = field(default=1.0, validator=valid_seconds())

    def __attrs_post_init__(self) -> None:
        """Check that the settings fit each other, and find the time zone of the cluster."""
        if self.timezone is None:
            object.__setattr__(self, "timezone", cluster_zone(self.base_url))
        if self.page_size is not None and self.api is ApiVersion.V2:
            raise ConfigurationError(
                "page_size has no use with API v2, which documents no paging: leave it out, "
                "or use v1.1"
            )
        check_shared(self.shared, self.shared_fallback, self.expected_workers)
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and not (self.allow_http or is_loopback(parts.hostname or "")):
            raise ConfigurationError(
                "base_url must be https://: over http:// the credentials would cross the network "
                "readable (allow_http=True permits it)"
            )

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """Every credential, also where `auth` is a single one."""
        return self.auth if isinstance(self.auth, tuple) else (self.auth,)

    @classmethod
    @clears_locals
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """The settings that the environment names, `CAPILLARY_BASE_URL` and the like.

        Where `CAPILLARY_PROFILE` is set, what has no variable is that of the profile; see
        `from_profile`.

        Args:
            environ: Where to look; `os.environ` by default.
            overrides: Settings that count before the environment.

        Raises:
            ConfigurationError: Something needed is missing or wrong; the message names the
                variable or the setting.
        """
        environ = os.environ if environ is None else environ
        profile = named_profile(cls, environ)
        return cls(**gather(cls, environ, overrides, profile).arguments)

    @classmethod
    @clears_locals
    def from_profile(
        cls,
        name: str,
        *,
        file: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
        **overrides: Any,
    ) -> Self:
        """The settings of a profile, a table `[profiles.NAME]` of a TOML file.

        A variable of the environment counts before the profile. A `password_command` is run (for
        60 seconds at most) where its password is needed.

        Args:
            name: The profile's.
            file: By default `CAPILLARY_CONFIG_FILE`, else `config.toml` in the user's folder of
                configurations, which the extra `cli` finds.
            environ: Where variables are; `os.environ` by default, `{}` for none.
            overrides: Settings that count before the environment and the profile.

        Raises:
            ConfigurationError: The file cannot be used, has no such profile, or other users can
                read its secrets; or something needed is missing or wrong.
        """
        named = {**(os.environ if environ is None else environ), PROFILE: name}
        if not name:
            raise ConfigurationError("profile must be a name that is not empty")
        if file is not None:
            named[CONFIG_FILE] = os.fspath(file)
        return cls.from_env(named, **overrides)
