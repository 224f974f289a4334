"""A table of customers goes in, and a table of results comes out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from capillary_interactions import AuthenticationError, BasicAuth
from capillary_interactions.jobs import ListError
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.tables import lookup_table
from tests.tables import table

from .tables_under_test import MOBILES, TABLE, by_job, client_of, untimed


def _by_duckdb(customers: Any) -> Any:
    return duckdb.from_arrow(customers)


_LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "pyarrow": lambda customers: customers,
    "batch": lambda customers: customers.combine_chunks().to_batches()[0],
    "reader": lambda customers: customers.to_reader(max_chunksize=7),
    "polars": pl.from_arrow,
    "pandas": lambda customers: customers.to_pandas(),
    "duckdb": _by_duckdb,
}


async def test_is_what_a_job_of_the_same_customers_exports(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The same columns, types, rows and outcomes, but for times."""
    expected = await by_job(sandbox, TABLE, tmp_path)

    async with client_of(sandbox) as client:
        result = await lookup_table(client, TABLE, identifier="mobile")

    assert untimed(result).schema == untimed(expected).schema
    assert untimed(result).equals(untimed(expected))


@table("name", list(_LIBRARIES))
async def test_takes_the_tables_of_every_library(sandbox: Sandbox, name: str) -> None:
    """Polars, pandas, DuckDB, and pyarrow's three: nothing is lost, doubled or reordered."""
    async with client_of(sandbox) as client:
        result = await lookup_table(client, _LIBRARIES[name](TABLE), identifier="mobile")

    by_row = result.group_by("row", use_threads=False).aggregate([("outcome", "first")])
    assert by_row.column("row").to_pylist() == list(range(1, len(MOBILES) + 1))
    assert by_row.column("outcome_first").to_pylist()[-3:] == ["rejected"] * 3
    assert set(result.column("shop").to_pylist()) == set(range(len(MOBILES)))


@table("name", ["polars", "pandas", "duckdb"])
async def test_gives_a_table_that_every_library_reads(sandbox: Sandbox, name: str) -> None:
    """Found customers are counted alike by each."""
    async with client_of(sandbox) as client:
        result = await lookup_table(client, TABLE.slice(0, 5), identifier="mobile")
    expected = result.column("outcome").to_pylist().count("found")

    counted: dict[str, Callable[[], object]] = {
        "polars": lambda: pl.DataFrame(result).filter(pl.col("outcome") == "found").height,
        "pandas": lambda: int((result.to_pandas()["outcome"] == "found").sum()),
        "duckdb": lambda: (
            duckdb.from_arrow(result).filter("outcome = 'found'").count("row").fetchall()[0][0]
        ),
    }
    assert counted[name]() == expected > 0


async def test_asks_each_customer_once_and_counts_them(sandbox: Sandbox) -> None:
    """However it is spelled; progress is by customers that can be asked for."""
    seen: list[tuple[int, int]] = []

    async with client_of(sandbox) as client:
        result = await lookup_table(
            client, TABLE, identifier="mobile", progress=lambda *counts: seen.append(counts)
        )

    assert sandbox.counts.received == 30
    assert seen == [(number, 30) for number in range(1, 31)]
    spelled = result.filter(pa.compute.equal(result["row"], 31)).to_pylist()[0]
    assert spelled["identifier"] == "+91 90000-00003"
    assert spelled["sent_identifier"] == "919000000003"


async def test_takes_a_column_by_name_or_number_and_of_any_type(sandbox: Sandbox) -> None:
    """Numbers, too, also those that a gap has made floats."""
    numbers = pa.table({"a": ["x", "y", "z"], "b": pa.array([919e9, None, 919e9 + 1])})

    async with client_of(sandbox) as client:
        results = [
            await lookup_table(client, numbers, identifier="mobile", column=column)
            for column in ("b", 2)
        ]

    for result in results:
        sent = dict(zip(result["row"].to_pylist(), result["sent_identifier"], strict=True))
        assert [value.as_py() for value in sent.values()] == ["919000000000", None, "919000000001"]


async def test_keeps_columns_as_they_are(sandbox: Sandbox) -> None:
    """Lists and times keep their types, and names that the result has are changed."""
    nested = pa.table({"mobile": MOBILES[:2], "tags": [["a"], None], "outcome": [1, 2]})

    async with client_of(sandbox) as client:
        result = await lookup_table(client, nested, identifier="mobile")

    assert result.schema.field("tags").type == pa.list_(pa.string())
    assert result.schema.field("input_outcome").type == pa.int64()


async def test_looks_up_an_empty_table(sandbox: Sandbox) -> None:
    """It has all columns, and no row."""
    async with client_of(sandbox) as client:
        result = await lookup_table(client, TABLE.slice(0, 0), identifier="mobile")
        full = await lookup_table(client, TABLE, identifier="mobile")

    assert (result.num_rows, result.schema) == (0, full.schema)


async def test_masks_codes_only_if_asked_to() -> None:
    """Data is left as it is otherwise."""
    message = {"id": 1, "subject": "482913 is your code"}
    answer = {"interaction": [{"name": "sms", "count": 1, "messageList": [message]}]}
    customers = pa.table({"mobile": ["919"]})

    async with Sandbox(answers={"919": answer}) as sandbox, client_of(sandbox) as client:
        plain = await lookup_table(client, customers, identifier="mobile")
        masked = await lookup_table(client, customers, identifier="mobile", mask_codes=True)

    assert plain["subject"].to_pylist() == ["482913 is your code"]
    assert masked["subject"].to_pylist() == ["****** is your code"]


@table(
    ("customers", "options", "error", "said"),
    [
        ([{"mobile": "919"}], {}, TypeError, "list has no Arrow interface"),
        (pl.Series("mobile", ["919"]), {}, TypeError, "Series is no table with columns"),
        (pa.table({"a": [1], "b": [2]}), {}, ListError, "no column named"),
        (TABLE, {"column": "phone"}, ListError, "no column named"),
        (TABLE, {"network": "pager"}, ValueError, "network"),
    ],
)
async def test_refuses_what_is_no_table_of_customers(
    sandbox: Sandbox, customers: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Before any request."""
    async with client_of(sandbox) as client:
        with pytest.raises(error, match=said):
            await lookup_table(client, customers, identifier="mobile", **options)

    assert sandbox.counts.received == 0


async def test_raises_what_is_true_of_the_whole_program(sandbox: Sandbox) -> None:
    """Refused credentials are no outcome."""
    async with client_of(sandbox, auth=BasicAuth("x", "y")) as client:
        with pytest.raises(AuthenticationError):
            await lookup_table(client, TABLE, identifier="mobile")
