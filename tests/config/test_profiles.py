"""Which settings does a profile give, and what is said about one that cannot be right?"""

from pathlib import Path
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
)
from tests.examples import AUTH, PASSWORD, URL
from tests.tables import table

from .profiles import BASIC, config_file, from_lines, from_text, setting_of, with_settings

_MD5 = "202cb962ac59075b964b07152d234b70"
_EACH = "[[profiles.shop.auth]]\n"


def test_needs_a_url_and_a_credential_and_no_more(tmp_path: Path) -> None:
    """Everything else has its default, and other profiles are not looked at."""
    text = with_settings('[profiles.other]\nbase_url = "mars"\nodd = 1')

    assert from_text(tmp_path, text) == ClientConfig(URL, AUTH)


@table(
    ("line", "path", "expected"),
    [
        ('api = "v2"', "api", ApiVersion.V2),
        ('timezone = "Asia/Tokyo"', "timezone", ZoneInfo("Asia/Tokyo")),
        ('headers = { "X-Key" = "k" }', "headers", {"X-Key": "k"}),
        ('rate = "50/1"', "rate", RateLimit(50, 1.0)),
        ("rate = { requests = 50, per = 2, burst = 5 }", "rate", RateLimit(50, 2.0, 5)),
        ("rate.requests = 50", "rate", RateLimit(50)),
        ("timeouts = { total = 9, connect = 1.5 }", "timeouts", Timeouts(total=9, connect=1.5)),
        ("[profiles.shop.retry]\nattempts = 2", "retry", RetryPolicy(attempts=2)),
        ("cache_ttl = 2", "cache_ttl", 2.0),
    ],
)
def test_reads_a_value_as_what_it_means(
    line: str, path: str, expected: object, tmp_path: Path
) -> None:
    """In each of the ways that TOML has to write it."""
    assert setting_of(from_text(tmp_path, with_settings(line)), path) == expected


@table(
    ("lines", "auth"),
    [
        (BASIC, AUTH),
        (f"auth = {{ username = 't', password_md5 = '{_MD5}' }}", BasicAuth.from_md5("t", _MD5)),
        ('auth = { key = "k", secret = "s" }', OAuth("k", "s")),
        ('auth = { key = "k", secret_command = "echo s" }', OAuth("k", "s")),
        (
            '[profiles.shop.auth]\nkey = "k"\nsecret = "s"\nattribution = ["STORE_CODE", "S1"]',
            OAuth("k", "s", ("STORE_CODE", "S1")),
        ),
        ('auth = { username = "t", password_command = "echo \'a b\'" }', BasicAuth("t", "a b")),
        (
            f"{_EACH}username = 't'\npassword = 'p'\n{_EACH}key = 'k'\nsecret = 's'",
            (BasicAuth("t", "p"), OAuth("k", "s")),
        ),
    ],
)  # fmt: skip
def test_reads_each_type_of_credential(lines: str, auth: object, tmp_path: Path) -> None:
    """One or several, each with a secret or the command that prints it."""
    assert from_lines(tmp_path, f'base_url = "eu"\n{lines}').auth == auth


@table(
    ("line", "variables", "path", "expected"),
    [
        ("in_flight = 5", {"IN_FLIGHT": "6"}, "in_flight", 6),
        ("source = 'A'", {"BASE_URL": "us"}, "base_url", "https://ushc.api.capillarytech.com"),
        ("rate = { requests = 50, burst = 5 }", {"RATE": "70/1"}, "rate", RateLimit(70, 1.0)),
        ("timeouts.attempt = 7", {"TIMEOUT": "9"}, "timeouts", Timeouts(attempt=7, total=9)),
        ("timeouts.total = 7", {"TIMEOUT": "9"}, "timeouts", Timeouts(total=9)),
        ("retry.budget = 7", {"ATTEMPTS": "2"}, "retry", RetryPolicy(attempts=2, budget=7)),
    ],
)
def test_takes_a_variable_before_the_profile(
    line: str, variables: dict[str, str], path: str, expected: object, tmp_path: Path
) -> None:
    """Setting by setting: one time limit of the environment leaves the others to the profile."""
    made = from_text(tmp_path, with_settings(line), **variables)

    assert setting_of(made, path) == expected


def test_takes_an_argument_before_all(tmp_path: Path) -> None:
    """It is what the program says now; what it replaces is not even checked."""
    file = config_file(tmp_path, with_settings("in_flight = 0\ntimeouts.total = 0"))
    environ = {"CAPILLARY_RATE": "7/1", "CAPILLARY_TIMEOUT": "x"}

    made = ClientConfig.from_profile(
        "shop", file=file, environ=environ, in_flight=3, timeouts=Timeouts(total=1)
    )

    assert (made.in_flight, made.timeouts.total, made.rate) == (3, 1.0, RateLimit(7, 1.0))


def test_is_named_by_the_environment(tmp_path: Path) -> None:
    """`from_env` follows CAPILLARY_PROFILE; without it no file is read."""
    environ = {
        "CAPILLARY_PROFILE": "shop",
        "CAPILLARY_CONFIG_FILE": str(config_file(tmp_path, with_settings("in_flight = 5"))),
    }
    unnamed = {**environ, "CAPILLARY_PROFILE": "", "CAPILLARY_CONFIG_FILE": "/nowhere"}

    assert ClientConfig.from_env(environ) == ClientConfig(URL, AUTH, in_flight=5)
    assert ClientConfig.from_env(environ, auth=OAuth("k", "s")).auth == OAuth("k", "s")
    with pytest.raises(ConfigurationError, match="CAPILLARY_BASE_URL is not set"):
        ClientConfig.from_env(unnamed)


_TILL = 'auth = { username = "till.1"'
_KEY = 'auth = { key = "k", attribution = ["TILL", "t"]'


@table(
    ("auth", "variables", "expected"),
    [
        (BASIC, {"USERNAME": "x", "PASSWORD": "y"}, BasicAuth("x", "y")),
        (BASIC, {"OAUTH_KEY": "k", "OAUTH_SECRET": "s"}, OAuth("k", "s")),
        (BASIC, {"PASSWORD": "y"}, BasicAuth("till.1", "y")),
        (BASIC, {"USERNAME": "till.1"}, AUTH),
        (f"{_TILL} }}", {"PASSWORD_MD5": _MD5}, BasicAuth.from_md5("till.1", _MD5)),
        (f'{_TILL}, password_command = "false" }}', {"PASSWORD": "y"}, BasicAuth("till.1", "y")),
        (f"{_KEY} }}", {"OAUTH_SECRET": "s"}, OAuth("k", "s", ("TILL", "t"))),
        (f"{_KEY} }}", {"OAUTH_KEY": "other", "OAUTH_SECRET": "s"}, OAuth("other", "s")),
    ],
)
def test_completes_a_credential_of_the_environment(
    auth: str, variables: dict[str, str], expected: object, tmp_path: Path
) -> None:
    """What is the same till's or client's; a command that is not needed does not run."""
    assert from_lines(tmp_path, f'base_url = "eu"\n{auth}', **variables).auth == expected


@table(
    ("auth", "variables", "reason"),
    [
        (BASIC, {"USERNAME": "x"}, "CAPILLARY_PASSWORD is not set, but CAPILLARY_USERNAME is"),
        (BASIC, {"OAUTH_KEY": "k"}, "CAPILLARY_OAUTH_SECRET is not set"),
        (f"{_KEY} }}", {"USERNAME": "x"}, "CAPILLARY_PASSWORD is not set"),
        ("", {}, "shop of .*no credentials"),
        (f"{_TILL} }}", {}, "auth: give password or password_md5 or password_command"),
        ('auth = { key = "k" }', {}, "auth: give secret or secret_command"),
    ],
)
def test_never_pairs_a_password_with_another_user_name(
    auth: str, variables: dict[str, str], reason: str, tmp_path: Path
) -> None:
    """It would be refused as if it were wrong, or be sent as another till's."""
    with pytest.raises(ConfigurationError, match=reason) as refused:
        from_lines(tmp_path, f'base_url = "eu"\n{auth}', **variables)

    assert PASSWORD not in str(refused.value)


@table(
    ("line", "message"),
    [
        ("in_fligth = 5", "in_fligth' is no setting; did you mean in_flight?"),
        ("[profiles.shop.timeout]\ntotal = 5", "timeout' is no setting; did you mean timeouts?"),
        ("timeouts.totals = 5", "timeouts.totals' is no setting; did you mean timeouts.total?"),
        ("attempts = 5", "attempts' is no setting; did you mean retry.attempts?"),
        ('username = "hush"', "username' is no setting; did you mean auth.username?"),
        ('password = "hush"', "password' is no setting; did you mean auth.password?"),
        ("qqq = 1", "qqq' is no setting; there are base_url, api"),
        ('hush1 = "hush"', "a string of 5 characters is no setting"),
        ('in_flight = "8"', "in_flight must be a whole number, not a text in quotes"),
        ("in_flight = true", "in_flight must be a whole number, not true or false"),
        ("in_flight = 0", "in_flight must be a whole number of 1 or more, not 0"),
        ("cache_ttl = nan", "cache_ttl must be a finite number"),
        ("single_flight = 1", "single_flight must be true or false, not a whole number"),
        ("source = 2026-01-01", "source must be a text in quotes, not a date or time"),
        ("api = 1.1", "api must be a text in quotes, not a number"),
        ('api = "hush"', "api must be one of v1.1, v2"),
        ('timezone = "Kolkata"', "did you mean Asia/Kolkata?"),
        ("timezone = 5.5", "timezone must be a text in quotes"),
        ('rate = "hush"', "rate must be written as REQUESTS/SECONDS"),
        ("rate = 1000", "rate must be a text in quotes or a table, not a whole number"),
        ("rate.per = 0", "rate.per must be a finite number"),
        ("timeouts = 5", "timeouts must be a table, not a whole number"),
        ('headers = "hush"', "headers must be a table, not a text in quotes"),
        ('headers = { "X-Key" = 5 }', "headers: the value of number 1 must be a string"),
    ],
)
def test_says_which_key_is_wrong(line: str, message: str, tmp_path: Path) -> None:
    """With the profile, the file, what is expected, and none of the text that may be a secret."""
    with pytest.raises(ConfigurationError) as refused:
        from_text(tmp_path, with_settings(line))

    assert f"profile shop of {tmp_path / 'config.toml'}: " in str(refused.value)
    assert message in str(refused.value)
    assert "hush" not in str(refused.value)
    assert refused.value.__context__ is None


@table(
    ("auth", "message"),
    [
        ('"hush"', "auth must be a table, or an array of them"),
        ("[]", "auth must be a table, or an array of them"),
        ('["hush"]', r"auth[0] must be a table"),
        ('{ username = "hush", pasword = "hush" }', "'pasword' is no key of a credential"),
        ('{ oauth_key = "hush" }', "'oauth_key' is no key of a credential; did you mean key?"),
        ('{ hush7 = "hush" }', "a string of 5 characters is no key of a credential"),
        ('{ username = "u", password = 5 }', "auth.password must be a text in quotes"),
        ('{ username = "u", password = " " }', "auth.password must be a text in quotes"),
        ('{ username = "u", key = "hush" }', "they are two credentials"),
        ('{ password = "hush" }', "must have a username, or the key"),
        ('{ username = "u", secret = "hush" }', "secret does not go with username"),
        ('{ key = "u", password = "hush" }', "password does not go with key"),
        ('{ username = "a:hush", password = "p" }', "username must not hold a colon"),
        ('{ username = "u", password_md5 = "hush" }', "needs 32 hexadecimal digits"),
        (
            '{ username = "u", password = "hush", password_command = "hush" }',
            "password and password_command are both there; remove one",
        ),
        ('{ key = "k", secret = "hush", attribution = "S" }', "attribution must be a pair"),
        ('{ key = "k", secret = "hush", attribution = ["S"] }', "attribution must be a pair"),
        ('{ username = "u", password_command = "hush" }', "a program that is not found"),
    ],
)
def test_says_what_is_wrong_with_a_credential(auth: str, message: str, tmp_path: Path) -> None:
    """Without its secret, nor what may be one."""
    with pytest.raises(ConfigurationError) as refused:
        from_lines(tmp_path, f'base_url = "eu"\nauth = {auth}')

    assert str(refused.value).startswith(f"profile shop of {tmp_path / 'config.toml'}: auth")
    assert message in str(refused.value)
    assert "hush" not in str(refused.value)
    assert refused.value.__context__ is None


@table(
    ("text", "message"),
    [
        ("", "profile 'shop' is not in {}, which has none"),
        ("[profiles.shp]\n[profiles.a]", "profile 'shop' is not in {}, which has a, shp"),
        ("[profiles]\nshop = 5", "profile shop of {} must be a table, not a whole number"),
        ("profiles = 5", "{}: profiles must be a table"),
        ("[shop]", "{}: 'shop' is no key at the top of this file: a profile is a table [profiles."),
        ("[profiles.shop]", "CAPILLARY_BASE_URL is not set (and base_url not given), and profile"),
    ],
)
def test_says_what_is_wrong_with_the_tables(text: str, message: str, tmp_path: Path) -> None:
    """A profile that is not there, with those that are, and a table that is none of a profile."""
    with pytest.raises(ConfigurationError) as refused:
        from_text(tmp_path, text)

    assert message.format(tmp_path / "config.toml") in str(refused.value)


def test_shows_no_secret_in_its_place(tmp_path: Path) -> None:
    """A variable with the wrong name may hold a password."""
    with pytest.raises(ConfigurationError, match="a string of 14 characters is not in"):
        ClientConfig.from_profile("S3cr3t-hunter2", file=config_file(tmp_path, with_settings("")))
