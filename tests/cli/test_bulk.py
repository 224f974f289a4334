"""The command `bulk`, but for signals."""

import io
import logging
from pathlib import Path

import orjson
import pytest

from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import Ran, invoke, json_lines
from .terminal import shown

_FAST = ("--sandbox", "--rate", "100000/1")


def _numbers(count: int) -> list[str]:
    return [str(919_000_000_000 + number) for number in range(count)]


def _stream(*options: str, stdin: str | bytes, env: dict[str, str] | None = None) -> Ran:
    """Look mobile numbers up, from a pipe into a pipe."""
    command = ("bulk", "-", "--identifier", "mobile", "--out", "-")
    return invoke(*command, *options, stdin=stdin, env=env)


def _list(folder: Path, content: str | bytes, name: str = "list.csv") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_gives_one_line_for_each_row(tmp_path: Path) -> None:
    """Every row of the list has an outcome with its own number in it."""
    numbers = _numbers(500)
    out = tmp_path / "out.jsonl"
    text = "id;Mobile\n" + "".join(f"{n};{number}\n" for n, number in enumerate(numbers))

    ran = invoke("bulk", _list(tmp_path, text), "--identifier", "mobile", "--out", str(out), *_FAST)

    lines = json_lines(out.read_text())
    assert (ran.code, ran.out) == (0, "")
    assert [line["row"] for line in lines] == list(range(1, 501))
    assert [line["query"]["identifierValue"] for line in lines] == numbers
    assert {line["outcome"] for line in lines} == {"found", "not_found"}
    assert ran.err.startswith("500 rows in ")
    assert "500 requests, 0 retries, 0 throttled" in ran.err


@table(
    ("content", "options"),
    [
        ("mobile\n919000000001\n919000000002\n", ()),
        ("\ufeff919000000001\r\n\r\n919000000002", ()),
        ('{"mobile": 919000000001}\n{"mobile": "919000000002"}\n', ()),
        ("id\ttel\n1\t919000000001\n2\t919000000002\n", ("--column", "TEL")),
        ("919000000001\n919000000002\n", ("--format", "lines")),
    ],
)
def test_reads_and_writes_the_standard_streams(content: str, options: tuple[str, ...]) -> None:
    """A pipe in any of the formats, without a name that would tell which."""
    ran = _stream(*options, *_FAST, stdin=content)

    assert ran.code == 0
    assert [line["query"]["identifierValue"] for line in ran.lines()] == _numbers(3)[1:]


def test_rejects_what_cannot_be_asked_and_asks_the_rest() -> None:
    """A bad row is a line like every other, and costs no request."""
    text = "id,mobile\n1,919000000001\n2,\n\n3\n4,91\x0792\n5,919000000005\n"

    ran = _stream(*_FAST, stdin=text)

    lines = ran.lines()
    assert ran.code == 1
    assert [line["outcome"] for line in lines] == ["found", *["rejected"] * 3, "found"]
    assert [line["attempts"] for line in lines] == [1, 0, 0, 0, 1]
    assert "2 found, 3 rejected" in ran.err
    assert "1 blank line skipped" in ran.err
    assert "2 requests" in ran.err


def test_asks_every_row_with_the_filters(settings: dict[str, str]) -> None:
    """Type, network and version reach the server with each row."""
    ran = invoke(
        *("bulk", "-", "--identifier", "email", "--out", "-", "--api", "v2"),
        *("--type", "email", "--network", "capillary"),
        stdin="a@b.co\nc@d.co\n",
        env=settings,
    )

    assert ran.code == 0
    for line in ran.lines():
        assert (line["query"]["type"], line["query"]["network"]) == ("email", "capillary")


@pytest.mark.parametrize("out", ["-", "answers.jsonl"])
def test_asks_every_row_for_a_type_of_ones_own(
    settings: dict[str, str], tmp_path: Path, out: str
) -> None:
    """Into a pipe, and by a job, which goes on with the same type."""
    command = ("bulk", "-", "--identifier", "mobile", "--custom-type", "sms")
    place = out if out == "-" else str(tmp_path / out)
    runs = [invoke(*command, "--out", place, stdin="919\n920\n", env=settings) for _ in range(2)]

    assert [ran.code for ran in runs] == [0, 0]
    lines = runs[-1].lines() if out == "-" else json_lines(Path(place).read_text())
    assert [line["query"]["type"] for line in lines] == ["sms", "sms"]


def test_masks_codes_only_if_asked_to(server: SandboxProcess, settings: dict[str, str]) -> None:
    """Data is left as it is otherwise."""
    message = {"id": 1, "subject": "482913 is your code"}
    answer = {"interaction": [{"name": "sms", "count": 1, "messageList": [message]}]}
    server.change(answers={"919": answer})

    assert "482913 is" in _stream(stdin="919\n", env=settings).out
    assert "****** is" in _stream("--mask-codes", stdin="919\n", env=settings).out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it holds no rows"),
        ("mobile\n", "it holds no rows"),
        ("\n\n", "it holds no rows"),
        (b"\x00\x01\x02", "a binary file"),
        (bytes(range(128, 256)), "no UTF-8 text"),
        ("id,phone\n1,2\n", "no column named 'mobile', only: id, phone"),
        ("919738522695\n919738522696\n", "a customer, not a header"),
    ],
)
def test_refuses_a_list_that_is_none(tmp_path: Path, content: str | bytes, message: str) -> None:
    """One line says what is wrong with it, and no file is made for its answers."""
    out = tmp_path / "out.jsonl"

    ran = invoke(
        "bulk", _list(tmp_path, content), "--identifier", "mobile", "--out", str(out), *_FAST
    )

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert "919738522695" not in ran.err
    assert not out.exists()


_WHOLE = "{list} --identifier mobile --out {out}"


@table(
    ("arguments", "message"),
    [
        ("{list} --identifier mobile", "Missing option '--out'"),
        ("{list} --out {out}", "Missing option '--identifier'"),
        ("--identifier mobile --out {out}", "Missing argument 'LIST'"),
        ("{list} --identifier phone --out {out}", "is not one of"),
        ("{no} --identifier mobile --out {out}", "No such file or directory"),
        ("{dir} --identifier mobile --out {out}", "Is a directory"),
        ("{list} --identifier mobile --out {dir}", "it is a directory"),
        ("{list} --identifier mobile --out {list}", "the list itself"),
        ("{list} --identifier mobile --out {no}/x.jsonl", "No such file or directory"),
        ("{list} --identifier card_number --out {out} --api v2", "API v2 has no card_number"),
        (f"{_WHOLE} --column tel", "no column named 'tel'"),
        (f"{_WHOLE} --column x --format lines", "--column is of no use"),
        (f"{_WHOLE} --give-up-after -1", "--give-up-after"),
        (f"{_WHOLE} --rate 0/1", "--rate"),
        (f"{_WHOLE} --rate 5", "--rate"),
        (f"{_WHOLE} --timeout nan", "--timeout"),
        (f"{_WHOLE} --timeout 0", "--timeout"),
        (f"{_WHOLE} --in-flight 0", "in-flight"),
        (f"{_WHOLE} --api v3", "--api"),
        (f"{_WHOLE} --log-level x", "--log-level"),
        (f"{_WHOLE} --nothing", "--nothing"),
    ],
)
def test_refuses_arguments_that_cannot_be(tmp_path: Path, arguments: str, message: str) -> None:
    """Each wrong argument is named in one line."""
    places = {
        "list": _list(tmp_path, "mobile\n919000000001\n"),
        "out": tmp_path / "out.jsonl",
        "dir": tmp_path,
        "no": tmp_path / "no",
    }

    ran = invoke("bulk", *(each.format(**places) for each in arguments.split()), "--sandbox")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert not (tmp_path / "out.jsonl").exists()


@table(
    ("env", "message"),
    [
        ({}, "CAPILLARY_BASE_URL is not set"),
        ({"CAPILLARY_BASE_URL": "eu"}, "no credentials"),
        ({"CAPILLARY_BASE_URL": "http://example.com"}, "base_url must be https://"),
        ({"CAPILLARY_BASE_URL": "https://till:pw@example.com"}, "must not hold credentials"),
        ({"CAPILLARY_BASE_URL": "eu", "CAPILLARY_RATE": "x"}, "CAPILLARY_RATE"),
        ({"CAPILLARY_BASE_URL": "eu", "CAPILLARY_ATTEMPTS": "x"}, "CAPILLARY_ATTEMPTS"),
    ],
)
def test_refuses_settings_that_cannot_be(env: dict[str, str], message: str) -> None:
    """The environment is checked before the list is read."""
    credentials = {"CAPILLARY_USERNAME": "till", "CAPILLARY_PASSWORD": "hunter22"}
    given = env if message == "no credentials" else {**credentials, **env}

    ran = _stream(stdin="919000000001\n", env=given)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert "hunter22" not in ran.err


def test_stops_before_it_begins_when_the_host_does_not_resolve() -> None:
    """A wrong name is no matter for retries."""
    ran = _stream(
        stdin="919000000001\n",
        env={
            "CAPILLARY_BASE_URL": "https://no-such-host.invalid",
            "CAPILLARY_USERNAME": "till",
            "CAPILLARY_PASSWORD": "hunter22",
        },
    )

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: the host no-such-host.invalid does not resolve")
    assert ran.err.count("\n") == 1


def test_stops_when_the_credentials_are_refused(settings: dict[str, str]) -> None:
    """Nothing is asked twice with a password that is wrong, and the counts are shown."""
    ran = _stream(
        stdin="\n".join(_numbers(500)), env={**settings, "CAPILLARY_PASSWORD": "hunter22"}
    )

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: the credentials are refused: ")
    assert "0 rows in " in ran.err
    assert "hunter22" not in ran.err


def test_gives_up_on_an_endpoint_that_answers_nothing(
    server: SandboxProcess, settings: dict[str, str]
) -> None:
    """A list of millions is not spent on a server that is down."""
    server.change(faults={"error_500": 1.0})
    settings["CAPILLARY_ATTEMPTS"] = "1"
    stdin = "\n".join(_numbers(300))

    stopped = _stream("--give-up-after", "20", stdin=stdin, env=settings)
    patient = _stream("--give-up-after", "0", stdin=stdin, env=settings)

    assert stopped.code == 3
    assert stopped.err.startswith("error: 20 lookups in a row had no answer")
    assert 20 <= len(stopped.lines()) < 300
    assert patient.code == 1
    assert len(patient.lines()) == 300
    assert "unavailable: these had no answer" in patient.err


def test_says_from_which_row_on_it_could_not_read() -> None:
    """What came before was looked up; the run had begun."""
    stdin = b"9" * 15 + b"\n"

    ran = _stream(*_FAST, stdin=stdin * 4096 + b"Jos\xe9\n")

    assert ran.code == 3
    assert ran.err.startswith("error: standard input: it is no UTF-8 text (at byte 65,540)")
    assert len(ran.lines()) == 4096


def test_stops_when_the_disk_is_full() -> None:
    """One line names the file, and the summary tells what is in it."""
    ran = invoke(
        *("bulk", "-", "--identifier", "mobile", "--out", "/dev/full", *_FAST),
        stdin="\n".join(_numbers(2000)),
    )

    assert ran.code == 3
    assert ran.err.startswith("error: /dev/full cannot be written: No space left on device\n")
    assert "only 0 lines written to /dev/full" in ran.err


def test_writes_over_a_file_only_if_it_may(tmp_path: Path) -> None:
    """Yesterday's answers stay where they are."""
    out = tmp_path / "out.jsonl"
    out.write_text("precious\n")
    command = ("bulk", "-", "--identifier", "mobile", "--out", str(out), *_FAST)

    refused = invoke(*command, stdin="919000000001\n")

    assert refused.code == 2
    assert out.read_text() == "precious\n"
    assert invoke(*command, "--overwrite", stdin="919000000001\n").code == 0
    assert [line["row"] for line in json_lines(out.read_text())] == [1]


def test_says_nothing_but_what_goes_wrong_if_quiet() -> None:
    """Neither progress nor summary."""
    ran = _stream(*("--quiet", *_FAST), stdin="919000000001\n\n")

    assert (ran.code, ran.err) == (0, "")


def test_shows_nobody_in_its_words(server: SandboxProcess, settings: dict[str, str]) -> None:
    """With every log line on and faults at work, no identifier and no secret is in any of them."""
    server.change(faults=0.3)
    settings |= {"CAPILLARY_LOG_LEVEL": "debug", "CAPILLARY_ATTEMPTS": "2"}
    numbers = _numbers(100)

    ran = _stream(stdin="\n".join([*numbers, "91,9738522695"]), env=settings)

    assert len(ran.lines()) == 101
    assert "debug: " in ran.err
    for secret in (*numbers, "9738522695", "identifierName", "Authorization", "Basic "):
        assert secret not in ran.err
    handlers = logging.getLogger("capillary_interactions").handlers
    assert [type(each) for each in handlers] == [logging.NullHandler]


def test_leaves_the_logging_of_its_process_as_it_was(
    server: SandboxProcess, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """What the library logs is off while a command runs, and on again afterwards."""
    logger = logging.getLogger("capillary_interactions")
    with caplog.at_level(logging.DEBUG, logger.name):
        server.change(faults=0.3)
        assert len(_stream(stdin="\n".join(_numbers(20)), env=settings).lines()) == 20
        assert not caplog.records
        logger.debug("afterwards")
    assert [record.message for record in caplog.records] == ["afterwards"]


def test_draws_a_bar_on_a_terminal(tmp_path: Path) -> None:
    """How far, how fast, how long, and what came, while it runs; then the summary."""
    path = _list(tmp_path, "mobile\n" + "\n".join(_numbers(20)) + "\n")
    out = tmp_path / "out.jsonl"

    ran = shown(
        *("bulk", path, "--identifier", "mobile", "--out", str(out)),
        *("--sandbox", "--rate", "20/1"),
    )

    assert ran.code == 0
    assert " of 20 rows (" in ran.text
    assert " left | " in ran.text
    assert "20 rows in " in ran.text
    assert len(out.read_text().splitlines()) == 20


def test_ends_quietly_when_nobody_reads_its_output() -> None:
    """`| head` closes the pipe; that is no error of anybody's."""
    with io.FileIO("/dev/null", "rb") as unwritable:
        ran = invoke(
            *("bulk", "-", "--identifier", "mobile", "--out", "-", *_FAST),
            stdin="\n".join(_numbers(50)),
            stdout=unwritable.fileno(),
        )

    assert ran.code == 3
    assert "Traceback" not in ran.err


def test_writes_each_line_when_its_row_has_ended() -> None:
    """The order is that of the endings, so that one slow customer delays no other."""
    ran = _stream(*_FAST, stdin="919000000001\n91,2\n")

    first = orjson.loads(ran.out.splitlines()[0])
    assert (first["row"], first["outcome"]) == (2, "rejected")
