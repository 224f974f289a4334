"""Where do processes meet that share one quota, and what may that address be?"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from capillary_interactions._config.endpoint import split_url
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

Fallback = Literal["stop", "local"]

_FORMS: Final = (
    "file:/PATH for the processes of one machine, or redis://HOST:6379/0 (rediss:// for TLS) for "
    "those of several"
)
_FALLBACKS: Final[Mapping[str, Fallback]] = {"stop": "stop", "local": "local"}
FILE: Final = "file:"
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss"})
# Options of redis-py that belong to the address; timeouts and retries are the client's own.
_TLS_OPTIONS: Final = frozenset({
    "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs",
    "ssl_check_hostname",
})  # fmt: skip
_INSTEAD: Final[Mapping[str, str]] = {
    "username": "redis://USER:PASSWORD@HOST",
    "password": "redis://USER:PASSWORD@HOST",
    "db": "redis://HOST/NUMBER",
    "socket_timeout": "shared_timeout",
    "socket_connect_timeout": "shared_timeout",
}


def to_shared(value: str | None) -> str | None:
    """The address of a shared quota, or None for a quota of this process alone.

    Raises:
        ConfigurationError: It is no such address; a password in it is not repeated.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"shared must be a URL, not a {type(value).__name__}")
    address = value.strip()
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", address):
        raise ConfigurationError("shared must not hold control characters")
    if address.startswith(FILE):
        return FILE + _checked_path(address.removeprefix(FILE))
    if address.partition("://")[0] not in _REDIS_SCHEMES:
        raise ConfigurationError(f"shared must be {_FORMS}, not {describe_value(value)}")
    _check_redis(split_url(address))
    if find_spec("redis") is None:
        raise ConfigurationError(
            "shared needs redis-py for such an address: pip install 'capillary_interactions[redis]'"
        )
    return address


def _checked_path(path: str) -> str:
    # Both file:/PATH and file:///PATH are usual.
    path = path.removeprefix("//") if path.startswith("///") else path
    if not Path(path).is_absolute() or path.startswith("//"):
        raise ConfigurationError(
            "shared must name its file by an absolute path, as in file:/run/capillary.quota: "
            "processes with different working directories would share nothing"
        )
    return path


def _check_redis(parts: SplitResult | None) -> None:
    if parts is None or not parts.hostname or parts.port == 0:
        raise ConfigurationError(
            "shared must name a host and maybe a port, as in redis://HOST:6379/0; in a password "
            "the characters @ : / ? # % are written as %40 %3A %2F %3F %23 %25"
        )
    if parts.fragment or not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path):
        raise ConfigurationError(
            "shared must end with the number of a database or nothing, as in redis://HOST:6379/0"
        )
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _TLS_OPTIONS:
            known = _INSTEAD.get(name)
            hint = f"use {known}" if known else f"known are {', '.join(sorted(_TLS_OPTIONS))}"
            shown = name if known else describe_value(name, choices=_TLS_OPTIONS)
            raise ConfigurationError(f"shared must not have the option {shown}; {hint}")
        if parts.scheme == "redis":
            raise ConfigurationError(f"shared must begin with rediss:// where {name} is given")


def show_shared(address: str | None) -> str | None:
    """The address as it may stand in a log, without user, password and options."""
    if address is None or address.startswith(FILE):
        return address
    parts = urlsplit(address)
    secret = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{secret}{parts.netloc.rpartition('@')[2]}{parts.path}"


def repr_shared(address: str | None) -> str:
    """The repr of the setting."""
    return repr(show_shared(address))


def has_password(address: str) -> bool:
    """Whether an address holds a password."""
    parts = split_url(address.strip())
    return parts is not None and parts.password is not None


def to_fallback(value: object) -> Fallback:
    """What is done while the shared quota is out of reach, or a `ConfigurationError`."""
    fallback = _FALLBACKS.get(value) if isinstance(value, str) else None
    if fallback is None:
        raise ConfigurationError(
            f"shared_fallback must be one of {', '.join(_FALLBACKS)}, not "
            f"{describe_value(value, choices=_FALLBACKS)}"
        )
    return fallback


def check_shared(shared: str | None, fallback: Fallback, workers: int | None) -> None:
    """Check that the settings of a shared quota fit each other.

    Raises:
        ConfigurationError: One of them has no use, or misses another.
    """
    if shared is None:
        for name, given in (
            ("shared_fallback", fallback != "stop"),
            ("expected_workers", workers is not None),
        ):
            if given:
                raise ConfigurationError(
                    f"{name} has no use without shared: each process has the whole rate for "
                    f"itself; set shared to {_FORMS}"
                )
    elif fallback == "local" and workers is None:
        raise ConfigurationError(
            "expected_workers is missing: with shared_fallback='local' each process keeps to its "
            "part of the rate while the shared quota is out of reach, so it must know how many "
            "there are at most"
        )
