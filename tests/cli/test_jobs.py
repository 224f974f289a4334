"""The commands around a job: `bulk` that goes on, and `jobs`."""

import csv
import gzip
import io
import sys
from pathlib import Path

import orjson
import polars as pl
import pytest

from capillary_interactions.jobs import Job
from capillary_interactions.sandbox import SandboxProcess

from .program import invoke, json_lines
from .workspace import Workspace


def test_keeps_a_job_beside_its_file(workspace: Workspace, server: SandboxProcess) -> None:
    """The same command again sends nothing, and writes the file again."""
    first = workspace.bulk()
    written = workspace.out.read_bytes()
    workspace.out.unlink()
    again = workspace.bulk()

    assert (first.code, again.code) == (0, 0)
    assert workspace.out.read_bytes() == written
    assert [line["row"] for line in json_lines(written.decode())] == list(range(1, 11))
    assert server.counts().received == 10
    assert f"written to {workspace.out}; {workspace.job} keeps the job" in first.err
    assert "going on with " in again.err
    assert "0 requests" in again.err


def test_goes_on_after_refused_credentials(workspace: Workspace, server: SandboxProcess) -> None:
    """Nothing is lost, and the error says what was wrong."""
    refused = workspace.bulk(CAPILLARY_PASSWORD="hunter22")
    ran = workspace.bulk()

    assert (refused.code, ran.code) == (3, 0)
    assert refused.err.startswith("error: the credentials are refused: ")
    assert "the same command again goes on" in refused.err
    assert "hunter22" not in refused.err
    assert len(json_lines(workspace.out.read_text())) == 10


def test_goes_on_with_rows_that_were_added(workspace: Workspace, server: SandboxProcess) -> None:
    """The same command asks for the new customers only, and writes all rows."""
    workspace.bulk()
    workspace.write([*range(1, 11), 11, 3, 12])
    grown = workspace.bulk()
    again = workspace.bulk()

    assert (grown.code, again.code) == (0, 0)
    assert "13 of 13 rows done: 13 found\n3 rows added to the list since\n" in grown.err
    assert "2 requests" in grown.err
    assert "added" not in again.err
    assert server.counts().received == 12
    assert [line["row"] for line in json_lines(workspace.out.read_text())] == list(range(1, 14))


def test_stops_at_its_limit(workspace: Workspace, server: SandboxProcess) -> None:
    """With exit code 0 and the way on; the result comes with the last row."""
    first = workspace.bulk("--limit", "4")
    status = workspace.jobs("status")
    written = workspace.out.exists()
    second = workspace.bulk("--limit", "6")

    assert (first.code, status.code, second.code) == (0, 1, 0)
    assert "stopped after 4 customers (--limit): the same command goes on" in first.err
    assert "it stopped: its limit was 4 customers" in status.err
    assert not written
    assert "--limit" not in second.err
    assert server.counts().received == 10
    assert len(json_lines(workspace.out.read_text())) == 10


def test_stops_a_stream_at_its_limit(workspace: Workspace, server: SandboxProcess) -> None:
    """Rows that cannot be asked for do not count; the rest of the list is not read."""
    text = f"{workspace.text([1])}x,bad\n{workspace.text([2, 3])}"
    ran = invoke(
        *("bulk", "-", "--identifier", "mobile", "--out", "-", "--limit", "2"),
        stdin=text,
        env=workspace.settings,
    )

    assert ran.code == 1
    assert [line["outcome"] for line in ran.lines()] == ["found", "rejected", "rejected", "found"]
    assert "stopped after 2 customers (--limit)" in ran.err
    assert server.counts().received == 2


def test_refuses_another_list_and_other_settings(workspace: Workspace) -> None:
    """With a way on, and nothing asked; a new start has to be wished for."""
    workspace.bulk()
    settings = workspace.bulk("--type", "email")
    workspace.write(range(2, 13))
    changed = workspace.bulk()
    anew = workspace.bulk("--restart", "--type", "email")

    assert (settings.code, changed.code, anew.code) == (2, 2, 0)
    assert "type was not given and is email" in settings.err
    assert "has changed since its job began" in changed.err
    for ran in (settings, changed):
        assert ran.err.splitlines()[-1].startswith("error: ")
        assert "--restart" in ran.err
    assert len(json_lines(workspace.out.read_text())) == 11


def test_asks_again_for_what_was_unavailable(workspace: Workspace, server: SandboxProcess) -> None:
    """`jobs retry`, and then the same command."""
    server.change(answers={"919000000003": (503, {}, b"{}")})
    first = workspace.bulk(CAPILLARY_ATTEMPTS="1")
    status = workspace.jobs("status")
    server.change(answers=None)
    retried = workspace.jobs("retry")
    again = workspace.bulk()

    assert (first.code, status.code, retried.code, again.code) == (1, 1, 0, 0)
    assert "row 3 (9*********03) unavailable: " in first.err
    assert f"jobs retry {workspace.job}" in first.err
    assert "10 of 10 rows done: 9 found, 1 unavailable" in status.err
    assert "1 row is open again" in retried.err
    assert "10 of 10 rows done: 10 found" in again.err
    assert server.counts().received == 11


def test_tells_how_far_a_job_is(workspace: Workspace) -> None:
    """In words, and as JSON."""
    workspace.bulk()

    words = workspace.jobs("status")
    figures = orjson.loads(workspace.jobs("status", "--json").out)

    assert words.code == 0
    assert "10 of 10 rows done: 10 found" in words.err
    assert (figures["rows"], figures["done"], figures["open"], figures["complete"]) == (
        10,
        10,
        0,
        True,
    )
    assert figures["endings"]["found"] == 10
    assert figures["lastRun"]["requests"] == 10


@pytest.mark.parametrize("name", ["more.csv", "more.csv.gz", "more.parquet", "more.jsonl"])
def test_writes_results_in_any_format(workspace: Workspace, name: str) -> None:
    """As many formats as anybody wants, from one job."""
    workspace.bulk()
    target = workspace.out.with_name(name)

    ran = workspace.jobs("export", "--out", str(target))

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
        assert content == workspace.out.read_bytes()


def test_writes_results_where_they_belong_or_to_a_pipe(workspace: Workspace) -> None:
    """Without a name they go to the job's own file, with - to standard output."""
    workspace.bulk()
    written = workspace.out.read_text()
    workspace.out.unlink()

    assert workspace.jobs("export").code == 0
    assert workspace.out.read_text() == written
    assert workspace.jobs("export", "--out", "-").out == written


def test_draws_a_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is wanted, or beside the results; what is in it is the jobs' own matter."""
    workspace.bulk()
    named, beside = (
        workspace.out.with_name("report.html"),
        workspace.out.with_name("out.jsonl.html"),
    )
    pages = []

    async def write_report(_: Job, path: Path) -> None:
        pages.append(path)

    monkeypatch.setattr(Job, "write_report", write_report)
    first = workspace.jobs("report", "--out", str(named))
    second = workspace.jobs("report")

    assert (first.code, second.code, first.out) == (0, 0, "")
    assert first.err == f"written to {named}; open it with a browser\n"
    assert f"written to {beside}" in second.err
    assert pages == [named, beside]


def test_says_what_a_page_needs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is there, and the library that draws."""
    workspace.bulk()
    out = workspace.out.with_name("no") / "report.html"
    nowhere = workspace.jobs("report", "--out", str(out))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    undrawn = workspace.jobs("report", "--out", str(workspace.out.with_name("report.html")))

    assert (nowhere.code, undrawn.code) == (2, 2)
    assert nowhere.err == f"error: {out}: No such file or directory\n"
    assert undrawn.err == (
        "error: matplotlib is not installed; reports need the extra report: "
        "pip install 'capillary_interactions[report]'\n"
    )


@pytest.mark.parametrize("command", ["status", "retry", "export", "report"])
def test_says_where_there_is_no_job(workspace: Workspace, command: str) -> None:
    """A wrong name is named."""
    ran = workspace.jobs(command)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: there is no job at {workspace.job}\n"


def test_needs_a_name_for_results(workspace: Workspace) -> None:
    """Of a job that is not named like one, and of a format that is one."""
    workspace.bulk()
    workspace.job.rename(workspace.job.with_name("moved"))
    workspace.job = workspace.job.with_name("moved")

    assert "--out is needed" in workspace.jobs("export").err
    assert "may end in" in workspace.jobs("export", "--out", "x.txt").err


def test_pauses_and_gives_up(workspace: Workspace, server: SandboxProcess) -> None:
    """Nothing of the list is spent on a server that is down."""
    workspace.write(range(100))
    server.change(faults={"error_500": 1.0})

    down = workspace.bulk("--give-up-after", "10", "--patience", "0.7", CAPILLARY_ATTEMPTS="1")
    server.change(faults=0.0)
    up = workspace.bulk()

    assert (down.code, up.code) == (3, 0)
    assert "pausing: no answers any more" in down.err
    assert "lookups in a row had no answer" in down.err
    assert "100 rows in " in up.err


def test_stops_at_the_wrong_column(workspace: Workspace, server: SandboxProcess) -> None:
    """A list of names is not asked to its end."""
    rows = "".join(f"\x07{n},x\n" for n in range(200))
    workspace.list.write_text(f"mobile,name\n{rows}")

    stopped = workspace.bulk()
    accepted = workspace.bulk("--accept-rejected")

    assert (stopped.code, accepted.code) == (3, 1)
    assert "--accept-rejected goes on" in stopped.err
    assert "200 of 200 rows done: 200 rejected" in accepted.err


def test_reads_a_list_as_it_is_told(workspace: Workspace) -> None:
    """No header, another delimiter, an old encoding."""
    workspace.list.write_bytes("José|919000000001\nÄnne|919000000002\n".encode("cp1252"))
    options = ("--no-header", "--column", "2", "--delimiter", "|", "--encoding", "cp1252")

    ran = workspace.bulk(*options, "--format", "csv")

    assert ran.code == 0
    assert workspace.jobs("export", "--out", str(workspace.out.with_name("o.csv"))).code == 0
    assert "José" in workspace.out.with_name("o.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--no-header",), "--no-header needs --column"),
        (("--encoding", "klingon"), "no encoding"),
        (("--delimiter", "||"), "delimiter must be one character"),
        (("--patience", "-1"), "--patience"),
    ],
)
def test_refuses_what_cannot_be_read(
    workspace: Workspace, options: tuple[str, ...], message: str
) -> None:
    """In one line, before anything is asked."""
    ran = workspace.bulk(*options)

    assert ran.code == 2
    assert message in ran.err
    assert not workspace.job.exists()
