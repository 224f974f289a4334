"""Which settings the environment holds."""

import os
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from capillary_interactions import (
    ApiVersion,
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    OAuth,
    RateLimit,
    RetryPolicy,
    Timeouts,
    Tls,
)
from tests.examples import AUTH, PASSWORD, URL
from tests.tables import table

_BASIC = {"CAPILLARY_USERNAME": "till.1", "CAPILLARY_PASSWORD": PASSWORD}
_OAUTH = {"CAPILLARY_OAUTH_KEY": "key-1", "CAPILLARY_OAUTH_SECRET": "hush"}
_ENOUGH = {"CAPILLARY_BASE_URL": "eu", **_BASIC}
_MD5 = "202cb962ac59075b964b07152d234b70"


def _eu(**variables: str) -> dict[str, str]:
    return {f"CAPILLARY_{name}": text for name, text in {"BASE_URL": "eu", **variables}.items()}


def test_needs_a_url_and_a_credential_and_no_more() -> None:
    """Everything else has its default."""
    assert ClientConfig.from_env(_ENOUGH) == ClientConfig(URL, AUTH)


@table(
    ("variable", "text", "setting", "expected"),
    [
        ("BASE_URL", "https://host.example/", "base_url", "https://host.example"),
        ("BASE_URL", "us", "base_url", "https://ushc.api.capillarytech.com"),
        ("API", "v2", "api", ApiVersion.V2),
        ("SOURCE", "INSTORE", "source", "INSTORE"),
        ("ACCOUNT_ID", "1234", "account_id", "1234"),
        ("TIMEZONE", "Asia/Kolkata", "timezone", ZoneInfo("Asia/Kolkata")),
        ("TIMEZONE", "UTC", "timezone", UTC),
        ("RATE", "50/1", "rate", RateLimit(50, 1.0)),
        ("IN_FLIGHT", "8", "in_flight", 8),
        ("PAGE_SIZE", "25", "page_size", 25),
        ("MAX_PAGES", "3", "max_pages", 3),
        ("MAX_BODY", "1000", "max_body", 1000),
        ("CACHE_TTL", "1.5", "cache_ttl", 1.5),
        ("SINGLE_FLIGHT", "false", "single_flight", False),
        ("SINGLE_FLIGHT", "No", "single_flight", False),
        ("SINGLE_FLIGHT", "0", "single_flight", False),
        ("ALLOW_HTTP", "TRUE", "allow_http", True),
        ("ALLOW_HTTP", "yes", "allow_http", True),
        ("ALLOW_HTTP", "1", "allow_http", True),
        ("TIMEOUT", "12.5", "timeouts", Timeouts(total=12.5)),
        ("ATTEMPTS", "2", "retry", RetryPolicy(attempts=2)),
        ("PROXY", "http://u:p@proxy.example:3128", "proxy", "http://u:p@proxy.example:3128"),
        ("PROXY", "env", "proxy", "env"),
        ("PROXY", "none", "proxy", None),
        ("CA_FILE", "company.pem", "tls", Tls(ca_file="company.pem")),
        ("CLIENT_CERT", "till.pem", "tls", Tls(client_cert="till.pem")),
        ("SHARED", "file:/run/x.quota", "shared", "file:/run/x.quota"),
    ],
)
def test_reads_each_variable(variable: str, text: str, setting: str, expected: object) -> None:
    """One variable a setting, read as what it means."""
    made = ClientConfig.from_env({**_ENOUGH, f"CAPILLARY_{variable}": text})

    assert getattr(made, setting) == expected


def test_puts_a_certificate_and_its_key_together() -> None:
    """Three variables make one setting; the password is not shown."""
    named = {"CLIENT_CERT": "till.pem", "CLIENT_KEY": "till.key", "CLIENT_KEY_PASSWORD": "hush"}
    variables = {f"CAPILLARY_{name}": text for name, text in named.items()}
    made = ClientConfig.from_env({**_ENOUGH, **variables})

    assert made.tls == Tls(
        client_cert="till.pem", client_key="till.key", client_key_password="hush"
    )
    assert "hush" not in repr(made)


def test_reads_how_a_shared_quota_behaves() -> None:
    """Beside the address, what stands in for it, for how many processes, and when it is late."""
    shared = {
        "CAPILLARY_SHARED": "redis://host.example",
        "CAPILLARY_SHARED_FALLBACK": "local",
        "CAPILLARY_EXPECTED_WORKERS": "4",
        "CAPILLARY_SHARED_TIMEOUT": "0.5",
    }
    made = ClientConfig.from_env({**_ENOUGH, **shared})

    assert made == ClientConfig(
        URL,
        AUTH,
        shared="redis://host.example",
        shared_fallback="local",
        expected_workers=4,
        shared_timeout=0.5,
    )


@table(
    ("variables", "credential"),
    [
        (_BASIC, AUTH),
        (_OAUTH, OAuth("key-1", "hush")),
        (_eu(USERNAME="till.1", PASSWORD_MD5=_MD5), BasicAuth.from_md5("till.1", _MD5)),
    ],
)
def test_reads_each_type_of_credential(variables: dict[str, str], credential: object) -> None:
    """A user name with a password or its digest, or a key with its secret."""
    assert ClientConfig.from_env({"CAPILLARY_BASE_URL": "eu", **variables}).auth == credential


@table(
    ("variables", "reason"),
    [
        ({}, r"CAPILLARY_BASE_URL is not set .* eu, apac, .*; or name a profile"),
        ({"CAPILLARY_BASE_URL": ""}, "CAPILLARY_BASE_URL is not set"),
        (_eu(), r"no credentials .*CAPILLARY_USERNAME.*CAPILLARY_OAUTH_KEY"),
        (_eu(USERNAME="till.1"), "CAPILLARY_PASSWORD is not set, but CAPILLARY_USERNAME is"),
        (_eu(PASSWORD="hush"), "CAPILLARY_USERNAME is not set, but CAPILLARY_PASSWORD is"),
        (_eu(PASSWORD_MD5=_MD5), "CAPILLARY_USERNAME is not set, but CAPILLARY_PASSWORD_MD5 is"),
        (_eu(OAUTH_KEY="key-1"), "CAPILLARY_OAUTH_SECRET is not set, but CAPILLARY_OAUTH_KEY is"),
        (_eu(OAUTH_SECRET="hush"), "CAPILLARY_OAUTH_KEY is not set, but CAPILLARY_OAUTH_SECRET is"),
        ({**_ENOUGH, **_OAUTH}, r"CAPILLARY_USERNAME.*CAPILLARY_OAUTH_KEY.* both set"),
        ({**_ENOUGH, "CAPILLARY_OAUTH_KEY": "key-1"}, "CAPILLARY_USERNAME.*both set"),
        ({**_ENOUGH, "CAPILLARY_PASSWORD_MD5": _MD5}, "CAPILLARY_PASSWORD and .*_MD5 are both set"),
    ],
)
def test_says_what_is_missing_or_twice(variables: dict[str, str], reason: str) -> None:
    """Each message begins with the variable at fault and repeats no secret."""
    with pytest.raises(ConfigurationError, match=f"^{reason}") as refused:
        ClientConfig.from_env(variables)

    assert not [text for text in ("hush", "key-1", PASSWORD, _MD5) if text in str(refused.value)]


@table(
    ("variable", "wrong"),
    [
        ("BASE_URL", ["mars", "http://host.example", "https://u:hush@host.example", "https://h?hush"]),
        ("API", ["v3"]),
        ("SOURCE", [" ", "hush\n"]),
        ("ACCOUNT_ID", [" ", "\udcff"]),
        ("TIMEZONE", ["Asia", "hush", "919738522695"]),
        ("RATE", ["1000", "0/60", "x/y"]),
        ("IN_FLIGHT", ["0", "x", "1.5"]),
        ("PAGE_SIZE", ["0", "x"]),
        ("MAX_PAGES", ["0", "x"]),
        ("MAX_BODY", ["0", "8MiB"]),
        ("CACHE_TTL", ["-1", "x", "nan", "inf"]),
        ("SINGLE_FLIGHT", ["maybe", "2"]),
        ("ALLOW_HTTP", ["maybe", "2"]),
        ("TIMEOUT", ["0", "x", "nan"]),
        ("ATTEMPTS", ["0", "x"]),
        ("SHARED", ["x.quota", "file:x.quota", "http://u:hush@host.example", "redis://:hush@/x"]),
        ("SHARED_FALLBACK", ["go", "local"]),
        ("EXPECTED_WORKERS", ["0", "x", "4"]),
        ("SHARED_TIMEOUT", ["0", "x"]),
        ("USERNAME", ["a:hush", " ", "hush\n"]),
        ("PASSWORD", [" ", "hush\n", "hush\udcff"]),
    ],
)  # fmt: skip
def test_names_a_variable_that_cannot_be_read(variable: str, wrong: list[str]) -> None:
    """The variable, or the setting that it is for, stands in the message."""
    for text in wrong:
        with pytest.raises(ConfigurationError, match=f"(?i)^.*{variable}") as refused:
            ClientConfig.from_env({**_ENOUGH, f"CAPILLARY_{variable}": text})
        assert "hush" not in str(refused.value)


@table(
    ("variable", "setting", "value"),
    [
        ("BASE_URL", "base_url", "us"),
        ("API", "api", "v2"),
        ("RATE", "rate", RateLimit(5)),
        ("IN_FLIGHT", "in_flight", 5),
        ("TIMEOUT", "timeouts", Timeouts(total=5)),
        ("ATTEMPTS", "retry", RetryPolicy(attempts=5)),
        ("ALLOW_HTTP", "allow_http", True),
        ("USERNAME", "auth", OAuth("k", "s")),
    ],
)
def test_prefers_what_the_caller_passes(variable: str, setting: str, value: Any) -> None:
    """The variable of a setting that is passed is not read: its text may be wrong."""
    made = ClientConfig.from_env({**_ENOUGH, f"CAPILLARY_{variable}": "\n"}, **{setting: value})
    expected = ClientConfig(**{"base_url": URL, "auth": AUTH, setting: value})

    assert getattr(made, setting) == getattr(expected, setting)


def test_needs_no_environment_where_all_is_passed() -> None:
    """A URL and a credential are enough."""
    assert ClientConfig.from_env({}, base_url=URL, auth=AUTH) == ClientConfig(URL, AUTH)


@table("variable", ["API", "RATE", "IN_FLIGHT", "SOURCE", "ALLOW_HTTP"])
def test_counts_an_empty_variable_as_not_set(variable: str) -> None:
    """Many shells and compose files set what they do not know to nothing."""
    made = ClientConfig.from_env({**_ENOUGH, f"CAPILLARY_{variable}": ""})

    assert made == ClientConfig(URL, AUTH)


def test_reads_the_process_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping, `os.environ` is read."""
    for name in [name for name in os.environ if name.startswith("CAPILLARY_")]:
        monkeypatch.delenv(name)
    for name, value in {**_ENOUGH, "CAPILLARY_IN_FLIGHT": "7"}.items():
        monkeypatch.setenv(name, value)

    assert ClientConfig.from_env() == ClientConfig(URL, AUTH, in_flight=7)
