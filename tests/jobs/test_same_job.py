"""When a job stops, and which lists and settings it accepts."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Identifier,
    IdentifierName,
    Query,
    to_jsonable,
)
from capillary_interactions.jobs import (
    CustomerList,
    Job,
    JobChangedError,
    ListError,
    NoJobError,
    Progress,
    StopRules,
    WrongListError,
)
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, lines_of, mobile, mobiles, names, run_job, write_csv


async def test_stops_at_refused_credentials(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The run raises, with everything recorded so far, and goes on with others."""
    path = mobiles(tmp_path / "l.csv", range(30))
    async with (
        client_of(sandbox, auth=BasicAuth("sandbox", "wrong")) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        with pytest.raises(AuthenticationError):
            await job.run(client)
        report = await job.report()
        assert report.status.done == 0
        assert "401" in (report.run.stopped or "")
    assert (await run_job(sandbox, path, job_path)).complete


async def test_stops_at_a_list_that_looks_wrong(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Half of the first hundred rows rejected: the rest is not asked for."""
    rows = [[mobile(n)] if n % 2 else [f"{n},{n}"] for n in range(400)]
    path = write_csv(tmp_path / "l.csv", [["mobile"], *rows])
    with pytest.raises(WrongListError, match="50 of the first 100 rows are rejected"):
        await run_job(sandbox, path, job_path)
    assert sandbox.counts.received < 200
    report = await run_job(sandbox, path, job_path, stops=StopRules(rejected_share=None))
    assert report.complete
    assert report.status.endings["rejected"] == 200


async def test_stops_at_a_list_that_the_server_rejects(tmp_path: Path, job_path: Path) -> None:
    """It looks wrong, too, as soon as enough rows are rejected."""
    refused: Any = (400, {}, {"errors": [{"status": False, "code": 1015, "message": "no"}]})
    answers: dict[str, Any] = {mobile(n): refused for n in range(40, 100)}
    path = mobiles(tmp_path / "l.csv", range(3000))
    async with Sandbox(answers=answers, latency=0.01) as sandbox:
        with pytest.raises(WrongListError, match="of the first 100 rows are rejected"):
            await run_job(sandbox, path, job_path)
        assert sandbox.counts.received < 3000


async def test_accepts_a_list_with_some_bad_rows(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Bad rows further down, and fewer than half of the first, are no reason to stop."""
    bad = {*range(0, 98, 2), *range(100, 400)}
    rows = [[""] if n in bad else [mobile(n)] for n in range(400)]
    path = write_csv(tmp_path / "l.csv", [["mobile", "x"], *([*row, "x"] for row in rows)])
    report = await run_job(sandbox, path, job_path)
    assert report.status.endings["rejected"] == 349


@table(
    ("list_options", "job_options", "settings", "difference"),
    [
        ({"identifier": "external_id"}, {}, {}, "identifier was mobile and is external_id"),
        ({"column": "name"}, {}, {}, "column was not given and is name"),
        ({"format": "lines"}, {}, {}, "format was csv and is lines"),
        ({"format": "jsonl"}, {}, {}, "format was csv and is jsonl"),
        ({}, {"type": "email"}, {}, "type was not given and is email"),
        ({}, {"network": "facebook"}, {}, "network was not given and is facebook"),
        ({}, {}, {"api": "v2"}, "api was v1.1 and is v2"),
        ({}, {}, {"source": "WEB"}, "source was not given and is WEB"),
        ({}, {}, {"account_id": "7"}, "account_id was not given and is 7"),
        ({}, {}, {"page_size": 7}, "page_size was not given and is 7"),
    ],
)
async def test_refuses_other_settings(
    *,
    sandbox: Sandbox,
    tmp_path: Path,
    job_path: Path,
    list_options: dict[str, Any],
    job_options: dict[str, Any],
    settings: dict[str, Any],
    difference: str,
) -> None:
    """What decides about answers must not change within one job."""
    path = mobiles(tmp_path / "l.csv", range(3))
    await run_job(sandbox, path, job_path)
    customers = CustomerList(path, **{"identifier": "mobile", **list_options})
    async with (
        client_of(sandbox, **settings) as client,
        Job.open(job_path, customers, **job_options) as job,
    ):
        with pytest.raises(JobChangedError, match=difference):
            await job.run(client)


async def test_goes_on_at_another_pace(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Credentials, rate and the like may change."""
    path = mobiles(tmp_path / "l.csv", range(3))
    await run_job(sandbox, path, job_path)
    async with (
        client_of(sandbox, auth=BasicAuth("other", "x"), in_flight=3, rate="5/1") as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        assert (await job.run(client)).complete


def _changed(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    if how == "shorter":
        return content[: content.rindex(b"\n", 0, -1) + 1]
    if how == "other middle":
        return content[:middle] + b"Z" + content[middle + 1 :]
    return content[:-2] + b"Z\n"


async def test_refuses_another_list(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """A shorter list, or one with other rows anywhere, is noticed before the first request."""
    path = mobiles(tmp_path / "l.csv", range(12_000))
    all_read = asyncio.Event()
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):

        def look(progress: Progress) -> None:
            if progress.status.whole:
                all_read.set()
                job.stop()

        await job.run(client, progress=look)
        asked = sandbox.counts.received
        assert all_read.is_set()
        content = path.read_bytes()
        for how, difference in (
            ("shorter", "it had 12,000 rows, and has 11,999"),
            ("other middle", r"its row [56],\d{3} differs"),
            ("other end", "its row 12,000 differs"),
        ):
            path.write_bytes(_changed(content, how))
            with pytest.raises(JobChangedError, match=f"changed since its job began: {difference}"):
                await job.run(client)
    assert sandbox.counts.received == asked < 20_000


async def test_accepts_a_list_that_was_only_touched(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, job_path: Path
) -> None:
    """Another date, or another path, makes no other list."""
    await run_job(sandbox, list_path, job_path)
    moved = mobiles(tmp_path / "moved.csv", range(5))
    assert (await run_job(sandbox, moved, job_path)).complete


async def test_takes_a_list_from_a_pipe(sandbox: Sandbox, job_path: Path) -> None:
    """It is stored as it is read; to go on it is given again, and must be the same."""
    content = b"mobile\n" + b"\n".join(mobile(n).encode() for n in range(20))

    def piped(text: bytes) -> CustomerList:
        return CustomerList(io.BytesIO(text), identifier="mobile")

    assert (await run_job(sandbox, piped(content), job_path)).status.rows == 20
    assert (await run_job(sandbox, piped(content), job_path)).complete
    with pytest.raises(JobChangedError):
        await run_job(sandbox, piped(content.replace(b"919", b"918")), job_path)
    assert (await run_job(sandbox, None, job_path)).complete


async def test_needs_the_rest_of_a_pipe(sandbox: Sandbox, job_path: Path) -> None:
    """A list that came only in part through a pipe has to be given again."""
    rows = b"\n".join(mobile(n).encode() for n in range(20))
    content = b"mobile\n" + rows + b"\n" * (1 << 17) + b"\xff"
    with pytest.raises(ListError, match="no UTF-8"):
        await run_job(sandbox, CustomerList(io.BytesIO(content), identifier="mobile"), job_path)
    with pytest.raises(ListError, match="came through a pipe; give it again"):
        await run_job(sandbox, None, job_path)


@table("content", ["", "\n\n", "mobile,name\n", "a,b\n1,2\n"])
async def test_leaves_nothing_behind_of_a_list_that_gives_nothing(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, content: str
) -> None:
    """No file is created that would be in the way of the right list."""
    path = tmp_path / "l.csv"
    path.write_text(content)
    with pytest.raises(ListError):
        await run_job(sandbox, path, job_path)
    assert names(tmp_path) == ["l.csv"]


async def test_looks_up_what_could_be_read_of_a_broken_list(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The rows before the fault are done, then it is raised."""
    path = mobiles(tmp_path / "l.csv", range(10))
    path.write_bytes(path.read_bytes() + b"\n" * (1 << 17) + b"\xff\xff\n")
    with pytest.raises(ListError, match="no UTF-8"):
        await run_job(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        status = await job.status()
    assert status.endings["found"] == 10
    assert not status.complete


async def test_has_no_job_where_there_is_none(sandbox: Sandbox, job_path: Path) -> None:
    """Looking at it, or running it without a list, says so."""
    async with client_of(sandbox) as client, Job.open(job_path) as job:
        for call in (job.status, job.report, job.retry):
            with pytest.raises(NoJobError, match="there is no job at"):
                await call()
        with pytest.raises(NoJobError, match="no list to begin one with"):
            await job.run(client)
        with pytest.raises(NoJobError):
            await job.export(job_path.with_suffix(".csv"))
    assert names(job_path.parent) == []


async def test_asks_for_the_filters(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """The network and the type of the job are part of every query."""
    path = mobiles(tmp_path / "l.csv", range(2))
    async with (
        client_of(sandbox) as client,
        Job.open(
            job_path, CustomerList(path, identifier="mobile"), network="capillary", type="email"
        ) as job,
    ):
        await job.run(client)
    query = Query(
        Identifier(IdentifierName.MOBILE, mobile(0)),
        network="capillary",
        type="email",
    )
    assert (await lines_of(job_path))[0]["query"] == to_jsonable(query)


async def test_names_the_list_that_the_job_belongs_to(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Another list under the same result has not changed: the job is that of another one."""
    first, other = mobiles(tmp_path / "l.csv", range(3)), mobiles(tmp_path / "l2.csv", range(1, 6))
    await run_job(sandbox, first, job_path)
    for _ in range(2):
        with pytest.raises(JobChangedError, match=r"list\.job belongs to .*/l\.csv, and"):
            await run_job(sandbox, other, job_path)
        # Of the same size, and so distinguished by its content.
        mobiles(other, [4, 5, 6])
    assert sandbox.counts.received == 3
