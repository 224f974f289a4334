"""`bulk --dry-run`: what a run would take."""

from pathlib import Path

import orjson
import pytest

from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import Ran, invoke, json_lines

_LIST = "mobile,name\n919000000001,A\n+91 90000 00001,B\n\n919000000002,C\nnone,D\nnone,E\n"
_PLAN = ("--identifier", "mobile", "--dry-run")


@pytest.fixture
def list_(tmp_path: Path) -> str:
    """A list with a duplicate, a blank line and two rows without a customer."""
    path = tmp_path / "list.csv"
    path.write_text(_LIST)
    return str(path)


def _planned(ran: Ran) -> dict[str, object]:
    planned: dict[str, object] = orjson.loads(ran.out)
    return planned


def test_sends_nothing_and_needs_no_credentials(list_: str) -> None:
    """Neither an address nor a result's name; no file is made."""
    ran = invoke("bulk", list_, *_PLAN)

    assert (ran.code, ran.out) == (0, "")
    assert "5 rows, 1 blank line skipped" in ran.err
    assert "2 customers to ask for; 1 row with the customer of an earlier row" in ran.err
    assert "2 rows (rows 4, 5): the cell holds no digits" in ran.err
    assert "9000" not in ran.err
    assert [path.name for path in Path(list_).parent.iterdir()] == ["list.csv"]


def test_counts_what_the_same_command_then_does(
    list_: str, server: SandboxProcess, settings: dict[str, str]
) -> None:
    """As JSON, and then by the server's own count."""
    out = str(Path(list_).with_name("out.jsonl"))
    command = ("bulk", list_, "--identifier", "mobile", "--out", out)

    planned = _planned(invoke(*command, "--dry-run", "--json", env=settings))
    assert server.counts().received == 0
    ran = invoke(*command, env=settings)

    lines = json_lines(Path(out).read_text())
    assert (ran.code, len(lines)) == (1, planned["rows"])
    assert sum(line["outcome"] == "rejected" for line in lines) == planned["rejected"]
    assert server.counts().received == planned["requests"] == planned["customers"] == 2
    assert _planned(invoke(*command, "--dry-run", "--json", "--overwrite"))["done"] == 5


def test_says_where_a_run_would_stop(list_: str) -> None:
    """Where its limit is less than there is to ask for."""
    less = invoke("bulk", list_, *_PLAN, "--limit", "1")
    no_less = invoke("bulk", list_, *_PLAN, "--limit", "2")

    assert less.err.endswith("--limit: a run stops after 1 customer of these\n")
    assert "--limit" not in no_less.err


def test_reads_standard_input() -> None:
    """A list that comes through a pipe, whose duplicates are asked for again without a job."""
    ran = invoke("bulk", "-", *_PLAN, "--out", "-", stdin=_LIST)

    assert ran.code == 0
    assert ran.err.startswith("standard input: 5 rows")
    assert "2 requests at least (up to 3" in ran.err
    assert "for the job" not in ran.err


@table(
    ("options", "seconds"),
    [
        ((), 59.7),
        (("--rate", "10/1"), 99.5),
        (("--sandbox",), 9.9),
        (("--sandbox", "--rate", "10/1"), 99.5),
    ],
)
def test_takes_the_quota_of_the_run(options: tuple[str, ...], seconds: float) -> None:
    """The default, the option's or the sandbox's."""
    text = "".join(f"{919_000_000_000 + number}\n" for number in range(1000))

    planned = _planned(invoke("bulk", "-", *_PLAN, "--json", *options, stdin=text))

    assert planned["seconds"] == pytest.approx(seconds, rel=0.05)


def test_says_how_many_in_flight_an_answer_takes() -> None:
    """With the latency that is given."""
    ran = invoke("bulk", "-", *_PLAN, "--latency", "2", stdin="919\n")

    assert "33 in flight reach that where an answer takes 2.0 s" in ran.err


@table(
    ("options", "said"),
    [
        (("--identifier", "mobile", "--out", "x.jsonl", "--json"), "need --dry-run"),
        (("--identifier", "mobile", "--out", "x.jsonl", "--latency", "1"), "need --dry-run"),
        (("--identifier", "mobile"), "Missing option '--out' (or '--dry-run')"),
        ((*_PLAN, "--column", "none"), "no column named"),
        ((*_PLAN, "--out", "x.docx"), "no known format"),
        ((*_PLAN, "--api", "v2", "--identifier", "customer_id"), "v2"),
        ((*_PLAN, "--base-url", "http://api.example.com"), "https://"),
    ],
)
def test_fails_where_a_run_could_not_begin(list_: str, options: tuple[str, ...], said: str) -> None:
    """With the exit code of a wrong argument."""
    ran = invoke("bulk", list_, *options)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_says_that_a_run_would_stop() -> None:
    """Where half of the first rows are rejected, unless that is accepted."""
    text = "mobile\n" + "none\n" * 60 + "".join(f"{919 + number}\n" for number in range(60))

    assert "a run would stop" in invoke("bulk", "-", *_PLAN, stdin=text).err
    accepted = invoke("bulk", "-", *_PLAN, "--accept-rejected", stdin=text)
    assert "a run would stop" not in accepted.err
