"""A list that has more rows than when its job read it: the job goes on with the new ones."""

import gzip
import io
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from benchmarks._results import answers
from capillary_interactions.jobs import CustomerList, Job, JobChangedError, Report
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, exported, mobile, mobiles, run_job

_ROWS = [("mobile", "name"), *((mobile(n), f"N {n}") for n in range(1, 6))]


def _text(count: int, *, sep: str = ",", end: str = "\n", quote: str = "") -> str:
    rows = (sep.join(f"{quote}{cell}{quote}" for cell in row) for row in _ROWS[: count + 1])
    return end.join(rows) + end


def _parquet(count: int, **options: str) -> bytes:
    file = io.BytesIO()
    frame = pl.DataFrame({"mobile": [int(mobile(n)) for n in range(1, count + 1)]})
    frame.write_parquet(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _jsonl(count: int) -> bytes:
    return b"".join(b'{"mobile": "%s", "n": 1}\n' % row[0].encode() for row in _ROWS[1 : count + 1])


def _asked(sandbox: Sandbox) -> Counter[str]:
    return Counter(
        {mobile(n): count for n in range(10) if (count := sandbox.received_for(mobile(n)))}
    )


_NEW = _text(5)[len(_text(3)) :]
# The list with three rows, and with the same and two more, as different programs write them.
_GROWN = [
    ("l.csv", _text(3).encode(), _text(5).encode()),
    ("l.csv", _text(3).rstrip().encode(), _text(5).rstrip().encode()),
    # Excel saves the whole file anew: with a mark, with other ends of lines, with what separates
    # the cells where it runs, and with the rows that were once filled.
    ("l.csv", _text(3).encode(), _text(5, end="\r\n").encode("utf-8-sig")),
    ("l.csv", _text(3, end="\r\n").encode("utf-8-sig"), _text(5, sep=";", quote='"').encode()),
    ("l.csv", _text(3).encode(), f"sep=;\n{_text(5, sep=';')}".encode()),
    ("l.csv", _text(3).encode() + b",\n,\n,\n", _text(5).encode() + b",\n"),
    ("l.csv", (_text(3) + "\n\n").encode(), f"{_text(3)}\n\n{_NEW}".encode()),
    ("l.csv", _text(3).encode(), _text(5, sep="\t").encode("utf-16")),
    ("l.csv.gz", gzip.compress(_text(3).encode()), gzip.compress(_text(5).encode(), 1)),
    ("l.csv.gz", gzip.compress(_text(3).encode()),
     gzip.compress(_text(3).encode()) + gzip.compress(_NEW.encode())),
    ("l.jsonl", _jsonl(3), _jsonl(5)),
    ("l.txt", b"\n".join(row[0].encode() for row in _ROWS[1:4]),
     b"\n".join(row[0].encode() for row in _ROWS[1:6])),
    ("l.parquet", _parquet(3), _parquet(5, compression="snappy")),
]  # fmt: skip


def _known_size(job_path: Path) -> int:
    """The size of the list by which the next run knows that it need not be read."""
    with closing(Store(job_path)) as store:
        size: int = store.metadata("stamp")["size"]
    return size


async def test_goes_on_with_the_new_rows_of_each_format(sandbox: Sandbox, tmp_path: Path) -> None:
    """What counts is the rows, not the bytes; the result is that of the long list alone."""
    async with Sandbox(unknown=0) as other:
        for number, (name, before, after) in enumerate(_GROWN):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / name).write_bytes(before)
            first = await run_job(sandbox, folder / name, folder / "a.job")
            (folder / name).write_bytes(after)
            report = await run_job(sandbox, folder / name, folder / "a.job")
            fresh = await run_job(other, folder / name, folder / "b.job")

            assert (first.status.rows, report.status.rows, report.run.asked) == (3, 5, 2), name
            assert report.complete
            assert report.status.blank == fresh.status.blank
            assert _known_size(folder / "a.job") == len(after)
            ours, expected = [await exported(folder / f"{job}.job", f"{job}.csv") for job in "ab"]
            assert answers(ours) == answers(expected)
            assert set(_asked(sandbox).values()) == {number + 1}


async def test_writes_old_and_new_rows_in_the_newer_type_of_a_column(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """As pandas makes floating-point numbers of integers where one is missing further down."""
    path, out = tmp_path / "l.parquet", tmp_path / "out.parquet"
    for spent in ([1, 2], [1.0, 2.0, None, 3.5]):
        numbers = [int(mobile(n)) for n in range(len(spent))]
        pl.DataFrame({"mobile": numbers, "spent": spent}).write_parquet(path)
        await run_job(sandbox, path, job_path)
        async with Job.open(job_path) as job:
            await job.export(out)
    rows = pl.read_parquet(out).select("row", "spent").unique().sort("row")
    assert rows.rows() == [(1, 1.0), (2, 2.0), (3, None), (4, 3.5)]


async def test_answers_from_the_job_for_customers_of_the_old_rows(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A customer who is there again is not asked for, nor one who is twice in the new part."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3])
    await run_job(sandbox, path, job_path)
    report = await run_job(sandbox, mobiles(path, [1, 2, 3, 2, 4, 4, 1]), job_path)

    assert (report.status.rows, report.status.duplicates, report.complete) == (7, 3, True)
    assert report.status.endings["found"] == 7
    assert _asked(sandbox) == {mobile(n): 1 for n in (1, 2, 3, 4)}


@table(
    ("change", "message"),
    [
        # Without an end of line, the new row is joined to the last old one.
        (lambda text: text.rstrip() + f"{mobile(4)},x\n", "its row 3 differs"),
        (lambda text: text.replace("name", "city") + f"{mobile(4)},x\n", "its columns were mobile"),
        (lambda text: text.replace("N 2", "N 7") + f"{mobile(4)},x\n", "its row 2 differs"),
        (lambda text: f"{text.splitlines()[0]}\n{mobile(4)},x\n{text[12:]}", "its row 1 differs"),
        (lambda text: text[: text.rindex("9190")], "it had 3 rows, and has 2"),
    ],
)
async def test_refuses_a_list_whose_old_part_has_changed(
    sandbox: Sandbox, tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    """Before any request, with the row, and what to do; the old list is accepted again."""
    path, job_path = mobiles(tmp_path / "l.csv", [1, 2, 3]), tmp_path / "a.job"
    text = path.read_bytes().decode().replace("\r\n", "\n")
    path.write_text(text)
    await run_job(sandbox, path, job_path)
    asked = sandbox.counts.received
    path.write_text(change(text))
    with pytest.raises(JobChangedError, match=f"{message}.*more rows at its end than before"):
        await run_job(sandbox, path, job_path)
    path.write_text(text)
    assert (await run_job(sandbox, path, job_path)).complete
    assert sandbox.counts.received == asked


async def test_goes_on_with_the_new_rows_of_a_pipe_or_of_another_file(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Each kind of list after each other; the job then reads the one that it has read last."""

    def piped(count: int) -> CustomerList | Path:
        return CustomerList(io.BytesIO(_text(count).encode()), identifier="mobile")

    def file(name: str, count: int) -> Path:
        (tmp_path / name).write_text(_text(count))
        return tmp_path / name

    sources = [piped(1), piped(2), file("l.csv", 3), piped(4), file("m.csv", 5)]
    for count, source in enumerate(sources, 1):
        report = await run_job(sandbox, source, job_path)
        assert (report.status.rows, report.run.asked, report.complete) == (count, 1, True)
    assert report.status.customers.endswith("m.csv")
    with pytest.raises(JobChangedError, match="its rows differ"):
        await run_job(
            sandbox,
            CustomerList(io.BytesIO(_text(5).replace("N 1", "N 9").encode()), identifier="mobile"),
            job_path,
        )


async def test_reads_the_new_rows_of_a_run_that_was_stopped_before_them(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if killed when the list was compared and no new row stored: none may be lost."""
    path = mobiles(tmp_path / "l.csv", range(5))
    await run_job(sandbox, path, job_path)
    mobiles(path, range(10))

    async def killed(_: object) -> None:
        pass

    with monkeypatch.context() as patched:
        patched.setattr("capillary_interactions.jobs._run.job_run.JobRun.run", killed)
        await _run_without_rows(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        assert not (await job.report()).complete
    report = await run_job(sandbox, None, job_path)
    assert (report.status.rows, report.complete) == (10, True)


async def _run_without_rows(sandbox: Sandbox, path: Path, job_path: Path) -> Report:
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        return await job.run(client)
