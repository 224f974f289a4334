"""No text of foreign origin controls the terminal that a command runs in."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from capillary_interactions.sandbox import SandboxProcess

from .program import invoke
from .terminal import EVIL, shown

_FOUND = 919_000_000_001
_REFUSED = 919_000_000_002
_STRANGE = 919_000_000_003
# A file's name holds no slash; a byte of it may be no text.
_NAME = f"{EVIL}\udcff"


@pytest.fixture
def hostile(server: SandboxProcess, settings: dict[str, str]) -> dict[str, str]:
    """A server whose every word is hostile."""
    message = {"id": 1, "receiver": f"a@b.{EVIL}919738522695", "subject": EVIL, "status": EVIL}
    survey = {"name": EVIL, "npsScore": 9}
    kinds = [{"name": EVIL, "count": 1, "network": EVIL, "messageList": [message]}]
    kinds.append({"name": "survey", "count": 1, "surveyList": [survey]})
    answers: dict[str, Any] = {
        str(_FOUND): {"name": EVIL, "interaction": kinds, EVIL: EVIL},
        str(_REFUSED): {"errors": [{"status": False, "code": 8002, "message": EVIL}]},
        str(_STRANGE): {"interaction": EVIL},
    }
    server.change(answers=answers)
    return settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a hostile list in a file of a hostile name."""
    rows = "".join(f"{number},x\n" for number in (_FOUND, _REFUSED, _STRANGE))
    written = f'mobile,"{EVIL}"\n{rows}"{EVIL}",x\n'.replace("\r", "")
    (tmp_path / _NAME).write_text(written, encoding="utf-8")
    (tmp_path / "list.csv").write_text(written, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


_BULK = ("--identifier", "mobile", "--out")
_COMMANDS: dict[str, tuple[str, ...]] = {
    "table": ("lookup", "mobile", str(_FOUND)),
    "codes": ("lookup", "mobile", str(_FOUND), "--show-codes"),
    "json": ("lookup", "mobile", str(_FOUND), "--json"),
    "refused": ("lookup", "mobile", str(_REFUSED)),
    "refused json": ("lookup", "mobile", str(_REFUSED), "--json"),
    "strange": ("lookup", "mobile", str(_STRANGE)),
    "debug": ("lookup", "mobile", str(_REFUSED), "--log-level", "debug"),
    "value": ("lookup", "external_id", EVIL),
    "address": ("lookup", "email", EVIL),
    "kind": ("lookup", EVIL, "1"),
    "type": ("lookup", "mobile", "1", "--type", EVIL),
    "custom type": ("lookup", "mobile", "1", "--custom-type", EVIL),
    "command": (EVIL,),
    "option": ("lookup", f"--{EVIL}"),
    "argument": ("lookup", "mobile", "1", EVIL),
    "demo": ("demo", "--customers", EVIL),
    "port": ("sandbox", "--port", EVIL),
    "base URL": ("lookup", "mobile", "1", "--base-url", f"https://{EVIL}/"),
    "list": ("bulk", _NAME, *_BULK, "out.jsonl"),
    "no list": ("bulk", f"no{_NAME}", *_BULK, "out.jsonl"),
    "out": ("bulk", "list.csv", *_BULK, f"{_NAME}.jsonl"),
    "no out": ("bulk", "list.csv", *_BULK, f"{_NAME}/no.jsonl"),
    "ending": ("bulk", "list.csv", *_BULK, f"x.{_NAME}"),
    "stream": ("bulk", "list.csv", *_BULK, "-"),
    "device": ("bulk", "list.csv", *_BULK, "/dev/null", "--log-level", "debug"),
    "column": ("bulk", "list.csv", *_BULK, "out.jsonl", "--column", EVIL),
    "no column": ("bulk", "list.csv", *_BULK, "out.jsonl", "--column", "other"),
    "format": ("bulk", "list.csv", *_BULK, "out.jsonl", "--format", EVIL),
    "encoding": ("bulk", "list.csv", *_BULK, "out.jsonl", "--encoding", EVIL),
    "delimiter": ("bulk", "list.csv", *_BULK, "out.jsonl", "--delimiter", EVIL),
    "no job": ("jobs", "status", _NAME),
    "no retry": ("jobs", "retry", _NAME, "--ending", EVIL),
    "no export": ("jobs", "export", f"no{_NAME}", "--out", _NAME),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", _COMMANDS.values(), ids=_COMMANDS)
def test_shows_nothing_that_steers_a_terminal(
    command: tuple[str, ...], hostile: dict[str, str]
) -> None:
    """Neither the server's words, nor a list's cells, a file's name or an argument."""
    ran = shown(*command, env=hostile)

    assert ran.text.strip()
    assert ran.unprintable == set()
    assert "unforeseen" not in ran.text


@pytest.mark.usefixtures("folder")
def test_shows_nothing_of_a_job_that_steers_a_terminal(hostile: dict[str, str]) -> None:
    """Status, retry, export and report of a job with a hostile name, list and failures."""
    out, job = f"{_NAME}.jsonl", f"{_NAME}.jsonl.job"
    assert shown("bulk", _NAME, *_BULK, out, env=hostile).code == 1

    for command in (
        ("status", job),
        ("status", job, "--json"),
        ("export", job, "--out", "-"),
        ("export", job, "--out", f"{_NAME}.csv"),
        ("export", job, "--out", f"x.{_NAME}"),
        ("retry", job, "--ending", "rejected"),
        ("report", job),
    ):
        ran = shown("jobs", *command)
        assert ran.text.strip()
        assert (ran.unprintable, "unforeseen" in ran.text) == (set(), False), command
    page = Path(f"{_NAME}.jsonl.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert str(_REFUSED) not in page
    assert {c for c in page if not c.isprintable()} <= {"\n"}


_VARIABLES = ("BASE_URL", "API", "RATE", "IN_FLIGHT", "TIMEOUT", "LOG_LEVEL", "QUIET", "SOURCE")


@pytest.mark.parametrize("name", _VARIABLES)
def test_shows_no_value_of_a_variable_that_steers_a_terminal(
    name: str, settings: dict[str, str]
) -> None:
    """A setting in the environment comes from elsewhere as well."""
    ran = shown("lookup", "mobile", "1", env={**settings, f"CAPILLARY_{name}": EVIL})

    assert (ran.code, ran.unprintable) == (2, set())


def test_shows_no_refusal_that_steers_a_terminal(
    server: SandboxProcess, settings: dict[str, str]
) -> None:
    """What the server says of the credentials is its own word, too."""
    refused = {"response": {"status": {"success": "false", "code": 401, "message": EVIL}}}
    server.change(answers={str(_FOUND): {"status": 401, **refused}})

    ran = shown("lookup", "mobile", str(_FOUND), env=settings)

    assert ran.unprintable == set()


def test_escapes_json_on_a_terminal_only(hostile: dict[str, str]) -> None:
    """On a terminal it is the same JSON, written with escapes; a pipe gets it unchanged."""
    command = ("lookup", "mobile", str(_FOUND), "--json")
    piped = invoke(*command, env=hostile).out
    typed = shown(*command, env=hostile).text

    assert "\x9b" in piped
    assert "\x9b" not in typed
    assert "\\u009b31m" in typed
    assert orjson.loads(piped)["answer"] == orjson.loads(typed)["answer"]
    assert orjson.loads(typed)["answer"]["name"] == EVIL


@pytest.mark.parametrize(
    "fail", [lambda: ValueError(EVIL), lambda: OSError(5, EVIL), lambda: UnicodeError("\ud800")]
)
def test_shows_no_traceback_that_steers_a_terminal(
    fail: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of an unforeseen error is of foreign origin as well, and may be personal."""

    def failing(*_: object) -> None:
        raise fail() from ValueError("no customer 919738522695")

    monkeypatch.setattr("capillary_interactions.cli._lookup.config_of", failing)

    ran = shown("lookup", "mobile", "1", "--log-level", "debug")

    assert (ran.code, ran.unprintable) == (3, set())
    assert "Traceback" in ran.text
    assert "919738522695" not in ran.text


def test_names_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    """A byte that is no character is shown as an escape and stops nothing."""
    odd = os.fsdecode(b"caf\xe9.csv")
    (tmp_path / odd).write_text("mobile\n919000000001\n")
    ran = shown("bulk", tmp_path / odd, *_BULK, tmp_path / f"{odd}.jsonl", "--sandbox")

    assert ran.code == 0
    assert "caf\\xe9.csv" in ran.text
