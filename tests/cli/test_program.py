"""The program as a whole: help, versions, what it imports, and what it says when all else fails."""

import importlib.metadata
import sys
from typing import Final

import click
import pytest

from capillary_interactions.cli import _app, main
from capillary_interactions.cli._app import app
from tests.tables import table

from .program import ended, invoke, started

_COMMANDS: Final = (app, *app.commands.values())


def test_has_the_commands_that_are_documented() -> None:
    """Their names are a contract."""
    assert sorted(app.commands) == ["bulk", "check", "cluster", "demo", "jobs", "lookup", "sandbox"]


@table("command", _COMMANDS)
def test_explains_every_command_and_option(command: click.Command) -> None:
    """Each says enough to use it."""
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert len(option.help) > 15


@table("name", ["bulk", "check", "cluster", "demo", "lookup", "sandbox"])
def test_gives_help_with_an_example(name: str) -> None:
    """Help goes to standard output and is no error."""
    ran = invoke(name, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert "Example" in ran.out
    assert f"capillary-interactions {name}" in ran.out


@table("name", ["bulk", "check", "lookup"])
@table("option", ["BASE_URL", "API", "RATE", "IN_FLIGHT", "TIMEOUT"])
def test_names_the_variable_of_each_common_option(name: str, option: str) -> None:
    """What can be set in the environment is named where the option is."""
    assert f"CAPILLARY_{option}" in invoke(name, "--help").out


def test_takes_no_secret_as_an_argument() -> None:
    """Everybody on the machine can read a command line."""
    options = [name for command in _COMMANDS for each in command.params for name in each.opts]

    assert not [name for name in options if "pass" in name or "secret" in name or "user" in name]


def test_shows_what_there_is_when_nothing_is_asked() -> None:
    """The commands are listed, and the exit code tells a script that nothing was done."""
    ran = invoke()

    assert (ran.code, ran.out) == (2, "")
    assert "lookup" in ran.err


def test_tells_its_version() -> None:
    """The installed one."""
    version = importlib.metadata.version("capillary_interactions")

    assert invoke("--version").out == f"capillary-interactions, version {version}\n"


@table(
    ("arguments", "message"),
    [
        (("nothing",), "No such command 'nothing'"),
        (("919738522695",), "No such command '9*********95'"),
        (("lookup", "--password=hunter22"), "No such option --password"),
        (("lookup", "--jsn"), "No such option --jsn; did you mean --json? (see "),
        (("bulk", "--identifer", "x"), "No such option --identifer; did you mean --identifier"),
        (("what? now",), "No such command 'what?"),
    ],
)
def test_says_what_it_does_not_know(arguments: tuple[str, ...], message: str) -> None:
    """In one line, without what may be personal."""
    ran = invoke(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert "hunter22" not in ran.err


@pytest.mark.skipif(not hasattr(click, "NoSuchCommand"), reason="click suggests none before 8.4")
def test_names_the_command_that_may_be_meant() -> None:
    """As it is called, with nothing masked in it."""
    assert "No such command 'lokup'; did you mean lookup? (" in invoke("lokup").err


def test_says_in_one_line_that_something_unforeseen_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A traceback has to be asked for, and an unforeseen text may be personal."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("919738522695")

    monkeypatch.setattr("capillary_interactions.cli._lookup.run_async", fail)
    monkeypatch.setattr("capillary_interactions.cli._lookup._ask", lambda *_: None)

    short = invoke("lookup", "mobile", "919738522695", "--sandbox")
    long = invoke("lookup", "mobile", "919738522695", "--sandbox", "--log-level", "debug")

    assert (short.code, short.out) == (3, "")
    assert short.err.startswith("error: unforeseen ZeroDivisionError; ")
    assert short.err.count("\n") == 1
    assert "Traceback" in long.err


def test_ends_with_130_when_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no run catches the signal."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_app.app, "main", interrupt)

    ran = invoke("lookup")

    assert (ran.code, ran.err) == (130, "interrupted\n")


@pytest.mark.parametrize("library", ["click", "rich"])
def test_says_how_to_install_what_it_needs(
    library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra there is one line, and no traceback."""
    monkeypatch.setitem(sys.modules, library, None)

    assert main(["demo"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install 'capillary_interactions[cli]'" in err
    assert err.count("\n") == 1


def test_runs_as_a_module_too() -> None:
    """`python -m capillary_interactions` is the same program."""
    with started("--version") as process:
        ran = ended(process)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("capillary-interactions, version ")


def test_gives_its_exit_code_to_whoever_calls_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The console script hands it to the shell."""
    assert main(["--version"]) == 0
    assert main(["nothing"]) == 2
    assert "No such command" in capsys.readouterr().err
