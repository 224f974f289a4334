"""Commands that ask with the settings of a profile, by the real program."""

from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from capillary_interactions import BasicAuth, OAuth
from capillary_interactions.cli._settings import ClientOptions, network_config
from capillary_interactions.sandbox import SandboxProcess
from tests.config.profiles import config_file
from tests.tables import table

from .program import ended, invoke, started

_LOOKUP = ("lookup", "mobile", "919738522695", "--profile", "shop")


@pytest.fixture
def file(tmp_path: Path, server: SandboxProcess) -> Path:
    """A profile for the sandbox, whose password a command prints."""
    lines = (
        "[profiles.shop]",
        f'base_url = "{server.base_url}"',
        "auth = { username = 'sandbox', password_command = 'sh -c \"cat; echo sandbox\"' }",
        "rate = '500/1'",
        "in_flight = 3",
        "source = 'INSTORE'",
        "[profiles.old]",
        "base_url = 'eu'",
        "api = 'v2'",
        "auth.username = 'till.1'",
    )
    return config_file(tmp_path, "\n".join(lines))


def test_asks_with_the_profile_that_is_named(file: Path) -> None:
    """By an option or a variable, and nothing else is set."""
    with started(*_LOOKUP, "--config-file", str(file)) as process:
        assert process.stdin is not None
        # Not for the command that prints the password.
        process.stdin.write(b"other\n")
        typed = ended(process)
    named = {"CAPILLARY_PROFILE": "shop", "CAPILLARY_CONFIG_FILE": str(file)}
    named_by_variables = invoke(*_LOOKUP[:3], env=named)

    assert (typed.code, typed.err) == (0, "")
    assert orjson.loads(typed.out)["outcome"] == "found"
    assert named_by_variables.code == 0


def test_takes_flag_before_variable_before_profile_before_default(file: Path) -> None:
    """Seen in the plan of a run, which asks for no password and runs no command."""
    list_ = file.with_name("list.csv")
    list_.write_text("mobile\n919738522695\n")
    command = ("bulk", str(list_), "--identifier", "mobile", "--dry-run")
    flag, named = ("--rate", "7/1"), {"CAPILLARY_CONFIG_FILE": str(file)}
    variable, profile = {"CAPILLARY_RATE": "8/1"}, {"CAPILLARY_PROFILE": "shop"}
    rates = [
        ((*command, *flag), {**named, **variable, **profile}, "7/1"),
        (command, {**named, **variable, **profile}, "8/1"),
        (command, {**named, **profile}, "500/1"),
        (command, named, "1000/60"),
        ((*command, "--sandbox"), {**named, **profile}, "100/1"),
    ]

    for arguments, env, rate in rates:
        assert f"keeps to {rate} (--rate)" in invoke(*arguments, env=env).err


@table(
    ("arguments", "message"),
    [
        (("--profile", "shp"), "profile 'shp' is not in {}, which has old, shop"),
        (("--profile", "919738522695"), "profile a string of 12 characters is not in {}"),
        (("--profile", "old"), "auth: give password or password_md5 or password_command"),
        ((), "--config-file needs --profile"),
        (("--profile", "shop", "--sandbox"), "--sandbox and --profile contradict each other"),
    ],
)
def test_says_what_is_wrong_with_a_profile(
    arguments: tuple[str, ...], message: str, file: Path
) -> None:
    """In one line, and the exit code is that of settings."""
    ran = invoke(*_LOOKUP[:3], "--config-file", str(file), *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message.format(file) in " ".join(ran.err.split())


def test_reads_lists_as_the_profile_says(file: Path) -> None:
    """A kind of identifier that its version of the API does not have is refused at once."""
    list_ = file.with_name("list.csv")
    list_.write_text("card_number\n1234\n")
    ran = invoke(
        *("bulk", str(list_), "--identifier", "card_number", "--out", "-", "--profile", "old"),
        env={"CAPILLARY_CONFIG_FILE": str(file), "CAPILLARY_PASSWORD": "p"},
    )

    assert (ran.code, ran.out) == (2, "")
    assert "card_number" in ran.err


@table(
    ("auth", "environ", "asked", "expected"),
    [
        ("{ username = 't' }", {}, ["Password"], BasicAuth("t", "typed")),
        ("{ username = 't', password = 'p' }", {}, [], BasicAuth("t", "p")),
        ("{ username = 't', password_command = 'echo p' }", {}, [], BasicAuth("t", "p")),
        (
            "{ username = 't', password = 'p' }",
            {"CAPILLARY_USERNAME": "other"},
            ["Password"],
            BasicAuth("other", "typed"),
        ),
        ("{ username = 't' }", {"CAPILLARY_PASSWORD": "p"}, [], BasicAuth("t", "p")),
        (
            "{ key = 'k', attribution = ['TILL', '1'] }",
            {},
            ["OAuth secret"],
            OAuth("k", "typed", ("TILL", "1")),
        ),
        (
            "[{ username = 't', password = 'p' }, { key = 'k', secret = 's' }]",
            {},
            [],
            (BasicAuth("t", "p"), OAuth("k", "s")),
        ),
    ],
)
def test_asks_a_person_only_for_what_the_profile_lacks(
    auth: str,
    environ: Mapping[str, str],
    asked: list[str],
    expected: object,
    *,
    tmp_path: Path,
) -> None:
    """And never pairs the password of one till with another one's name."""
    questions = []

    def answer(question: str, secret: bool) -> str:
        questions.append(question)
        return "typed"

    file = config_file(tmp_path, f"[profiles.shop]\nbase_url = 'eu'\nauth = {auth}")
    options = ClientOptions(profile="shop", config_file=str(file))
    config = network_config(options, environ, answer).config

    assert questions == asked
    assert config.auth == expected
