"""How a client behaves: each setting, and each one that fails where it is made."""

from datetime import UTC, timedelta, timezone
from typing import Any

import attrs
import pytest

from capillary_interactions import (
    ApiVersion,
    BasicAuth,
    ClientConfig,
    Cluster,
    ConfigurationError,
    OAuth,
    RateLimit,
    RetryPolicy,
    Timeouts,
    Tls,
)
from capillary_interactions._model.frozen_mapping import FrozenMapping
from tests.examples import AUTH, PASSWORD, URL, carried, config
from tests.tables import table

_OTHER = OAuth("key", "hush")


def test_has_the_documented_defaults() -> None:
    """The contract's settings, and their defaults."""
    made = ClientConfig(URL, AUTH)

    assert attrs.asdict(made, recurse=False) == {
        "base_url": URL,
        "auth": AUTH,
        "api": ApiVersion.V1_1,
        "source": None,
        "account_id": None,
        "headers": {},
        "rate": RateLimit(),
        "in_flight": 32,
        "retry": RetryPolicy(),
        "timeouts": Timeouts(),
        "page_size": None,
        "max_pages": 20,
        "timezone": UTC,
        "phone_region": None,
        "single_flight": True,
        "cache_ttl": 0.0,
        "max_body": 1024 * 1024,
        "allow_http": False,
        "proxy": "env",
        "tls": Tls(),
        "shared": None,
        "shared_fallback": "stop",
        "expected_workers": None,
        "shared_timeout": 1.0,
    }


@table(
    ("setting", "value", "expected"),
    [
        ("base_url", Cluster.ASIA, "https://apac.api.intouch.capillarytech.com"),
        ("base_url", "sea", "https://sea.api.capillarytech.com"),
        ("auth", [AUTH, _OTHER], (AUTH, _OTHER)),
        ("auth", _OTHER, _OTHER),
        ("api", "v2", ApiVersion.V2),
        ("api", ApiVersion.V2, ApiVersion.V2),
        ("source", "INSTORE", "INSTORE"),
        ("account_id", "1234", "1234"),
        ("headers", {"X-Cap-Trace": "1"}, FrozenMapping({"X-Cap-Trace": "1"})),
        ("rate", "50/1", RateLimit(50, 1.0)),
        ("rate", RateLimit(7), RateLimit(7)),
        ("in_flight", 1, 1),
        ("retry", RetryPolicy(attempts=1), RetryPolicy(attempts=1)),
        ("timeouts", Timeouts(total=1), Timeouts(total=1)),
        ("page_size", 10, 10),
        ("max_pages", 1, 1),
        ("timezone", timezone(timedelta(hours=5)), timezone(timedelta(hours=5))),
        ("single_flight", False, False),
        ("cache_ttl", 5, 5),
        ("max_body", 1, 1),
        ("allow_http", True, True),
    ],
)
def test_keeps_each_setting(setting: str, value: Any, expected: object) -> None:
    """Converted to the type that it stands for."""
    actual = getattr(config(**{setting: value}), setting)

    assert (actual, type(actual)) == (expected, type(expected))


@table(
    ("setting", "wrong"),
    [
        ("base_url", ["", "mars", "https://u:hush@host.example", None]),
        ("auth", [None, "hush", b"hush", ["hush"], [], [AUTH, "hush"], [AUTH, AUTH], {AUTH}]),
        ("api", ["v3", "1.1", "", None, [], 2]),
        ("source", ["", " ", 5, b"hush", *(f"hush{c}" for c in "\n\x00\x7f\ud800\udfff")]),
        ("account_id", ["", " ", "hush\n", 5, "\udcff"]),
        ("headers", [
            {"X-A\n": "hush"}, {"X A": "hush"}, {"": "hush"}, {"X-Ä": "hush"}, {5: "hush"},
            {"X-A": "hush\r\nX-Evil: 1"}, {"X-A": ""}, {"X-A": 5}, {"X-A": "\udcff"},
            None, "X-A: hush", [("X-A", "hush")],
        ]),
        ("rate", ["1000", "", None, 1000, "0/60", (1000, 60)]),
        ("in_flight", [0, -1, 1.5, "32", None, True]),
        ("retry", [None, 5, Timeouts()]),
        ("timeouts", [None, 60.0, RetryPolicy()]),
        ("page_size", [0, -1, 1.5, "50", True]),
        ("max_pages", [0, -1, 1.5, None, True]),
        ("timezone", ["UTC", 5]),
        ("single_flight", [0, 1, "false", None]),
        ("cache_ttl", [-1, float("nan"), float("inf"), "1", None, True]),
        ("max_body", [0, -1, 1.5, None, True]),
        ("allow_http", [0, 1, "false", None]),
    ],
)  # fmt: skip
def test_fails_at_construction_with_the_setting_s_name(setting: str, wrong: list[Any]) -> None:
    """No wrong setting waits for the tenth minute, and none that may be a secret is repeated."""
    for value in wrong:
        with pytest.raises(ConfigurationError, match=f"^{setting}\\b") as refused:
            config(**{setting: value})
        assert "hush" not in str(refused.value)


def test_refuses_a_page_size_where_there_are_no_pages() -> None:
    """v2 documents no paging, so that the setting would be ignored; the message says what to do."""
    with pytest.raises(ConfigurationError, match=r"^page_size has no use with API v2.*v1\.1$"):
        config(api="v2", page_size=50)

    assert config(api="v2").page_size is None
    assert config(api="v1.1", page_size=50).page_size == 50


@table("url", ["http://host.example", "HTTP://host.example", "http://10.0.0.1",
                                 "http://127.0.0.1.example.com"])  # fmt: skip
def test_refuses_to_send_credentials_readable(url: str) -> None:
    """Plain http:// off this machine needs to be asked for; the message says how."""
    with pytest.raises(ConfigurationError, match=r"^base_url must be https://.*allow_http=True"):
        config(base_url=url)

    assert config(base_url=url, allow_http=True).base_url == url


@table("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"])
def test_lets_plain_http_stay_on_this_machine(url: str) -> None:
    """A sandbox needs no permission."""
    assert config(base_url=url).base_url == url


def test_gives_every_credential_as_one_sequence() -> None:
    """A tuple, of one or of several."""
    assert config().credentials == (AUTH,)
    assert config(auth=[AUTH, _OTHER]).credentials == (AUTH, _OTHER)


def test_takes_only_where_and_who_by_place() -> None:
    """All other settings are given by name."""
    with pytest.raises(TypeError):
        ClientConfig(URL, AUTH, ApiVersion.V2)  # type: ignore[call-arg]


def test_is_a_value() -> None:
    """Frozen, comparable, hashable, and equal after a pickle."""
    made = config(headers={"X-A": "1"}, auth=[AUTH, _OTHER])

    assert made == carried(made)
    assert len({made, carried(made)}) == 1
    assert attrs.evolve(made, in_flight=1) != made
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.in_flight = 1  # type: ignore[misc]


def test_does_not_follow_the_headers_it_was_given() -> None:
    """A caller may change the mapping afterwards."""
    headers = {"X-A": "1"}
    made = config(headers=headers)
    headers["X-B"] = "2"

    assert made.headers == {"X-A": "1"}


def test_shows_no_secret() -> None:
    """A configuration in a log shows the host and the names of headers, and no secret."""
    made = config(auth=[BasicAuth("till", PASSWORD), _OTHER], headers={"X-Key": "hush"})
    shown = f"{made!r} {made}"

    assert PASSWORD not in shown
    assert "hush" not in shown
    assert "X-Key" in shown
    assert URL in shown
