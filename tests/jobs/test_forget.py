"""One customer is deleted from a job for good: no byte is left, and no later run asks for them."""

import asyncio
import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import IdentifierName
from capillary_interactions.jobs import (
    CustomerList,
    Job,
    JobChangedError,
    JobInUseError,
    JobStoreError,
)
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.same_customer import SameCustomer
from capillary_interactions.jobs._store import connection as connection_module
from capillary_interactions.jobs._store import store as store_module
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, lines_of, mobile, mobiles, names, run_job, write_csv

_ASHA = "919738522695"
_MARKS = (b"97385", b"22695", b"Asha", b"Secret subject")


def _answer(subject: str) -> Any:
    message = {"id": 1, "subject": subject, "receiver": "x"}
    return {"interaction": [{"name": "email", "count": 1, "messageList": [message]}]}


def _bytes(job: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(job.parent.glob(f"{job.name}*")))


def _found(job: Path) -> list[bytes]:
    """Which marks of the customer are in the bytes of a job, its log included."""
    content = _bytes(job)
    return [mark for mark in _MARKS if mark in content]


async def _forget(job_path: Path, value: str = _ASHA, name: str = "mobile") -> tuple[int, int]:
    async with Job.open(job_path) as job:
        forgotten = await job.forget(name, value)
    return forgotten.rows, forgotten.mentions


def _people(folder: Path) -> Path:
    rows = [
        ("mobile", "name"),
        (mobile(1), "Bala"),
        ("097385 22695", "Asha"),
        (mobile(2), "Carl"),
        ("+91 97385-22695", "Asha K"),
        ("97385x22695", "Asha rejected"),
        (mobile(3), "Devi"),
        (_ASHA, "Asha"),
    ]
    return write_csv(folder / "l.csv", rows)


async def _run(sandbox: Sandbox, path: Path, job_path: Path, **options: Any) -> Any:
    customers = CustomerList(path, identifier="mobile")
    async with (
        client_of(sandbox, phone_region="IN") as client,
        Job.open(job_path, customers) as job,
    ):
        return await job.run(client, **options)


@pytest.mark.parametrize("deleted", [False, True])
async def test_leaves_no_byte_and_asks_no_more(
    tmp_path: Path, job_path: Path, *, deleted: bool
) -> None:
    """In all spellings, rejected rows included, and of an outcome that was deleted before."""
    path = _people(tmp_path)
    async with Sandbox(unknown=0, answers={_ASHA: _answer("Secret subject")}) as sandbox:
        await _run(sandbox, path, job_path)
        if deleted:
            # Not by `retry`, which here would empty the whole page.
            with closing(sqlite3.connect(job_path)) as connection, connection:
                connection.execute("PRAGMA secure_delete = OFF")
                connection.execute("DELETE FROM outcome WHERE first = 2")
        assert _found(job_path) == [*_MARKS]
        assert await _forget(job_path, "+91 (97385) 22695") == (4, 0)
        assert _found(job_path) == []
        report = await _run(sandbox, path, job_path)

    assert _found(job_path) == []
    assert sandbox.received_for(_ASHA) == 1
    assert report.complete
    assert (report.status.rows, report.status.done, report.status.forgotten) == (7, 3, 4)
    assert report.status.duplicates == 0
    assert [(line["row"], line["outcome"]) for line in await lines_of(job_path)] == [
        (1, "found"),
        (3, "found"),
        (6, "found"),
    ]


async def test_recognises_them_in_rows_that_are_read_later(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """However they are spelled there; others are asked for."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3])
    await run_job(sandbox, path, job_path)
    assert await _forget(job_path, mobile(2)) == (1, 0)
    later = f"{mobile(2)},x\r\n+91 9000-000-002,x\r\n{mobile(2)}x,y\r\n{mobile(4)},y\r\n"
    path.write_text(f"{path.read_text()}{later}")
    report = await run_job(sandbox, path, job_path)
    assert (report.status.rows, report.status.forgotten) == (7, 4)
    assert (report.run.asked, report.complete) == (1, True)
    assert sandbox.received_for(mobile(2)) == 1
    assert mobile(2).encode() not in _bytes(job_path)


async def test_goes_on_with_a_list_that_they_are_taken_out_of(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """As its owner has to; with new rows, once more, and not with others missing."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, 2, 4])
    await run_job(sandbox, path, job_path)
    await _forget(job_path, mobile(2))
    for numbers, rows, asked in [
        ([1, 3, 4], 5, 0),
        ([1, 3, 4], 5, 0),
        ([1, 3, 4, 2, 5, 3], 8, 1),
        ([1, 3, 4, 2, 5, 3, 6], 9, 1),
    ]:
        report = await run_job(sandbox, mobiles(path, numbers), job_path)
        assert (report.status.rows, report.run.asked, report.complete) == (rows, asked, True)
    await _forget(job_path, mobile(4))
    await run_job(sandbox, path, job_path)
    with pytest.raises(JobChangedError, match=r"its rows differ|it had"):
        await run_job(sandbox, mobiles(path, [1, 5, 3, 6, 7]), job_path)
    report = await run_job(sandbox, mobiles(path, [1, 3, 5, 3, 6, 7]), job_path)
    assert (report.status.rows, report.status.forgotten, report.run.asked) == (10, 4, 1)
    assert [line["row"] for line in await lines_of(job_path)] == [1, 3, 7, 8, 9, 10]
    assert [sandbox.received_for(mobile(n)) for n in range(1, 8)] == [1] * 7


async def test_says_which_row_differs_where_others_are_forgotten(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The list is compared as before: their rows are still in it."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, 4])
    await run_job(sandbox, path, job_path)
    await _forget(job_path, mobile(2))
    mobiles(path, [1, 2, 9, 4])
    with pytest.raises(JobChangedError, match="its row 3 differs"):
        await run_job(sandbox, path, job_path)


@table(
    ("name", "value", "spellings", "others"),
    [
        (
            "mobile",
            _ASHA,
            ["+91 97385 22695", "tel 91(97385)22695"],
            ["9738522695"],
        ),
        ("email", "asha@example.com", [" Asha@Example.COM"], ["asha@example.co", "a@b.c"]),
        ("external_id", "AB1", ['="AB1"', "'AB1"], ["ab1", "AB12"]),
    ],
)
def test_recognises_spellings_of_one_customer(
    name: str, value: str, spellings: list[str], others: list[str]
) -> None:
    """Numbers by their digits, addresses in any case, other identifiers as they are."""
    same = SameCustomer(QueryTemplate(name=IdentifierName(name)), value)
    assert all(map(same.is_spelled, [value, *spellings]))
    assert not any(map(same.is_spelled, others))


async def test_finds_them_in_rows_that_are_not_in_the_format_of_the_list(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A broken or shifted row of theirs goes, a rejected one of another customer stays."""
    broken = (
        f'{mobile(9)}x,"{mobile(2)}"\n,{mobile(2)}\nnone,{mobile(2)}\n{mobile(3)},"a"{mobile(2)}\n'
    )
    (tmp_path / "l.csv").write_text(f"mobile,contact\n{mobile(1)},\n{mobile(2)},\n{broken}")
    await run_job(sandbox, tmp_path / "l.csv", job_path)
    assert await _forget(job_path, mobile(2)) == (4, 1)
    assert _bytes(job_path).count(mobile(2).encode()) == 1


async def test_names_what_it_leaves(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Mentions in other rows, and results; what a killed export has left is removed."""
    rows = [("mobile", "contact"), (mobile(1), mobile(2)), (mobile(2), ""), (mobile(3), "")]
    await run_job(sandbox, write_csv(tmp_path / "l.csv", rows), job_path)
    async with Job.open(job_path) as job:
        await job.export(tmp_path / "out.csv")
        await job.export(tmp_path / "gone.csv")
        (tmp_path / "gone.csv").unlink()
        (tmp_path / ".out.csv.part").write_bytes(b"half")
        forgotten = await job.forget("mobile", mobile(2))
    assert (forgotten.rows, forgotten.mentions) == (1, 1)
    assert forgotten.exports == (tmp_path / "out.csv",)
    assert names(tmp_path) == ["l.csv", "list.job", "out.csv"]


async def test_is_done_again_after_a_kill(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between deleting and clearing: the rows are gone, the bytes with the second call."""
    await _run(sandbox, _people(tmp_path), job_path)

    def killed(*_: object) -> None:
        raise JobStoreError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "clear_deleted", killed)
        with closing(sqlite3.connect(job_path)) as reader:
            # Else closing the job would empty the log.
            reader.execute("SELECT count(*) FROM row").fetchone()
            with pytest.raises(JobStoreError, match="killed"):
                await _forget(job_path)
            assert b"Asha" in _found(job_path)
    assert await _forget(job_path) == (0, 0)
    assert _found(job_path) == []


async def test_says_that_another_program_keeps_the_bytes(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export, say, that reads a snapshot; nothing is lost, and it is done again."""
    await _run(sandbox, _people(tmp_path), job_path)
    monkeypatch.setattr(connection_module, "_BUSY_TIMEOUT", 0.02)
    with closing(sqlite3.connect(job_path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM row").fetchone()
        with pytest.raises(JobInUseError, match="forget them again when it has ended"):
            await _forget(job_path)
        reader.rollback()
    assert await _forget(job_path) == (0, 0)
    assert _found(job_path) == []


async def test_waits_for_no_run(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """One that is under way might ask for them; and other kinds of identifiers are refused."""
    path = mobiles(tmp_path / "l.csv", range(3000))
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        running = asyncio.create_task(job.run(client))
        while not job.is_running:
            await asyncio.sleep(0)
        with pytest.raises(JobInUseError):
            await _forget(job_path, mobile(1))
        job.stop()
        await running
        with pytest.raises(ValueError, match="named by their mobile"):
            await job.forget("email", "a@b.co")
        with pytest.raises(ValueError, match="no mobile, however it is written"):
            await job.forget("mobile", "nothing")


async def test_recognises_them_in_a_pipe(sandbox: Sandbox, job_path: Path) -> None:
    """Whose rows are given again from the beginning."""

    def piped(*numbers: int) -> CustomerList:
        text = "mobile\n" + "".join(f"{mobile(n)}\n" for n in numbers)
        return CustomerList(io.BytesIO(text.encode()), identifier="mobile")

    await run_job(sandbox, piped(1, 2, 3), job_path)
    await _forget(job_path, mobile(2))
    report = await run_job(sandbox, piped(1, 2, 3, 2, 4), job_path)
    assert (report.status.forgotten, report.run.asked, report.complete) == (2, 1, True)
    assert sandbox.received_for(mobile(2)) == 1
