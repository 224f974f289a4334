"""Tab completion in real shells, and what a line of help or a Tab does not wait for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capillary_interactions.cli._app import app
from tests.tables import table

from .program import environment

_SLOW = ("aiohttp", "asyncio", "cattrs", "rich.console", "sqlite3", "importlib.metadata",
         "pyarrow", "matplotlib")  # fmt: skip


_COMMANDS = {f"capillary_interactions.cli._{name}" for name in app.commands}


def _typed(words: str) -> dict[str, str]:
    return {
        "_CAPILLARY_INTERACTIONS_COMPLETE": "bash_complete",
        "COMP_WORDS": f"capillary-interactions {words}",
        "COMP_CWORD": str(len(words.split())),
    }


@table(
    ("arguments", "env"),
    [
        ("'--help'", {}),
        ("'bulk', '--help'", {}),
        ("'cluster', '--help'", {}),
        ("", _typed("bulk --f")),
    ],
)
def test_help_and_completion_import_nothing_slow(arguments: str, env: dict[str, str]) -> None:
    """Each Tab starts the program anew: it waits for click, and for next to nothing else."""
    shown, imported = _shown_and_imported(arguments, env)

    assert imported.isdisjoint(_SLOW)
    assert "--format" in shown or "lookup" in shown


@table(
    ("arguments", "env", "needed"),
    [
        ("'--help'", {}, set()),
        ("'--version'", {}, set()),
        ("", {"_CAPILLARY_INTERACTIONS_COMPLETE": "bash_source"}, set()),
        ("", _typed("lo"), set()),
        ("'lookup', '--help'", {}, {"lookup"}),
        ("", _typed("bulk --f"), {"bulk"}),
        ("", _typed("jobs re"), {"jobs"}),
    ],
)
def test_imports_no_command_but_the_one_it_is_about(
    arguments: str, env: dict[str, str], needed: set[str]
) -> None:
    """A list of the commands needs their names only; and click's, the options of one."""
    shown, imported = _shown_and_imported(arguments, env)

    assert shown
    assert imported & _COMMANDS == {f"capillary_interactions.cli._{name}" for name in needed}
    assert needed == {"jobs"} or "attr" not in imported


def _shown_and_imported(arguments: str, env: dict[str, str]) -> tuple[str, set[str]]:
    script = (
        f"import sys; sys.argv = ['capillary-interactions', {arguments}]\n"
        "from capillary_interactions.cli import main\n"
        "assert main() == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment(**env),
    )
    return ran.stdout, set(ran.stderr.split())


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the program in it, as it is called in a shell."""
    command = tmp_path / "capillary-interactions"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m capillary_interactions "$@"\n')
    command.chmod(0o755)
    return tmp_path


_SETUP = {
    "bash": 'eval "$(_CAPILLARY_INTERACTIONS_COMPLETE=bash_source capillary-interactions)"\n',
    "fish": "_CAPILLARY_INTERACTIONS_COMPLETE=fish_source capillary-interactions | source\n",
    "zsh": (
        "autoload -Uz compinit; compinit -u -D\n"
        "compadd() { print -l -- $completions_partial $completions }\n"
        "_describe() { print -l -- $completions_with_descriptions }\n"
        'eval "$(_CAPILLARY_INTERACTIONS_COMPLETE=zsh_source capillary-interactions)"\n'
    ),
}
_COMPLETE = {
    "bash": (
        "COMP_WORDS=(capillary-interactions {words}); COMP_CWORD={last}\n"
        "_capillary_interactions_completion capillary-interactions\n"
        'printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    ),
    "fish": "complete -C 'capillary-interactions {words}'\n",
    "zsh": (
        "words=(capillary-interactions {words}); CURRENT=$(({last} + 1))\n"
        "_capillary_interactions_completion\n"
    ),
}
_LINES = (
    ("lo", 1, {"lookup"}),
    ("bulk --ident", 2, {"--identifier"}),
    ("lookup ext", 2, {"external_id"}),
)


@pytest.mark.parametrize("shell", _SETUP)
def test_completes_commands_options_and_words(shell: str, program: Path) -> None:
    """By the line that the README gives, in the shell itself."""
    if (path := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    lines = _LINES if shell == "bash" else _LINES[:1]
    script = _SETUP[shell] + "".join(
        _COMPLETE[shell].format(words=words, last=last) for words, last, _ in lines
    )
    env = environment(HOME=str(program), PATH=f"{program}:/usr/bin:/bin", TERM="dumb")
    ran = subprocess.run(  # noqa: S603 - a shell on this machine
        [path, *(["-f"] if shell == "zsh" else []), "-c", script],
        capture_output=True, text=True, check=False, env=env, cwd=program,
    )  # fmt: skip
    completions = {
        line.split("\t")[0].split(":")[0].split(",")[-1] for line in ran.stdout.split("\n")
    }
    assert completions >= set().union(*(expected for *_, expected in lines)), ran
