"""The commands around a job: `bulk` that goes on, and `jobs`."""

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import orjson
import polars as pl
import pytest

from capillary_interactions.sandbox import SandboxProcess

from .program import json_lines
from .workspace import Place


@pytest.fixture
def place(tmp_path: Path, settings: dict[str, str]) -> Place:
    """A list of ten customers, and an environment that names the server."""
    return Place(tmp_path, settings)


def test_keeps_a_job_beside_its_file(place: Place, server: SandboxProcess) -> None:
    """The same command again asks for nobody, and writes the file again."""
    first = place.bulk()
    written = place.out.read_bytes()
    place.out.unlink()
    again = place.bulk()

    assert (first.code, again.code) == (0, 0)
    assert place.out.read_bytes() == written
    assert [line["row"] for line in json_lines(written.decode())] == list(range(1, 11))
    assert server.counts().received == 10
    assert f"written to {place.out}; {place.job} keeps the job" in first.err
    assert "going on with " in again.err
    assert "0 requests" in again.err


def test_goes_on_after_refused_credentials(place: Place, server: SandboxProcess) -> None:
    """Nothing is lost, and the error says what was wrong."""
    refused = place.bulk(CAPILLARY_PASSWORD="hunter22")
    ran = place.bulk()

    assert (refused.code, ran.code) == (3, 0)
    assert refused.err.startswith("error: the credentials are refused: ")
    assert "the same command again goes on" in refused.err
    assert "hunter22" not in refused.err
    assert len(json_lines(place.out.read_text())) == 10


def test_refuses_another_list_and_other_settings(place: Place) -> None:
    """With a way on, and nothing asked; a new start has to be wished for."""
    place.bulk()
    settings = place.bulk("--type", "email")
    place.write(range(1, 12))
    changed = place.bulk()
    anew = place.bulk("--restart", "--type", "email")

    assert (settings.code, changed.code, anew.code) == (2, 2, 0)
    assert "type was not given and is email" in settings.err
    assert "has changed since its job began" in changed.err
    for ran in (settings, changed):
        assert ran.err.splitlines()[-1].startswith("error: ")
        assert "--restart" in ran.err
    assert len(json_lines(place.out.read_text())) == 11


def test_asks_again_for_what_was_unavailable(place: Place, server: SandboxProcess) -> None:
    """`jobs retry`, and then the same command."""
    server.change(answers={"919000000003": (503, {}, b"{}")})
    first = place.bulk(CAPILLARY_ATTEMPTS="1")
    status = place.jobs("status")
    server.change(answers=None)
    retried = place.jobs("retry")
    again = place.bulk()

    assert (first.code, status.code, retried.code, again.code) == (1, 1, 0, 0)
    assert "row 3 (9*********03) unavailable: " in first.err
    assert f"jobs retry {place.job}" in first.err
    assert "10 of 10 rows done: 9 found, 1 unavailable" in status.err
    assert "1 row is open again" in retried.err
    assert "10 of 10 rows done: 10 found" in again.err
    assert server.counts().received == 11


def test_tells_how_far_a_job_is(place: Place) -> None:
    """In words, and as JSON."""
    place.bulk()

    words = place.jobs("status")
    told = orjson.loads(place.jobs("status", "--json").out)

    assert words.code == 0
    assert "10 of 10 rows done: 10 found" in words.err
    assert (told["rows"], told["done"], told["open"], told["complete"]) == (10, 10, 0, True)
    assert told["endings"]["found"] == 10
    assert told["lastRun"]["requests"] == 10


@pytest.mark.parametrize("name", ["more.csv", "more.csv.gz", "more.parquet", "more.jsonl"])
def test_writes_results_in_any_format(place: Place, name: str) -> None:
    """As many formats as anybody wants, from one job."""
    place.bulk()
    target = place.out.with_name(name)

    ran = place.jobs("export", "--out", str(target))

    assert ran.code == 0
    assert f"10 rows of the list written to {target}" in ran.err
    content = target.read_bytes()
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    if ".csv" in name:
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        assert {row["name"] for row in rows} == {f"N {n}" for n in range(1, 11)}
    elif name.endswith(".parquet"):
        assert pl.read_parquet(target)["row"].n_unique() == 10
    else:
        assert content == place.out.read_bytes()


def test_writes_results_where_they_belong_or_to_a_pipe(place: Place) -> None:
    """Without a name they go to the job's own file, with - to standard output."""
    place.bulk()
    written = place.out.read_text()
    place.out.unlink()

    assert place.jobs("export").code == 0
    assert place.out.read_text() == written
    assert place.jobs("export", "--out", "-").out == written


def test_draws_a_page(place: Place) -> None:
    """Where it is wished for, or beside the results; a page, and nobody's number in it."""
    place.bulk()
    named, beside = place.out.with_name("report.html"), place.out.with_name("out.jsonl.html")

    first = place.jobs("report", "--out", str(named))
    second = place.jobs("report")

    assert (first.code, second.code, first.out) == (0, 0, "")
    assert first.err == f"written to {named}; open it with a browser\n"
    assert f"written to {beside}" in second.err
    for page in (named.read_text("utf-8"), beside.read_text("utf-8")):
        assert page.startswith("<!doctype html>")
        assert page.endswith("</html>\n")
        assert "<h1>list.csv</h1>" in page
        assert "9190000000" not in page


def test_says_what_a_page_needs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is there, and the library that draws."""
    place.bulk()
    out = place.out.with_name("no") / "report.html"
    nowhere = place.jobs("report", "--out", str(out))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    undrawn = place.jobs("report", "--out", str(place.out.with_name("report.html")))

    assert (nowhere.code, undrawn.code) == (2, 2)
    assert nowhere.err == f"error: {out}: No such file or directory\n"
    assert undrawn.err == (
        "error: matplotlib is not installed; reports need the extra report: "
        "pip install 'capillary_interactions[report]'\n"
    )


def test_begins_without_what_only_a_page_needs() -> None:
    """The library that draws takes its time to come, and comes for nobody else."""
    program = "import sys, capillary_interactions.cli._app as a; print('matplotlib' in sys.modules)"
    ran = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "False\n"


@pytest.mark.parametrize("command", ["status", "retry", "export", "report"])
def test_says_where_there_is_no_job(place: Place, command: str) -> None:
    """A wrong name is named."""
    ran = place.jobs(command)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: there is no job at {place.job}\n"


def test_needs_a_name_for_results(place: Place) -> None:
    """Of a job that is not named like one, and of a format that is one."""
    place.bulk()
    place.job.rename(place.job.with_name("moved"))
    place.job = place.job.with_name("moved")

    assert "--out is needed" in place.jobs("export").err
    assert "may end in" in place.jobs("export", "--out", "x.txt").err


def test_pauses_and_gives_up(place: Place, server: SandboxProcess) -> None:
    """Nothing of the list is spent on a server that is down."""
    place.write(range(100))
    server.change(faults={"error_500": 1.0})

    down = place.bulk("--give-up-after", "10", "--patience", "0.7", CAPILLARY_ATTEMPTS="1")
    server.change(faults=0.0)
    up = place.bulk()

    assert (down.code, up.code) == (3, 0)
    assert "pausing: no answers any more" in down.err
    assert "lookups in a row had no answer" in down.err
    assert "100 rows in " in up.err


def test_stops_at_the_wrong_column(place: Place, server: SandboxProcess) -> None:
    """A list of names is not asked to its end."""
    rows = "".join(f"\x07{n},x\n" for n in range(200))
    place.list.write_text(f"mobile,name\n{rows}")

    stopped = place.bulk()
    accepted = place.bulk("--accept-rejected")

    assert (stopped.code, accepted.code) == (3, 1)
    assert "--accept-rejected goes on" in stopped.err
    assert "200 of 200 rows done: 200 rejected" in accepted.err


def test_reads_a_list_as_it_is_told(place: Place) -> None:
    """No header, another delimiter, an old encoding."""
    place.list.write_bytes("José|919000000001\nÄnne|919000000002\n".encode("cp1252"))
    options = ("--no-header", "--column", "2", "--delimiter", "|", "--encoding", "cp1252")

    ran = place.bulk(*options, "--format", "csv")

    assert ran.code == 0
    assert place.jobs("export", "--out", str(place.out.with_name("o.csv"))).code == 0
    assert "José" in place.out.with_name("o.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--no-header",), "--no-header needs --column"),
        (("--encoding", "klingon"), "no encoding"),
        (("--delimiter", "||"), "delimiter must be one character"),
        (("--patience", "-1"), "--patience"),
    ],
)
def test_refuses_what_cannot_be_read(place: Place, options: tuple[str, ...], said: str) -> None:
    """In one line, before anything is asked."""
    ran = place.bulk(*options)

    assert ran.code == 2
    assert said in ran.err
    assert not place.job.exists()
