"""What does a command of a password manager print, and what is said where it prints none?"""

import sys
from pathlib import Path

import pytest

from capillary_interactions import ConfigurationError
from capillary_interactions._config.password_command import first_line_of
from tests.tables import table

_NAME = "auth.password_command"


@table(
    ("command", "expected"),
    [
        ("echo hunter", "hunter"),
        ("printf 'hunter 22  \\nurl: x'", "hunter 22  "),
        ("printf 'hunter\\r\\n'", "hunter"),
        ("printf 'p\u00e4ss'", "p\u00e4ss"),
        ("echo $HOME;id|x", "$HOME;id|x"),
        ('sh -c "echo seen >&2; read line; echo [$line]"', "[]"),
    ],
)
def test_takes_the_first_line(
    command: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a shell, without our standard input, and without its standard error."""
    assert first_line_of(command, _NAME) == expected
    assert capfd.readouterr() == ("", "")


@table(
    ("command", "message"),
    [
        ("hush-not-there", "names a program that is not found: it must be a command, not the"),
        ("/ --hush", "cannot be run; run it yourself to see why"),
        ("sh -c 'echo hush; echo hush >&2; exit 3'", "fails (exit code 3); run it yourself"),
        ("sh -c 'kill -9 $$'", "fails (exit code -9); run it yourself"),
        ("true hush", "prints an empty first line: it must be the password"),
        ("printf '\\nhush'", "prints an empty first line"),
        ("printf '\\377hush'", "prints a first line that is not UTF-8"),
        ("echo 'hush", "has a quote that is not closed"),
        (" ", "is empty"),
        ("echo \0hush", "cannot be run"),
    ],
)
def test_says_why_there_is_no_password(command: str, message: str) -> None:
    """Nothing of the command and of what it printed: each may be the password."""
    with pytest.raises(ConfigurationError) as refused:
        first_line_of(command, _NAME)

    assert str(refused.value).startswith(f"{_NAME} {message}")
    assert "hush" not in str(refused.value)
    assert refused.value.__context__ is None


def test_waits_no_longer_than_its_time(tmp_path: Path) -> None:
    """Also where a child of the command keeps its output open after the end of the command."""
    script = tmp_path / "manager.py"
    script.write_text(
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])\n"
        "time.sleep(5)\n"
    )

    with pytest.raises(ConfigurationError, match=r"prints nothing within 0\.05 s; run it yourself"):
        first_line_of(f"{sys.executable} {script}", _NAME, timeout=0.05)
