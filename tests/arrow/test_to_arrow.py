"""Outcomes and jobs as Arrow tables."""

import sqlite3
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from capillary_interactions import Identifier
from capillary_interactions.jobs import CustomerList, ExportError, Job, NoJobError
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.tables import lookup_table, to_arrow

from .tables_under_test import MOBILES, TABLE, by_job, client_of, untimed


async def test_makes_a_table_of_outcomes(sandbox: Sandbox) -> None:
    """Of a list of them and of a stream, with the columns that a looked-up table has."""
    identifiers = [Identifier.mobile(mobile) for mobile in MOBILES[:20] if mobile]

    async with client_of(sandbox) as client:
        expected = await lookup_table(client, TABLE.slice(0, 20), identifier="mobile")
        of_list = to_arrow(await client.lookup_all(identifiers))
        async with client.stream(identifiers, ordered=True) as outcomes:
            of_stream = await to_arrow(outcomes)

    expected = untimed(expected).drop_columns(["shop", "mobile"])
    assert untimed(of_list).equals(expected)
    assert untimed(of_stream).equals(expected)
    assert of_list["ended_at"].null_count == of_list.num_rows
    assert of_stream["ended_at"].null_count == 0


def test_makes_an_empty_table_of_no_outcomes() -> None:
    """It has every column."""
    assert (to_arrow([]).num_rows, to_arrow([]).schema.names[0]) == (0, "row")


async def test_a_job_is_a_table(sandbox: Sandbox, tmp_path: Path) -> None:
    """The one that its export holds, at once or batch by batch."""
    exported = await by_job(sandbox, TABLE, tmp_path)

    async with Job.open(tmp_path / "list.job") as job:
        table, reader = await job.table(), job.record_batches()

    assert table.equals(exported)
    assert reader.schema == exported.schema
    assert reader.read_all().equals(exported)


async def test_other_libraries_read_a_job_as_they_go(sandbox: Sandbox, tmp_path: Path) -> None:
    """DuckDB from threads of its own, and Polars."""
    exported = await by_job(sandbox, TABLE, tmp_path)

    async with Job.open(tmp_path / "list.job") as job:
        counted = duckdb.from_arrow(job.record_batches()).count("row").fetchall()
        read = pl.from_arrow(job.record_batches())

    assert counted == [(exported.num_rows,)]
    assert isinstance(read, pl.DataFrame)
    assert read.equals(pl.DataFrame(exported))


async def test_a_cell_that_lost_its_type_makes_its_column_text(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """As in the export: the job's file is what it is."""
    await by_job(sandbox, TABLE.slice(0, 3), tmp_path)
    with sqlite3.connect(tmp_path / "list.job") as connection:
        connection.execute('UPDATE row SET cells = \'["x", "919"]\' WHERE number = 2')
    connection.close()

    async with Job.open(tmp_path / "list.job") as job:
        await job.export(tmp_path / "again.parquet")
        table = await job.table()

    assert table.equals(parquet.read_table(tmp_path / "again.parquet"))
    assert str(table.schema.field("shop").type) == "string"


async def test_a_job_that_is_not_there_is_no_table(tmp_path: Path) -> None:
    """With the error of the other methods."""
    async with Job.open(tmp_path / "x.job", CustomerList("x.csv", identifier="mobile")) as job:
        with pytest.raises(NoJobError):
            await job.table()
        with pytest.raises(NoJobError):
            job.record_batches()


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is missing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ExportError, match=r"pip install 'capillary_interactions\[arrow\]'"):
        to_arrow([])
