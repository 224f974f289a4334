"""Which configuration options and environment make."""

from collections.abc import Mapping
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from capillary_interactions import ApiVersion, BasicAuth, ConfigurationError, OAuth, RateLimit
from capillary_interactions.cli._settings import ClientOptions, network_config, with_secrets
from tests.tables import table

from .program import invoke

_ENV = {
    "CAPILLARY_BASE_URL": "eu",
    "CAPILLARY_USERNAME": "till",
    "CAPILLARY_PASSWORD": "pw",
    "CAPILLARY_SOURCE": "INSTORE",
    "CAPILLARY_API": "v2",
    "CAPILLARY_RATE": "5/1",
}


def test_takes_the_environment_where_no_option_is_given() -> None:
    """Every variable of ClientConfig.from_env counts, also those without an option."""
    config = network_config(ClientOptions(), _ENV).config

    assert config.base_url == "https://eu.api.capillarytech.com"
    assert config.auth == BasicAuth("till", "pw")
    assert (config.source, config.api, config.rate) == ("INSTORE", ApiVersion.V2, RateLimit(5, 1.0))


def test_takes_the_time_zone_of_the_option_the_environment_or_the_cluster() -> None:
    """In this order."""
    environ = {**_ENV, "CAPILLARY_BASE_URL": "asia"}
    named, given = {**environ, "CAPILLARY_TIMEZONE": "Europe/Berlin"}, ClientOptions(timezone=UTC)

    assert network_config(ClientOptions(), environ).config.timezone == ZoneInfo("Asia/Kolkata")
    assert network_config(ClientOptions(), named).config.timezone == ZoneInfo("Europe/Berlin")
    assert network_config(given, named).config.timezone is UTC


@table("command", ["lookup mobile 1", "bulk l.csv --identifier mobile"])
def test_refuses_an_unknown_time_zone(command: str) -> None:
    """On every command that asks, with a name that may be meant."""
    result = invoke(*command.split(), "--sandbox", "--timezone", "Kolkata")

    assert result.code == 2
    assert "did you mean Asia/Kolkata? (see" in " ".join(result.err.split())


def test_takes_an_option_before_the_environment() -> None:
    """What is typed now counts before what was set once."""
    config = network_config(
        ClientOptions(base_url="us", api="v1.1", rate=RateLimit(7, 2.0), in_flight=3, timeout=1.5),
        _ENV,
    ).config

    assert config.base_url == "https://ushc.api.capillarytech.com"
    assert (config.api, config.rate) == (ApiVersion.V1_1, RateLimit(7, 2.0))
    assert (config.in_flight, config.timeouts.total) == (3, 1.5)


@table(
    ("missing", "message"),
    [("CAPILLARY_BASE_URL", "CAPILLARY_BASE_URL is not set"), ("CAPILLARY_PASSWORD", "PASSWORD")],
)
def test_names_the_variable_that_is_missing(missing: str, message: str) -> None:
    """A missing setting is named as the environment names it."""
    with pytest.raises(ConfigurationError, match=message):
        network_config(ClientOptions(), {k: v for k, v in _ENV.items() if k != missing})


_ASKED_ALL = [("User name", False), ("Password", True)]


@table(
    ("environ", "asked", "auth"),
    [
        ({}, _ASKED_ALL, BasicAuth("typed", "typed")),
        ({"CAPILLARY_USERNAME": "till"}, [("Password", True)], BasicAuth("till", "typed")),
        ({"CAPILLARY_OAUTH_KEY": "k"}, [("OAuth secret", True)], OAuth("k", "typed")),
        (
            {"CAPILLARY_USERNAME": "till", "CAPILLARY_PASSWORD": "pw"},
            [],
            BasicAuth("till", "pw"),
        ),
        (
            {"CAPILLARY_USERNAME": "till", "CAPILLARY_PASSWORD_MD5": "0" * 32},
            [],
            BasicAuth.from_md5("till", "0" * 32),
        ),
    ],
)
def test_asks_a_person_for_what_is_missing(
    environ: Mapping[str, str], asked: list[tuple[str, bool]], auth: BasicAuth | OAuth
) -> None:
    """Passwords and secrets are asked for hidden, and nothing that is there is asked for."""
    questions = []

    def answer(question: str, secret: bool) -> str:
        questions.append((question, secret))
        return "typed"

    complete = with_secrets({"CAPILLARY_BASE_URL": "eu", **environ}, answer)

    assert questions == asked
    assert network_config(ClientOptions(), complete).config.auth == auth


@table("name", ["API", "RATE", "IN_FLIGHT", "TIMEOUT", "LOG_LEVEL", "BASE_URL", "PAGE_SIZE"])
@table("level", ["off", "debug"])
def test_repeats_no_variable(name: str, level: str) -> None:
    """A secret under the name of a setting is nowhere in what is said, tracebacks included."""
    secret = "S3cr3t-hunter2"
    env = {**_ENV, f"CAPILLARY_{name}": secret}
    chosen = () if name == "LOG_LEVEL" else ("--log-level", level)
    ran = invoke("lookup", *chosen, "mobile", "919738522695", env=env)

    assert ran.code == 2
    assert name.lower().replace("_", "-") in ran.err.lower().replace("_", "-")
    assert secret not in ran.err + ran.out


@table("name", ["S3cr3t-hunter2", "919738522695", "a.person@example.com"])
def test_repeats_no_identifier_in_the_place_of_its_name(name: str) -> None:
    """Arguments in the wrong order are refused, and even a traceback tells neither."""
    ran = invoke("lookup", "--sandbox", "--log-level", "debug", name, "mobile")

    assert ran.code == 2
    assert "mobile, email" in ran.err
    assert name not in ran.err + ran.out


def test_asks_nothing_without_a_terminal() -> None:
    """A run without a terminal never waits for an answer."""
    with pytest.raises(ConfigurationError, match="no credentials"):
        network_config(ClientOptions(), {"CAPILLARY_BASE_URL": "eu"}, None)
