"""Where the API is, and what a base URL may be."""

from typing import Any

import pytest

from capillary_interactions import Cluster, ConfigurationError
from capillary_interactions._config.endpoint import is_loopback, to_base_url
from tests.tables import table


@table(
    ("value", "url"),
    [
        (Cluster.EUROPE, "https://eu.api.capillarytech.com"),
        (Cluster.US, "https://ushc.api.capillarytech.com"),
        (Cluster.ASIA, "https://apac.api.intouch.capillarytech.com"),
        (Cluster.SOUTHEAST_ASIA, "https://sea.api.capillarytech.com"),
        ("eu", "https://eu.api.capillarytech.com"),
        ("europe", "https://eu.api.capillarytech.com"),
        ("us", "https://ushc.api.capillarytech.com"),
        ("ushc", "https://ushc.api.capillarytech.com"),
        ("north-america", "https://north-america.api.capillarytech.com"),
        ("North_America", "https://north-america.api.capillarytech.com"),
        ("asia", "https://apac.api.intouch.capillarytech.com"),
        ("apac", "https://apac.api.capillarytech.com"),
        ("in", "https://in.api.capillarytech.com"),
        ("apac2", "https://apac2.api.capillarytech.com"),
        ("sea", "https://sea.api.capillarytech.com"),
        ("southeast_asia", "https://sea.api.capillarytech.com"),
        ("china", "https://api.capillarytech.cn.com"),
        ("nightly", "https://nightly.api.capillarytech.com"),
        (" EU ", "https://eu.api.capillarytech.com"),
        ("https://nightly.api.capillarytech.com", "https://nightly.api.capillarytech.com"),
        ("https://host.example/", "https://host.example"),
        ("https://host.example:8443/gateway/", "https://host.example:8443/gateway"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        (" https://host.example\n", "https://host.example"),
    ],
)
def test_means_a_url(value: Any, url: str) -> None:
    """A URL, a cluster and a cluster's name all mean a URL without a slash at its end."""
    assert to_base_url(value) == url


@table(
    ("value", "reason"),
    [
        ("", "must begin with https:// and name a host"),
        ("mars", "must begin with https:// .* eu, apac, asia, in, apac2, sea, us, "),
        ("ftp://host.example", "must begin with https://"),
        ("//host.example", "must begin with https://"),
        ("https://", "must begin with https:// and name a host"),
        ("https://:443", "must begin with https:// and name a host"),
        ("https://host.example:0", "must begin with https://"),
        ("https://host.example:99999", "is no URL"),
        ("https://host.example:hush", "is no URL"),
        ("https://[::1", "is no URL"),
        ("https://u:hush@host.example", "must not hold credentials"),
        ("https://hush@host.example", "must not hold credentials"),
        ("https://@host.example", "must not hold credentials"),
        ("https://host.example/?key=hush", "must not hold a query or a fragment"),
        ("https://host.example?", "must not hold a query or a fragment"),
        ("https://host.example/#hush", "must not hold a query or a fragment"),
        ("https://host.example#", "must not hold a query or a fragment"),
        ("https://host.example/a hush", "must not hold spaces"),
        ("https://host.exa\nmple/hush", "must not hold spaces or control"),
        ("https://host.example/\x00hush", "must not hold spaces or control"),
        (None, "must be a URL, a Cluster or a cluster's name, not a NoneType"),
        (b"https://hush", "must be a URL, a Cluster or a cluster's name, not a bytes"),
    ],
)
def test_refuses_what_requests_cannot_be_sent_to(value: Any, reason: str) -> None:
    """Each refusal begins with the setting's name, and repeats nothing of a URL."""
    with pytest.raises(ConfigurationError, match=f"^base_url {reason}") as refused:
        to_base_url(value)

    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


@table("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_knows_this_machine(host: str) -> None:
    """Nothing sent there crosses a network."""
    assert is_loopback(host)


@table(
    "host", ["", "example.com", "127.0.0.1.example.com", "localhost.example.com", "10.0.0.1",
             "::", "2130706433"],
)  # fmt: skip
def test_knows_any_other_host(host: str) -> None:
    """A name that only looks like this machine is another one."""
    assert not is_loopback(host)
