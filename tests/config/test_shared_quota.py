"""Where processes meet that share a quota: which addresses there are, and which are refused."""

from typing import Any

import pytest

from capillary_interactions import ConfigurationError
from tests.examples import config
from tests.tables import table

_HOST = "redis://host.example"


@table(
    ("given", "kept"),
    [
        ("file:/run/x.quota", "file:/run/x.quota"),
        ("file:///run/a #1?.quota", "file:/run/a #1?.quota"),
        (" redis://host.example ", _HOST),
        (f"{_HOST}:6380/2", f"{_HOST}:6380/2"),
        ("redis://[::1]:6380/", "redis://[::1]:6380/"),
        ("rediss://u:p%40q@host.example", "rediss://u:p%40q@host.example"),
        ("rediss://h?ssl_ca_certs=/x.pem", "rediss://h?ssl_ca_certs=/x.pem"),
    ],
)
def test_keeps_an_address(given: str, kept: str) -> None:
    """A file by its absolute path, or a Redis with what its connection needs."""
    assert config(shared=given).shared == kept


@table(
    ("wrong", "advice"),
    [
        ("", "file:/PATH"),
        ("/run/x.quota", "file:/PATH"),
        ("http://:hush@host.example", "redis://HOST:6379/0"),
        ("redis+sentinel://:hush@host.example", "redis://HOST:6379/0"),
        (b"file:/hush", "must be a URL"),
        ("file:hush.quota", "absolute path"),
        ("file://host/hush", "absolute path"),
        ("file:", "absolute path"),
        ("file:/hush\0", "control characters"),
        ("redis://", "must name a host"),
        ("redis://:hush@", "must name a host"),
        ("redis://:hu#sh@host.example", "%23"),
        ("redis://:hu/sh@host.example", "maybe a port"),
        (f"{_HOST}:0", "must name a host"),
        (f"{_HOST}:hush", "maybe a port"),
        (f"{_HOST}/hush", "number of a database"),
        (f"{_HOST}#hush", "number of a database"),
        (f"{_HOST}?password=hush", "redis://USER:PASSWORD@HOST"),
        (f"{_HOST}?socket_timeout=5", "shared_timeout"),
        (f"{_HOST}?hush=5", "ssl_ca_certs"),
        (f"{_HOST}?ssl_ca_certs=/x", "rediss://"),
    ],
)
def test_refuses_what_is_no_address(wrong: Any, advice: str) -> None:
    """With what to write instead, and without the password that may stand in it."""
    with pytest.raises(ConfigurationError, match=r"^shared ") as refused:
        config(shared=wrong)
    text = f"{refused.value} {refused.value.__context__!r}"
    assert advice in text
    assert "hush" not in text
    assert "hu/sh" not in text


@table(
    ("settings", "reason"),
    [
        ({"shared_fallback": "local"}, "shared_fallback has no use without shared"),
        ({"expected_workers": 4}, "expected_workers has no use without shared"),
        ({"shared": _HOST, "shared_fallback": "local"}, "expected_workers is missing"),
        ({"shared": _HOST, "shared_fallback": "lokal"}, "must be one of stop, local, not 'lokal'"),
        ({"shared": _HOST, "shared_fallback": None}, "must be one of stop, local, not None"),
        ({"shared": _HOST, "expected_workers": 0}, "expected_workers must be a whole number"),
        ({"shared": _HOST, "shared_timeout": 0}, "shared_timeout must be a finite number"),
    ],
)
def test_refuses_settings_that_do_not_fit(settings: dict[str, Any], reason: str) -> None:
    """A part of the rate without a number of parts, or either without a quota that is shared."""
    with pytest.raises(ConfigurationError, match=reason):
        config(**settings)


@table(
    ("address", "shown"),
    [
        ("file:/run/x.quota", "file:/run/x.quota"),
        ("redis://host.example:6380/2", "redis://host.example:6380/2"),
        ("redis://:hush@host.example", "redis://***@host.example"),
        ("rediss://hush:hush@host.example/1?ssl_keyfile=/hush", "rediss://***@host.example/1"),
    ],
)
def test_shows_an_address_without_its_secrets(address: str, shown: str) -> None:
    """In the repr of a configuration."""
    text = repr(config(shared=address))
    assert f"shared={shown!r}," in text
    assert "hush" not in text
