"""What does the report of a job say, and what does it keep to itself?"""

import asyncio
import re
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pytest
from attrs import frozen

from capillary_interactions import RateLimit
from capillary_interactions._text.masking import mask
from capillary_interactions.jobs import (
    CustomerList,
    ExportError,
    Job,
    NoJobError,
    check_report,
)
from capillary_interactions.jobs._report import summary
from capillary_interactions.jobs._report.summary import read_summary
from capillary_interactions.jobs._store.queries import failures
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, mobile, mobiles, names, run_job
from .pages import Page, read_page, report_of

_CUSTOMERS = 60
_DOWN: Final[tuple[int, dict[str, str], bytes]] = (503, {}, b"<html>down</html>")


@frozen
class Done:
    """A job with every ending: its report, and the messages of each status behind it."""

    path: Path
    written: str
    page: Page
    served: Counter[str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One job for all tests that only read."""
    return asyncio.run(_done(tmp_path_factory.mktemp("done")))


async def _done(folder: Path) -> Done:
    path = mobiles(folder / "l.csv", [*range(_CUSTOMERS), 1, 2])
    path.write_text(path.read_text() + ",unnamed\n")
    served: Counter[str] = Counter()
    answers: dict[str, Any] = {
        mobile(3): _DOWN, mobile(4): {"interaction": 7}, mobile(5): (400, {}, b"{}"),
    }  # fmt: skip
    async with Sandbox(unknown=0.1, answers=answers) as sandbox:
        await run_job(sandbox, path, folder / "list.job")
        for number in set(range(_CUSTOMERS)) - {3, 4, 5}:
            answer = sandbox.expected(mobile(number)) or {"interaction": []}
            for interaction in answer["interaction"]:
                served.update(each["status"] for each in interaction.get("messageList", ()))
    written = await report_of(folder / "list.job")
    return Done(folder / "list.job", written, read_page(written), served)


async def test_shows_the_job_in_figures(done: Done) -> None:
    """The head and the table of endings say what `report()` says."""
    page = done.page
    async with Job.open(done.path) as job:
        report = await job.report()
    counted = {name: number for name, number in report.status.endings.items() if number}

    assert page.headings[0] == "l.csv"
    assert page.counts("Rows by how they ended") == {
        name.replace("_", " "): number for name, number in counted.items()
    }
    assert len(counted) == 5
    assert (page.tiles["Rows"], page.tiles["Done"]) == (f"{_CUSTOMERS + 3}", f"{_CUSTOMERS + 3}")
    assert page.tiles["Requests"] == f"{report.run.requests}"
    assert page.tiles["Retries"] == f"{report.run.retries}" == "1"
    assert "Every row has ended" in page.words
    assert "2 rows with the customer of an earlier row" in page.words


def test_counts_the_messages_of_each_customer_once(done: Done) -> None:
    """By status as they were served; by channel and by month they are as many."""
    page, served = done.page, done.served

    assert page.counts("Messages by status") == served
    assert sum(page.counts("Messages by channel").values()) == served.total()
    assert sum(page.counts("Messages by month").values()) == served.total()


def test_tells_the_pace_slice_by_slice(done: Done) -> None:
    """All lookups and their requests are in the slices, and in the seconds they are few of."""
    page = done.page
    rows = page.tables["Requests a second"][1:]

    assert sum(int(row[3]) for row in rows) == _CUSTOMERS
    assert sum(int(row[2]) for row in rows) == _CUSTOMERS + 1
    assert sum(int(row[4]) for row in rows) == 3
    assert sum(page.counts("The slowest seconds", 3).values()) == _CUSTOMERS
    assert {row[6] for row in rows} == {"1,000,000.0"}


def test_shows_failures_as_the_summary_does(done: Done) -> None:
    """Rows, masked customers, endings and reasons, in the order of the list."""
    page = done.page
    rows = page.tables["Rows that failed"][1:]

    assert [row[:3] for row in rows] == [
        ["4", mask(mobile(3)), "unavailable"],
        ["5", mask(mobile(4)), "unreadable"],
        ["6", mask(mobile(5)), "rejected"],
        ["63", "\N{EN DASH}", "rejected"],
    ]
    assert "503" in rows[0][3]


def test_says_of_every_drawing_what_it_shows(done: Done) -> None:
    """Each has a title, and a description with the figures of the table beside it."""
    page, served = done.page, done.served
    titles = {
        "Rows by how they ended", "Requests a second", "The slowest seconds",
        "Messages by channel", "Messages by status", "Messages by month",
    }  # fmt: skip

    assert titles <= page.charts.keys()
    for status, number in served.items():
        assert f"{number:,} {status}" in page.charts["Messages by status"]


def test_loads_and_runs_nothing(done: Done) -> None:
    """No script, no address, nothing fetched; not a customer in it."""
    page, written = done.page, done.written

    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "base", "a"})
    assert not re.search(r"https?:|//\w|@import|url\((?!#)|\bon\w+=|src=", written)
    assert "default-src 'none'" in written
    assert not any(mobile(number) in written for number in range(_CUSTOMERS))
    identities = re.findall(r'\bid="([^"]+)"', written)
    assert len(set(identities)) == len(identities)
    references = re.findall(r'(?:url\(|href=")#([\w.-]+)', written)
    assert references
    assert set(references) <= set(identities)


_ODD = (
    "</title><script>alert(1)</script>", "$x_{1}$", "@0", "状態", "مرحبا", "a" * 90,
    "to 919738522695", "x.person@example.com", " ", "\x00\x07&amp;", "${title}",
)  # fmt: skip


async def test_takes_no_text_for_markup(tmp_path: Path, job_path: Path) -> None:
    """Neither the server's, nor those of the list and its name: they are text, and masked."""
    interactions = [
        {"name": word, "count": 1, "messageList": [{"status": word, "sentDate": word}]}
        for word in _ODD
    ]
    answers: dict[str, Any] = {
        mobile(1): {"name": "twitter", "interaction": interactions},
        mobile(2): {"errors": [{"status": False, "code": 8002, "message": "<b>no</b> $ {y}"}]},
    }
    path = mobiles(tmp_path / "a&b <i>.csv", [1, 2])
    path.write_text(path.read_text() + "<u>,x\n")
    async with Sandbox(answers=answers, unknown=1) as sandbox:
        await run_job(sandbox, path, job_path)
    written = await report_of(job_path)
    page = read_page(written)

    assert page.headings[0] == "a&b <i>.csv"
    assert page.tags.isdisjoint({"script", "b", "i", "u"})
    assert "<b>no</b> $ {y}" in page.tables["Rows that failed"][1][3]
    shown = page.counts("Messages by status")
    assert shown.keys() >= {
        "</title><script>alert(1)</script>",
        "$x_{1}$",
        "@0",
        "状態",
        "مرحبا",
    }
    assert shown.keys() >= {"not given", "to 9*********95", "x***@***.com", "&amp;", "${title}"}
    assert "919738522695" not in written
    assert "x.person" not in written
    assert "No message has a date that can be read." in page.words


async def test_counts_what_is_refreshed_and_forgotten(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Also where customers are still to be asked once more."""
    path = mobiles(tmp_path / "l.csv", range(20))
    await run_job(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        await job.forget("mobile", mobile(1))
    await run_job(sandbox, path, job_path, refresh=timedelta(), limit=5)
    page = read_page(await report_of(job_path))

    assert (page.tiles["Rows"], page.tiles["Done"]) == ("19", "19")
    assert "5 answers refreshed · 1 row of customers who are forgotten" in page.words
    text = (
        "14 customers still to be asked once more; the last run stopped: its limit was 5 customers"
    )
    assert text in page.words
    assert "100.0 %" in page.tables["Rows by how they ended"][1]


async def test_reads_a_job_that_is_half_done(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Open rows are among the endings, and the reason why it stopped is shown."""
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(120)), identifier="mobile")
    sandbox.latency = 0.05
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        await job.run(client, progress=lambda so_far: job.stop(0) if so_far.asked else None)
        status = await job.status()
    page = read_page(await report_of(job_path))
    rows = page.counts("Rows by how they ended")

    assert 0 < status.open < status.rows
    assert rows["still open"] == status.open
    text = f"{status.open} rows still open; the last run stopped: it was asked to stop"
    assert text in page.words


@pytest.mark.parametrize("name", ["", "l.csv"])
async def test_reads_a_job_in_which_nothing_has_ended(job_path: Path, name: str) -> None:
    """It is there, and the page says that there is nothing to see."""
    settings = {"api": "v1.1", "network": None, "type": None, "identifier": "mobile"}
    with closing(Store(job_path, create=True)) as store:
        store.initialise({"customers": name, "settings": {**settings, "timezone": "+19800"}})
        if name:
            store.start_run(5.0)
    page = read_page(await report_of(job_path))

    assert page.headings[0] == (name or job_path.name)
    assert read_summary(job_path).zone == "UTC+05:30"
    assert page.counts("Rows by how they ended") == {}
    for said in ("No lookup has ended yet.", "The answers hold no messages.", "None."):
        assert said in page.words


async def test_has_no_drawing_of_no_messages(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Answers without messages are answers."""
    sandbox.messages = 0
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(5)), job_path)
    page = read_page(await report_of(job_path))

    assert "The answers hold no messages." in page.words
    assert page.counts("Rows by how they ended") == {"found": 5}
    assert not any(title.startswith("Messages") for title in page.charts)


async def test_adds_runs_up(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Figures are of all runs, each with its own quota."""
    path = mobiles(tmp_path / "l.csv", range(80))
    customers = CustomerList(path, identifier="mobile")
    sandbox.latency = 0.01
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        first = await job.run(client, progress=lambda _: job.stop())
    async with (
        client_of(sandbox, rate=RateLimit(500, 1.0)) as client,
        Job.open(job_path, customers) as job,
    ):
        second = await job.run(client)
    seen = read_summary(job_path)

    assert [run.figures for run in seen.runs] == [first.run, second.run]
    total = seen.total
    assert total.requests == first.run.requests + second.run.requests == 80
    assert total.seconds == pytest.approx(first.run.seconds + second.run.seconds)
    assert second.run.quota < total.quota < first.run.quota
    assert "2 runs" in read_page(await report_of(job_path)).words


async def test_can_be_had_while_a_job_is_run(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The report is of one moment, and the run goes on."""
    sandbox.latency = 0.01
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(200)), identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        run = asyncio.create_task(job.run(client))
        while sandbox.counts.answered < 20:
            await asyncio.sleep(0.01)
        while not (await job.status()).done:
            await asyncio.sleep(0.01)
        page = read_page(await report_of(job_path))
        assert (await run).complete
    rows = page.tables["Requests a second"][1:]
    ended = page.counts("Rows by how they ended")
    ended.pop("still open", None)

    assert 0 < sum(ended.values()) == sum(int(row[3]) for row in rows) <= 200


async def test_is_of_one_moment(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded while the job is read is not half in it."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(5)), job_path)

    def slow(*asked: Any) -> Any:
        with closing(sqlite3.connect(job_path)) as connection:
            connection.execute("UPDATE tally SET count = count + 1000")
            connection.commit()
        return failures(*asked)

    monkeypatch.setattr(summary, "failures", slow)
    seen = read_summary(job_path)

    lookups = sum(part.slice.lookups for part in seen.throughput.slices)
    assert seen.status.done == lookups == 5
    assert read_summary(job_path).status.done == 1005


async def test_replaces_what_is_there_in_one_step(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A report that cannot be written leaves the old one alone; equal jobs give equal drawings."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(9)), job_path)
    out = job_path.with_name("report.html")
    out.write_text("old")
    (tmp_path / "folder").mkdir()
    async with Job.open(job_path) as job:
        for place in (
            tmp_path / "folder",
            tmp_path / "no" / "o.html",
            job_path,
            tmp_path / "l.csv",
        ):
            with pytest.raises(ExportError):
                await job.write_report(place)
        assert out.read_text() == "old"
        assert (tmp_path / "l.csv").read_text().startswith("mobile,name\n")
        await job.write_report(out)
    drawn = re.findall("<svg.*?</svg>", out.read_text("utf-8"), re.DOTALL)
    again = re.findall("<svg.*?</svg>", await report_of(job_path), re.DOTALL)

    assert drawn == again
    assert names(tmp_path, ".*") == []


async def test_says_that_there_is_no_job(job_path: Path) -> None:
    """And makes none."""
    async with Job.open(job_path) as job:
        with pytest.raises(NoJobError):
            await job.write_report(job_path.with_name("report.html"))
    assert names(job_path.parent) == []


def test_says_how_to_install_what_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a job is read."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExportError, match=r"pip install 'capillary_interactions\[report\]'"):
        check_report(tmp_path / "report.html")


async def test_leaves_the_users_own_settings_alone(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The settings for other drawings do not affect the report, and are kept."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), job_path)
    before = read_page(await report_of(job_path))
    with mpl.rc_context({"axes.grid": True, "font.size": 40, "svg.fonttype": "path"}):
        after = read_page(await report_of(job_path))
        assert mpl.rcParams["font.size"] == 40

    assert after.charts == before.charts
    assert "found" in after.words


async def test_does_not_keep_answers(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """One pass over the outcomes, one answer at a time: as much memory for ten times as many."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(80)), job_path)
    with closing(sqlite3.connect(job_path)) as connection:
        connection.execute("UPDATE outcome SET answer = replace(answer, '\"interaction\"', ?)",
                           (f'"padding":"{"x" * 200_000}","interaction"',))  # fmt: skip
        connection.commit()
    import tracemalloc  # noqa: PLC0415 - it slows everything down while it is on

    tracemalloc.start()
    try:
        seen = read_summary(job_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen.messages.total > 0
    assert peak < 8_000_000
