"""Where is the API, and what may a base URL be?"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from capillary_interactions._config.clusters import CLUSTER_NAMES, Cluster, cluster_named
from capillary_interactions._errors import ConfigurationError

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def to_base_url(value: Cluster | str) -> str:
    """The URL that a setting means: itself, a cluster's, or that of a cluster's name.

    Raises:
        ConfigurationError: It is no URL that requests can be sent to.
    """
    if isinstance(value, Cluster):
        return value.value
    if not isinstance(value, str):
        raise ConfigurationError(
            f"base_url must be a URL, a Cluster or a cluster's name, not a {type(value).__name__}"
        )
    named = cluster_named(value)
    return named.value if named is not None else _checked_url(value.strip())


def _checked_url(value: str) -> str:
    # A URL may hold a password, so none of the messages repeats it.
    parts = split_url(value)
    if parts is None:
        raise ConfigurationError(f"base_url is no URL; clusters by name: {CLUSTER_NAMES}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ConfigurationError(
            f"base_url must begin with https:// and name a host, or be one of {CLUSTER_NAMES}"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("base_url must not hold credentials; give them as auth")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ConfigurationError("base_url must not hold a query or a fragment")
    if re.search(r"[\s\x00-\x1f\x7f]", value):
        raise ConfigurationError("base_url must not hold spaces or control characters")
    return value.rstrip("/")


def split_url(value: str) -> SplitResult | None:
    """The parts of a URL, or None where it is none.

    Not an exception, which would be the context of the next one, with the URL in its text.
    """
    try:
        parts = urlsplit(value)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def port_of(parts: SplitResult) -> int:
    """The port of an http or https URL."""
    return parts.port or DEFAULT_PORTS[parts.scheme]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, so that nothing crosses a network."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
