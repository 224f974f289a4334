"""What do results look like, in each format, and how do they come to be?"""

import asyncio
import csv
import gzip
import os
import shutil
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import orjson
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
import zstandard
from pyarrow import parquet

from capillary_interactions.jobs import CustomerList, ExportError, Job
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, exported, lines_of, mobile, mobiles, names, run_job

CUSTOMERS = 60


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """A job that is done, and how many messages of each status the sandbox has served for it."""
    return asyncio.run(_original(tmp_path_factory.mktemp("done")))


@pytest.fixture
def done(original: tuple[Path, Counter[str]], tmp_path: Path) -> tuple[Path, Counter[str]]:
    """A copy of it."""
    job, served = original
    shutil.copy(job.with_name("l.csv"), tmp_path)
    return Path(shutil.copy(job, tmp_path)), served


async def _original(folder: Path) -> tuple[Path, Counter[str]]:
    job_path = folder / "list.job"
    path = mobiles(folder / "l.csv", [*range(CUSTOMERS), 1, 2])
    path.write_text(path.read_text() + ",unnamed\n")
    served: Counter[str] = Counter()
    async with Sandbox(unknown=0.1) as sandbox:
        await run_job(sandbox, path, job_path)
        for number in [*range(CUSTOMERS), 1, 2]:
            answer = sandbox.expected(mobile(number)) or {"interaction": []}
            for interaction in answer["interaction"]:
                served.update(each["status"] for each in interaction.get("messageList", ()))
    return job_path, served


async def test_agrees_with_what_was_served(done: tuple[Path, Counter[str]]) -> None:
    """DuckDB and Polars count as many messages of each status as the sandbox has."""
    job, served = done
    out = await exported(job, "o.parquet")
    with duckdb.connect() as connection:
        query = (
            "SELECT status, count(*) FROM read_parquet(?) WHERE message_id IS NOT NULL GROUP BY ALL"
        )
        counted = connection.execute(query, [str(out)]).fetchall()
    frame = pl.read_parquet(out)
    grouped = frame.filter(pl.col("message_id").is_not_null()).group_by("status").len()
    assert dict(counted) == dict(grouped.iter_rows()) == served
    assert frame["row"].n_unique() == CUSTOMERS + 3
    assert frame["row"].is_sorted()
    assert frame.schema["sent_at"] == pl.Datetime("us", "UTC")
    assert frame.schema["message_id"] == pl.Int64


async def test_says_the_same_in_every_format(done: tuple[Path, Counter[str]]) -> None:
    """CSV, packed CSV, SQLite and Parquet hold the same cells."""
    job, _ = done
    frame = pl.read_parquet(await exported(job, "o.parquet"))
    plain = (await exported(job, "o.csv")).read_bytes()
    assert gzip.decompress((await exported(job, "o.csv.gz")).read_bytes()) == plain
    packed = (await exported(job, "o.csv.zst")).read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == plain
    rows = list(csv.DictReader(plain.decode().splitlines()))
    with closing(sqlite3.connect(await exported(job, "o.sqlite"))) as connection:
        connection.row_factory = sqlite3.Row
        table = [dict(row) for row in connection.execute("SELECT * FROM messages")]
        answers = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    assert [list(row) for row in rows[:1]] == [frame.columns]
    assert [_spelled(row) for row in table] == rows
    assert [_spelled(row) for row in frame.iter_rows(named=True)] == rows
    assert answers == sum(line["outcome"] == "found" for line in await lines_of(job))


def _spelled(row: dict[str, Any]) -> dict[str, str]:
    """A row as a CSV writes it."""

    def spelled(name: str, value: Any) -> str:
        if isinstance(value, datetime):
            text = value.isoformat()
            return text.replace("+00:00", "Z")
        if name == "truncated" and value is not None:
            return "true" if value else "false"
        return "" if value is None else str(value)

    return {name: spelled(name, value) for name, value in row.items()}


async def test_writes_the_lines_of_a_lookup(done: tuple[Path, Counter[str]]) -> None:
    """Packed or not, each row has its line, in order."""
    job, _ = done
    lines = (await exported(job, "o.jsonl")).read_bytes()
    assert gzip.decompress((await exported(job, "o.jsonl.gz")).read_bytes()) == lines
    rows = [orjson.loads(line) for line in lines.splitlines()]
    assert [row["row"] for row in rows] == list(range(1, CUSTOMERS + 4))
    assert set(rows[0]) == {
        "row",
        "outcome",
        "query",
        "answer",
        "attempts",
        "elapsed",
        "waited",
        "requestId",
    }


async def test_has_a_row_for_a_customer_without_messages(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """With the list's own columns and the outcome, and nothing in the columns of messages."""
    sandbox.messages = 0
    await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), job_path)
    (row,) = pl.read_parquet(await exported(job_path, "o.parquet")).rows(named=True)
    assert (row["name"], row["outcome"], row["truncated"]) == ("N 1", "found", False)
    assert row["message_id"] is row["status"] is row["interaction"] is None


async def test_shows_everything_of_a_message(tmp_path: Path, job_path: Path) -> None:
    """Each field in its column, with its type."""
    message = {
        "id": 7,
        "receiver": "a@b.co",
        "subject": "Hello",
        "campaignId": -1,
        "status": "OPENED",
        "deliveredTime": "2024-03-01T10:00:05Z",
        "sentDate": "01-03-2024 10:00:00",
        "userId": 12,
    }
    interaction = {"name": "email", "count": 1, "messageList": [message]}
    answer = {"name": "capillary", "interaction": [interaction]}
    async with Sandbox(answers={mobile(1): answer}) as sandbox:
        await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), job_path)
    (row,) = pl.read_parquet(await exported(job_path, "o.parquet")).rows(named=True)
    assert (
        row.items()
        >= {
            "row": 1,
            "mobile": mobile(1),
            "name": "N 1",
            "identifier": mobile(1),
            "outcome": "found",
            "attempts": 1,
            "network": "capillary",
            "interaction": "email",
            "interaction_count": 1,
            "message_id": 7,
            "receiver": "a@b.co",
            "sender": None,
            "subject": "Hello",
            "campaign_id": None,
            "status": "OPENED",
            "sent_at": datetime(2024, 3, 1, 10, tzinfo=UTC),
            "delivered_at": datetime(2024, 3, 1, 10, 0, 5, tzinfo=UTC),
            "user_id": 12,
        }.items()
    )


async def test_masks_codes_where_asked(tmp_path: Path, job_path: Path) -> None:
    """One-time codes in subjects are exported only where masking is not asked for."""
    answer = {
        "name": "capillary",
        "interaction": [
            {"name": "sms", "count": 1, "messageList": [{"id": 7, "subject": "4829 is your code"}]}
        ],
    }
    async with Sandbox(answers={mobile(1): answer}) as sandbox:
        await run_job(sandbox, mobiles(tmp_path / "l.csv", [1]), job_path)
    async with Job.open(job_path) as job:
        for name in ("o.jsonl", "o.csv", "o.sqlite"):
            out = tmp_path / name
            await job.export(out, mask_codes=True)
            assert b"4829 is" not in out.read_bytes()
            assert b"**** is your code" in out.read_bytes()
            await job.export(out)
            assert b"4829 is your code" in out.read_bytes()


async def test_keeps_the_types_of_a_typed_list(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The columns of a Parquet list come out as they went in, what cannot be spelled as text."""
    columns = {
        "mobile": pa.array([919_000_000_001, None], pa.int64()),
        "score": pa.array([1.5, None], pa.float32()),
        "member": pa.array([True, None]),
        "since": pa.array([date(2020, 2, 29), None]),
        "seen": pa.array(
            [datetime(2024, 1, 1, 5, 30, tzinfo=UTC), None], pa.timestamp("us", "Asia/Kolkata")
        ),
        "local": pa.array([datetime(2024, 1, 1, 5, 30, 1), None], pa.timestamp("ms")),  # noqa: DTZ001
        "spent": pa.array([None, None], pa.decimal128(9, 2)),
        "tier": pa.array(["gold", None]).dictionary_encode(),
        "tags": pa.array([["a", "b"], None]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "l.parquet")
    await run_job(sandbox, tmp_path / "l.parquet", job_path)
    table = parquet.read_table(await exported(job_path, "o.parquet"))
    first: dict[int, dict[str, Any]] = {}
    for row in table.to_pylist():
        first.setdefault(row["row"], row)
    given = pa.table(columns).to_pylist()
    for name, column in columns.items():
        if name == "tags":
            assert first[1][name] == '["a","b"]'
            continue
        assert [first[1][name], first[2][name]] == [row[name] for row in given]
        if name != "tier":
            assert table.schema.field(name).type == column.type
    assert first[1]["seen"].astimezone(ZoneInfo("UTC")).hour == 5
    assert first[2]["outcome"] == "rejected"


async def test_keeps_the_keys_of_json_objects(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Every key is a column, numbers have their digits, and what is nested is JSON."""
    path = tmp_path / "l.jsonl"
    path.write_text(
        '{"mobile": 919000000001, "n": 12345678901234567890}\n'
        '{"mobile": "919000000002", "b": true, "l": [1, {"é": null}]}\n[]\n'
    )
    sandbox.messages = 0
    await run_job(sandbox, path, job_path)
    rows = list(csv.DictReader((await exported(job_path, "o.csv")).read_text("utf-8").splitlines()))
    own = [[row[name] for name in ("mobile", "n", "b", "l")] for row in rows]
    assert own == [
        ["919000000001", "12345678901234567890", "", ""],
        ["919000000002", "", "true", '[1, {"é": null}]'],
        ["[]", "", "", ""],  # no row, and still there to be mended
    ]


async def test_leaves_out_what_is_open(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Results can be had at any time, of the rows that have ended."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(9)), job_path)
    with closing(sqlite3.connect(job_path)) as connection:
        connection.execute("DELETE FROM outcome WHERE first IN (2, 5)")
        connection.commit()
    async with Job.open(job_path) as job:
        assert await job.export(tmp_path / "o.jsonl") == 7
    assert [line["row"] for line in await lines_of(job_path)] == [1, 3, 4, 6, 7, 8, 9]


async def test_can_be_had_while_it_is_run(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """An export during a run is of one moment, and the run goes on."""
    sandbox.latency = 0.01
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(300)), identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        run = asyncio.create_task(job.run(client))
        while sandbox.counts.answered < 20:
            await asyncio.sleep(0.01)
        async with Job.open(job_path) as other:
            while not (done := (await other.status()).done):
                await asyncio.sleep(0.01)
            assert done <= await other.export(tmp_path / "o.csv") < 300
        assert (await run).complete


@pytest.mark.parametrize(
    ("name", "form"),
    [("o.txt", None), ("o", None), ("o.parquet.gz", None), ("o.gz", None), ("o.csv", "xlsx")],
)
async def test_refuses_a_format_it_does_not_know(
    done: tuple[Path, Counter[str]], name: str, form: str | None
) -> None:
    """The endings that it knows are named."""
    async with Job.open(done[0]) as job:
        with pytest.raises(ExportError, match="jsonl"):
            await job.export(done[0].with_name(name), format=form)
    assert name not in names(done[0].parent)


async def test_takes_a_format_for_any_name(done: tuple[Path, Counter[str]]) -> None:
    """A given format counts before the ending."""
    async with Job.open(done[0]) as job:
        await job.export(done[0].with_name("o.dat"), format="parquet")
    assert pl.read_parquet(done[0].with_name("o.dat")).height > CUSTOMERS


async def test_replaces_what_is_there_in_one_step(
    done: tuple[Path, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the new result is whole the old one stands, and no rubbish stays when that fails."""
    job, _ = done
    out = job.with_name("o.csv")
    out.write_text("old")
    out.chmod(0o640)
    link = job.with_name("link.csv")
    link.symlink_to(out)
    async with Job.open(job) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            with pytest.raises(ExportError, match=r"o.csv cannot be written: No space left"):
                await opened.export(out)
        assert out.read_text() == "old"
        assert names(job.parent, ".*") == []
        await opened.export(link)
    assert link.is_symlink()
    assert out.read_text().startswith("row,")
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


async def test_lets_only_one_write_a_result(done: tuple[Path, Counter[str]]) -> None:
    """A second writer of the same file is refused while the first one writes."""
    import fcntl  # noqa: PLC0415 - not on every system

    with done[0].with_name(".o.csv.part").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ExportError, match="by another process"):
            await exported(done[0], "o.csv")
