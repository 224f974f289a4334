"""Started without standard streams, or with some that take nothing, a command does its work."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from capillary_interactions.cli import main

from .program import COMMAND, environment

_BULK = "bulk list.csv --identifier mobile --out"


def _run(folder: Path, command: str, redirected: str, settings: dict[str, str]) -> tuple[int, str]:
    """Run a command by a shell; its exit code and whatever either stream has shown."""
    (folder / "list.csv").write_text("mobile\n919000000001\n")
    ran = subprocess.run(  # noqa: S603 - this very program
        ["/bin/sh", "-c", f'"$@" {redirected}', "sh", *COMMAND, *command.split()],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout.decode()


@pytest.mark.parametrize("redirected", ["<&- >&- 2>&-", "2>/dev/full"])
def test_does_its_work_without_streams(
    redirected: str, tmp_path: Path, settings: dict[str, str]
) -> None:
    """As it does where they lead to the null device."""
    code, message = _run(tmp_path, f"{_BULK} out.jsonl", redirected, settings)

    assert (code, message) == (0, "")
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 1


_FULL = "error: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("command", "redirected", "ended"),
    [
        ("--help", ">/dev/full", (3, _FULL)),
        ("--help", ">&-", (0, "")),
        ("nothing", "2>&-", (2, "")),
        ("nothing", "2>/dev/full", (2, "")),
    ],
)
def test_tells_what_it_cannot_do_without_a_stream(
    command: str, redirected: str, ended: tuple[int, str], tmp_path: Path, settings: dict[str, str]
) -> None:
    """Its exit code is right, and there is no traceback."""
    assert _run(tmp_path, command, redirected, settings) == ended


@pytest.mark.parametrize(("name", "out"), [("stdin", "x"), ("stdout", "-")])
def test_names_the_stream_that_it_needs(
    name: str, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list or results that cannot come through a closed stream are an error at once."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"919000000001\n")))
    monkeypatch.setattr(sys, name, None)

    assert main(["bulk", "-", "--identifier", "mobile", "--sandbox", "--out", out]) == 2
    assert capsys.readouterr().err == f"error: {name} is closed\n"


def test_asks_for_no_password_where_no_standard_input_is(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """What is missing is named."""
    without = {name: text for name, text in settings.items() if name != "CAPILLARY_PASSWORD"}
    code, message = _run(tmp_path, "lookup mobile 1", "<&-", without)

    assert code == 2
    assert "CAPILLARY_PASSWORD is not set" in message


def test_a_reader_that_has_gone_is_no_error_to_tell(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """As in `capillary-interactions bulk --help | head -0`."""
    code, message = _run(tmp_path, "bulk --help", "2>&1 | true", settings)

    assert (code, message) == (0, "")
