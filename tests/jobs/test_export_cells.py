"""Do cells that hardly any program writes come out of a job again, in every format?"""

import csv
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from capillary_interactions.jobs import ExportError
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._export.parquet_writer import write_parquet
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import exported, mobile, mobiles, run_job, write_csv

TABLES = ("o.csv", "o.parquet", "o.sqlite")
LONG = "1" * 5000


async def _tables(sandbox: Sandbox, source: Path) -> list[list[dict[str, Any]]]:
    """What each table says of each row of a list, of the columns that the list has given."""
    sandbox.messages = 0
    job = source.with_name("x.job")
    await run_job(sandbox, source, job)
    found = []
    for name in TABLES:
        out = await exported(job, name)
        if name == "o.csv":
            csv.field_size_limit(sys.maxsize)
            found.append(list(csv.DictReader(out.read_text("utf-8").splitlines())))
        elif name == "o.parquet":
            found.append(list(pl.read_parquet(out).iter_rows(named=True)))
        else:
            with closing(sqlite3.connect(out)) as connection:
                connection.row_factory = sqlite3.Row
                query = "SELECT * FROM messages"
                found.append([dict(row) for row in connection.execute(query)])
    return found


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r'"ok \ud83d"', "ok \\ud83d"),
        (r'["\ud83d", {"\udc00": 1}]', '["\\ud83d", {"\\udc00": 1}]'),
        (f"[{LONG}]", f"[{LONG}]"),
        (LONG, LONG),
        ('{"a": [1.10, 1e999, -0], "b": true}', '{"a": [1.10, 1e999, -0], "b": true}'),
        ('[[], {}, null, "é", "\\u00e9\\n"]', '[[], {}, null, "é", "é\\n"]'),
    ],
    ids=["surrogate", "nested surrogate", "nested digits", "digits", "numbers", "anything"],
)
async def test_shows_whatever_stands_in_json(
    sandbox: Sandbox, tmp_path: Path, written: str, shown: str
) -> None:
    """Half a character by its number, a number in all its digits."""
    source = tmp_path / "l.jsonl"
    source.write_text(f'{{"mobile": "{mobile(1)}", "x": {written}}}\n', "utf-8")
    for rows in await _tables(sandbox, source):
        assert [row["x"] for row in rows] == [shown]


async def test_shows_json_however_deep_it_is(sandbox: Sandbox, tmp_path: Path) -> None:
    """Deeper than the stack allows: shown or left out, and nothing breaks."""
    deep = 930
    source = tmp_path / "l.jsonl"
    lines = [
        f'{{"mobile": "{mobile(n)}", "x": {"[" * n}{"]" * n}}}\n' for n in (1, 200, deep, 3000)
    ]
    source.write_text("".join(lines))
    for rows in await _tables(sandbox, source):
        assert len(rows) == 4
        assert [row["x"] for row in rows[:2]] == ["[]", f"{'[' * 200}{']' * 200}"]


async def test_names_columns_by_whatever_keys_there_are(sandbox: Sandbox, tmp_path: Path) -> None:
    """Half a character, a NUL, and two names that are the same without it."""
    source = tmp_path / "l.jsonl"
    source.write_text(
        f'{{"mobile": "{mobile(1)}", "\\ud83d": "half", "a": "plain", "a\\u0000": "nul"}}\n'
    )
    for rows in await _tables(sandbox, source):
        (row,) = rows
        assert (row["\\ud83d"], row["a"], row["a_2"]) == ("half", "plain", "nul")


async def test_puts_what_is_too_wide_for_sqlite_into_one_column(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A list may have more columns than SQLite; what is over stands in the last as JSON."""
    names = ["mobile", "other_columns", *(f"c{n}" for n in range(2100))]
    cells = [mobile(1), "o", *(f"v{n}" for n in range(2100))]
    source = write_csv(tmp_path / "l.csv", [names, cells, [mobile(2)]])
    as_csv, as_parquet, as_sqlite = await _tables(sandbox, source)

    for row in (as_csv[0], as_parquet[0]):
        assert [row[name] for name in names] == cells
    row = as_sqlite[0]
    assert len(row) == 2000
    assert (row["row"], row["other_columns"], row["outcome"]) == (1, "o", "found")
    over = orjson.loads(row["other_columns_2"])
    assert [{**row, **over}[name] for name in names] == cells
    assert set(row) & set(over) == set()
    assert as_sqlite[1]["outcome"] == "found"
    assert set(orjson.loads(as_sqlite[1]["other_columns_2"]).values()) == {""}


async def test_writes_dates_as_text_that_nothing_else_can_hold(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A column with a date that cannot be read again is text; the others keep their types."""
    days = pa.array([19_000, 3_000_000, None], pa.int32())
    columns = {
        "mobile": pa.array([mobile(n) for n in range(3)]),
        "far": days.cast(pa.date32()),
        "near": pa.array([19_000] * 3, pa.int32()).cast(pa.date32()),
    }
    source = tmp_path / "l.parquet"
    parquet.write_table(pa.table(columns), source)
    sandbox.messages = 0
    await run_job(sandbox, source, tmp_path / "x.job")
    out = await exported(tmp_path / "x.job", "o.parquet")
    table = parquet.read_table(out)
    assert table.schema.field("near").type == pa.date32()
    assert table.schema.field("far").type == pa.string()
    first, second, third = table["far"].to_pylist()
    assert (first, third) == ("2022-01-08", None)
    assert "10183" in second


def _text_rows(count: int, bad: int) -> list[tuple[int, str]]:
    return [(n, "x" if n == bad else str(n)) for n in range(count)]


def test_begins_anew_where_a_later_cell_does_not_fit(tmp_path: Path) -> None:
    """Thousands of rows may have been written before that is seen."""
    schema = pa.schema([("n", pa.int64())]).serialize().to_pybytes()
    columns = (Column("row", "integer"), Column("n", "text", 0))
    rows = _text_rows(25_000, bad=24_999)
    write_parquet(tmp_path / "o", columns, lambda: rows, schema)
    table = parquet.read_table(tmp_path / "o")
    assert table["n"].to_pylist() == [cell for _, cell in rows]
    assert table.num_rows == 25_000


def test_tells_what_arrow_cannot_write(tmp_path: Path) -> None:
    """As any other result that cannot be written."""
    columns = (Column("row", "integer"),)
    with pytest.raises(ExportError, match="the Parquet file cannot be written"):
        write_parquet(tmp_path / "o", columns, lambda: [("no number",)], None)


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [("a.tsv", "\t"), ("a.TSV", "\t"), ("old.tsv_copy.csv", ","), ("x.tsv.csv", ",")],
)
async def test_separates_by_tabs_only_in_a_tsv(
    sandbox: Sandbox, tmp_path: Path, name: str, delimiter: str
) -> None:
    """The ending tells, not a name that has it somewhere."""
    source = write_csv(tmp_path / "l.csv", [["mobile"], [mobile(1)]])
    await run_job(sandbox, source, tmp_path / "x.job")
    out = await exported(tmp_path / "x.job", name)
    assert out.read_text("utf-8").startswith(f"row{delimiter}mobile{delimiter}")


@pytest.mark.parametrize("detected", [0, sqlite3.PARSE_DECLTYPES])
async def test_opens_sqlite_results_with_declared_types(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, detected: int
) -> None:
    """Times are ISO text with a zone either way: Python's own reader of timestamps knows none."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), job_path)
    out = await exported(job_path, "o.sqlite")
    with closing(sqlite3.connect(out, detect_types=detected)) as connection:
        ended = [at for (at,) in connection.execute("SELECT ended_at FROM messages")]
        names = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(messages)")}
    assert ended
    assert all(at.endswith("Z") and "T" in at for at in ended)
    assert (names["ended_at"], names["sent_at"]) == ("DATETIME", "DATETIME")
