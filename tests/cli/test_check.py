"""The command `check`: what it finds where settings, the network or credentials are wrong."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from capillary_interactions.sandbox import SandboxProcess
from tests.config.profiles import config_file
from tests.tables import table

from .program import Ran, ended, invoke, started
from .test_causes import serving

_SECRET = "hunter22"
_TILL = {"CAPILLARY_USERNAME": "till.number.1", "CAPILLARY_PASSWORD": _SECRET}
_LOGIN = b"<html><title>Log in to the guest network</title></html>"


def _found(ran: Ran) -> dict[str, Any]:
    report: dict[str, Any] = orjson.loads(ran.out)
    return report


def _last(ran: Ran) -> dict[str, Any]:
    last: dict[str, Any] = next(
        step for step in _found(ran)["steps"] if step["status"] in {"failed", "warning"}
    )
    return last


def test_finds_everything_in_order(settings: dict[str, str], server: SandboxProcess) -> None:
    """By the real program: one connection to look at, one question, exit code 0."""
    server.reset_counts()
    with started("check", "--rate", "9/1", **settings) as process:
        ran = ended(process)

    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert "rate 9/1 --rate" in lines
    assert f"base_url {settings['CAPILLARY_BASE_URL']} CAPILLARY_BASE_URL" in lines
    assert "timeouts.total 60.0 default" in lines
    assert [line.split()[:2] for line in lines[lines.index("steps") + 1 :]] == [
        ["ok", "dns"],
        ["ok", "tcp"],
        ["ok", "credentials"],
        ["ok", "quota"],
        ["ok", "clock"],
    ]
    assert server.counts().received == 1


def test_says_where_each_setting_comes_from(settings: dict[str, str], tmp_path: Path) -> None:
    """An option, a variable, a profile or the default; secrets are masked."""
    file = config_file(
        tmp_path,
        f'[profiles.shop]\nsource = "INSTORE"\nheaders = {{ "X-Key" = "{_SECRET}" }}\n'
        f'auth = {{ username = "till.number.1", password = "{_SECRET}" }}\ntimeouts.attempt = 3\n',
    )
    named = {"CAPILLARY_PROFILE": "shop", "CAPILLARY_CONFIG_FILE": str(file)}
    env = {"CAPILLARY_BASE_URL": settings["CAPILLARY_BASE_URL"], "CAPILLARY_PAGE_SIZE": "9"}
    options = ("--timeout", "7", "--in-flight", "5")
    ran = invoke("check", "--json", *options, env={**env, **named})

    found = {item["name"]: (item["value"], item["origin"]) for item in _found(ran)["settings"]}
    assert found["base_url"] == (env["CAPILLARY_BASE_URL"], "CAPILLARY_BASE_URL")
    assert found["page_size"] == ("9", "CAPILLARY_PAGE_SIZE")
    assert found["timeouts.total"] == ("7.0", "--timeout")
    assert found["timeouts.attempt"] == ("3.0", "profile shop")
    assert found["in_flight"] == ("5", "--in-flight")
    assert found["source"] == ("INSTORE", "profile shop")
    assert found["auth"] == ("user name t**********.1", "profile shop")
    assert found["headers"] == ("{'X-Key': ...}", "profile shop")
    assert found["max_pages"] == ("20", "default")
    assert (ran.code, _last(ran)["name"]) == (3, "credentials")
    text = invoke("check", env={**env, **named})
    assert f"settings (profile shop of {file})" in text.out
    for shown in (ran.out, ran.err, text.out, text.err):
        assert _SECRET not in shown
        assert "till.number.1" not in shown


def test_asks_with_each_credential(server: SandboxProcess, tmp_path: Path) -> None:
    """One of several may be wrong, which lookups would not show."""
    file = config_file(
        tmp_path,
        f'[profiles.two]\nbase_url = "{server.base_url}"\n'
        'auth = [{ username = "sandbox", password = "sandbox" },'
        f' {{ key = "sandbox-key", secret = "{_SECRET}" }}]',
    )
    ran = invoke("check", "--json", "--profile", "two", "--config-file", str(file))

    steps = _found(ran)["steps"]
    credentials = [step for step in steps if step["name"] == "credentials"]
    assert [step["name"] for step in steps].count("tcp") == 1
    assert [step["status"] for step in credentials] == ["ok", "failed"]
    assert "OAuth key s*********y: the OAuth key and secret are refused" in credentials[1]["detail"]
    assert (ran.code, _found(ran)["ok"]) == (3, False)


@table(
    ("url", "step", "detail"),
    [
        ("https://nowhere.invalid", "dns", "the host nowhere.invalid does not resolve"),
        ("http://127.0.0.1:9", "tcp", "no connection: Connection refused"),
    ],
)
def test_says_where_the_way_ends(url: str, step: str, detail: str) -> None:
    """The first step that fails, with what to do, and no question is asked."""
    ran = invoke("check", "--json", "--base-url", url, env=_TILL)
    text = invoke("check", "--base-url", url, env=_TILL)

    assert (ran.code, ran.err) == (3, "")
    assert _found(ran)["ok"] is False
    assert _found(ran)["steps"][-1] == _last(ran)
    assert (_last(ran)["name"], _last(ran)["detail"]) == (step, detail)
    assert "--base-url" in _last(ran)["advice"]
    assert text.out.splitlines()[-1].strip() == _last(ran)["advice"]


@pytest.mark.parametrize(
    ("status", "body", "headers", "advice"),
    [
        (200, _LOGIN, {}, "not the API's"),
        (403, _LOGIN, {}, "or it refuses the credentials"),
        (302, b"", {"Location": "https://login.example/"}, "not the API's"),
        (401, b'{"message": "no"}', {}, "or it refuses the credentials"),
        (401, b'{"errors": [{"code": 401}]}', {}, "look at the user name and password"),
        (404, b"<html>Not Found</html>", {}, "not the API's"),
    ],
)
def test_says_what_is_in_place_of_the_api(
    status: int, body: bytes, headers: dict[str, str], advice: str
) -> None:
    """Once, without a retry, and nothing of the page."""
    with serving(status, body=body, headers=headers) as (url, asked):
        ran = invoke("check", "--json", "--base-url", url, env=_TILL)

    assert ran.code == 3
    assert _last(ran)["name"] == "credentials"
    assert advice in _last(ran)["advice"]
    assert "guest network" not in ran.out
    assert len(asked) == 1


def test_names_the_authority_of_a_certificate_that_is_not_accepted() -> None:
    """With the way on."""
    with serving(200, tls=True) as (url, asked):
        ran = invoke("check", "--json", "--base-url", url, env=_TILL)

    assert (ran.code, _last(ran)["name"], asked) == (3, "tls", [])
    assert "(signed by trustme" in _last(ran)["detail"]
    assert "--ca-file" in _last(ran)["advice"]


def test_proves_nothing_while_the_quota_is_used_up() -> None:
    """The report is good enough for a readiness probe, but not for a person who asks."""
    with serving(429, body=b"{}", headers={"Retry-After": "60"}) as (url, _):
        ran = invoke("check", "--json", "--base-url", url, env=_TILL)

    assert (ran.code, _last(ran)["status"]) == (3, "warning")


@table(
    ("arguments", "message"),
    [
        ((), "CAPILLARY_BASE_URL is not set"),
        (("--base-url", "mars"), "--base-url"),
        (("--sandbox", "--customer", "phone", "1"), "--customer: "),
        (("--sandbox", "--customer", "mobile", " "), "--customer: a customer's mobile must not"),
        (("--sandbox", "--customer", "mobile", "1,2"), "--customer: "),
        (("--base-url", "https://127.0.0.1:9", "--ca-file", "no.pem"), "tls.ca_file 'no.pem'"),
    ],
)
def test_ends_with_two_where_a_setting_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    """Nothing is asked."""
    ran = invoke("check", *arguments, env=_TILL)

    assert ran.code == 2
    assert message in ran.err
    assert "steps" not in ran.out


def test_is_json_where_a_setting_is_missing_too() -> None:
    """What reads it need not read two formats."""
    ran = invoke("check", "--json", env=_TILL)

    assert (ran.code, ran.err) == (2, "")
    assert _found(ran)["ok"] is False
    assert (_last(ran)["name"], _last(ran)["status"]) == ("settings", "failed")
    assert "CAPILLARY_BASE_URL is not set" in _last(ran)["detail"]


def test_checks_the_sandbox_too() -> None:
    """Without a network, for the one customer that is given."""
    ran = invoke("check", "--json", "--sandbox", "--customer", "mobile", "919738522695")

    assert ran.code == 0
    assert "919738522695" not in ran.out
    assert {item["origin"] for item in _found(ran)["settings"]} == {"--sandbox", "default"}
