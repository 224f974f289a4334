"""What must be true of every CSV that Python can write?"""

import asyncio
import csv
import io
import tempfile
from pathlib import Path

import orjson
import polars as pl
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs import CustomerList, Job, StopRules
from capillary_interactions.sandbox import Sandbox

from .given import client_of, csv_text, read

# What UTF-8 can hold: everything but halves of characters.
CELLS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ['"', '""', "a,b", "a\nb", "a\r\nb", "\r", "\0", "\ufeff", " ", "'", ";", "\t", "\u2028", "é"]
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header with the column mobile, and rows as wide; two columns at least."""
    width = draw(st.integers(1, 3))
    others = draw(st.lists(CELLS, min_size=width, max_size=width))
    # A mark before the first name is none of the name's own characters.
    assume(not others[0].startswith("\ufeff"))
    assume(not any(name.strip().casefold() == "mobile" for name in others))
    header = [*others, "mobile"]
    rows = st.lists(CELLS, min_size=width + 1, max_size=width + 1)
    return [header, *draw(st.lists(rows, min_size=1, max_size=6))]


@given(
    tables(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(",;\t"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(deadline=None, max_examples=100)
def test_keeps_every_cell_of_every_row(
    table: list[list[str]], quoting: int, delimiter: str, encoding: str
) -> None:
    """What Python's csv has written is read as it was, whatever stands in it."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, delimiter=delimiter).writerows(table)  # type: ignore[arg-type]
    rows, batches = read(
        io.BytesIO(text.getvalue().encode(encoding)), delimiter=delimiter, format="csv"
    )
    assert list(batches[-1].columns) == table[0]
    assert [orjson.loads(row.cells) for row in rows] == table[1:]
    assert [row.value for row in rows] == [row[-1].strip() for row in table[1:]]


async def _through(folder: Path) -> tuple[Path, Path]:
    async with Sandbox(messages=0) as sandbox, client_of(sandbox) as client:
        customers = CustomerList(folder / "l.csv", identifier="mobile", delimiter=",")
        async with Job.open(folder / "l.job", customers) as job:
            await job.run(client, stops=StopRules(rejected_share=None))
            await job.export(folder / "o.csv")
            await job.export(folder / "o.parquet")
    return folder / "o.csv", folder / "o.parquet"


@given(tables())
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_brings_every_column_through_a_job(table: list[list[str]]) -> None:
    """The list's own columns stand in the results as they stood in the list."""
    width = len(table[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "l.csv").write_text(csv_text(table), "utf-8", newline="")
        as_csv, as_parquet = asyncio.run(_through(folder))
        with as_csv.open(encoding="utf-8", newline="") as file:
            written = list(csv.reader(file))
        frame = pl.read_parquet(as_parquet)
    assert [row[1 : 1 + width] for row in written[1:]] == table[1:]
    assert [list(row[1 : 1 + width]) for row in frame.rows()] == table[1:]
    assert frame["row"].to_list() == list(range(1, len(table)))
