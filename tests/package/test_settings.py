"""Whether every setting of a client can be given by a profile."""

from pathlib import Path
from typing import Final

import attrs

from capillary_interactions import ClientConfig
from capillary_interactions._config.profiles import readers_of
from tests.config.profiles import from_text, setting_of
from tests.tables import table

# A line of a profile that gives a setting another value than its default: one for each field of
# `ClientConfig`, and of the values that stand in its fields.
_LINES: Final = {
    "base_url": '"eu"',
    "auth": '{ username = "till", password = "hush" }',
    "api": '"v2"',
    "source": '"INSTORE"',
    "account_id": '"1234"',
    "headers": '{ "X-Key" = "hush" }',
    "rate": '"7/1"',
    "rate.requests": "7",
    "rate.per": "7",
    "rate.burst": "7",
    "in_flight": "7",
    "retry.attempts": "7",
    "retry.wait_initial": "0.7",
    "retry.wait_max": "7",
    "retry.throttled_initial": "0.7",
    "retry.budget": "7",
    "retry.retry_after_max": "7",
    "timeouts.total": "7",
    "timeouts.attempt": "7",
    "timeouts.connect": "7",
    "page_size": "7",
    "max_pages": "7",
    "timezone": '"Asia/Tokyo"',
    "phone_region": '"IN"',
    "single_flight": "false",
    "cache_ttl": "7",
    "max_body": "7",
    "allow_http": "true",
    "proxy": '"none"',
    "tls.ca_file": '"authority.pem"',
    "tls.client_cert": '"till.pem"',
    # They need a certificate.
    "tls.client_key": '"till.key"\ntls.client_cert = "till.pem"',
    "tls.client_key_password": '"hush"\ntls.client_cert = "till.pem"',
    "shared": '"file:/run/quota"',
    # They need a place, and one of them the other.
    "shared_fallback": '"local"\nexpected_workers = 7\nshared = "file:/run/quota"',
    "expected_workers": '7\nshared = "file:/run/quota"',
    "shared_timeout": "7",
}
_NEEDED: Final = ("base_url", "auth")


def test_every_setting_has_a_key_in_profiles() -> None:
    """One that has none needs a reader in `_config/profiles.py`, and then a line above."""
    fields = {field.name for field in attrs.fields(ClientConfig)}
    keys = {path.partition(".")[0] for path in readers_of(ClientConfig)} | {"auth"}

    assert keys == fields
    assert {path.partition(".")[0] for path in _LINES} == fields
    # A table as a whole has no value of its own, but a rate has.
    whole = {path for path in readers_of(ClientConfig) if f"{path}.attempts" not in _LINES}
    assert whole - set(_LINES) <= {"retry", "timeouts", "tls"}


@table("path", _LINES)
def test_each_key_gives_its_setting(path: str, tmp_path: Path) -> None:
    """Its value is not the default."""
    needed = "\n".join(f"{name} = {_LINES[name]}" for name in _NEEDED)
    plain = from_text(tmp_path, f"[profiles.shop]\n{needed}")
    line = "" if path in _NEEDED else f"{path} = {_LINES[path]}"
    made = from_text(tmp_path, f"[profiles.shop]\n{needed}\n{line}")

    changed = {
        field.name
        for field in attrs.fields(ClientConfig)
        if setting_of(made, field.name) != setting_of(plain, field.name)
    }
    assert changed == {each.partition(" ")[0].partition(".")[0] for each in line.splitlines()}
