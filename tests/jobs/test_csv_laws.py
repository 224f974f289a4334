"""What must be true of every CSV that Python can write, and a reader can understand?"""

import asyncio
import csv
import io
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs import CustomerList, Job, StopRules
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.rows import digits_of
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, csv_text, read

_Table = list[list[str]]

# What UTF-8 can hold: everything but halves of characters.
CELLS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ['"', '""', "a,b", "a\nb", "a\r\nb", "\r", "\0", "\ufeff", " ", "'", ";", "\t", "\u2028", "é"]
)
PLAIN = st.text("ab1é .'-", max_size=5)
LONG = "a note, and\n919000000777\n" + "x" * 700_000
LONG_TABLE = [["note", "mobile"], [LONG, "1"], ["", "2"]]


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str] = CELLS) -> _Table:
    """A header with the column mobile, and rows as wide; from one column on."""
    others = draw(st.lists(cells, max_size=3))
    # A mark before the first name is none of the name's own characters.
    assume(not others or not others[0].startswith("\ufeff"))
    assume(not any(name.strip().casefold() == "mobile" for name in others))
    header = [*others, "mobile"]
    rows = st.lists(cells, min_size=len(header), max_size=len(header))
    return [header, *draw(st.lists(rows, min_size=1, max_size=6).filter(_has_a_row))]


def _has_a_row(rows: _Table) -> bool:
    # Dashes below a header are a line that a database client draws.
    dashes = "--" in "".join(rows[0]) or "==" in "".join(rows[0])
    return any(map(_is_row, rows)) and not dashes


def _is_row(row: list[str]) -> bool:
    """Whether it is no blank line; where there is one column, an empty cell is something."""
    return row == [""] or any(cell.strip() for cell in row)


def _written(table: _Table, **dialect: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(table)
    return text.getvalue()


def _check(table: _Table, content: bytes, **known: Any) -> None:
    rows, batches = read(io.BytesIO(content), **known)
    expected = [row for row in table[1:] if _is_row(row)]
    assert list(batches[-1].columns) == table[0]
    assert [orjson.loads(row.cells) for row in rows] == expected
    assert [row.number for row in rows] == list(range(1, len(expected) + 1))
    for row, cells in zip(rows, expected, strict=True):
        # What a spreadsheet has put around a number is no part of it; what is rejected stays.
        value = cells[-1].strip()
        asked = digits_of(clean_identifier(value)) or clean_identifier(value)
        assert row.value == (asked if row.reason is None else value)
    assert batches[-1].blank == len(table) - 1 - len(expected)


@given(
    table=tables(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\r\n", "\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
@example(LONG_TABLE, csv.QUOTE_MINIMAL, ",", "\r\n", "utf-8")
@example(LONG_TABLE, csv.QUOTE_ALL, "\t", "\n", "utf-16")
@settings(deadline=None, max_examples=40)
def test_keeps_every_cell_of_every_row(
    table: _Table, quoting: int, delimiter: str, end: str, encoding: str
) -> None:
    """What Python's csv has written is read as it was, whatever stands in it."""
    # Python leaves such a cell without quotes, and no reader can parse it.
    assume(end == "\r\n" or quoting == csv.QUOTE_ALL or not any("\r" in "".join(r) for r in table))
    text = _written(table, quoting=quoting, delimiter=delimiter, lineterminator=end)
    _check(table, text.encode(encoding), delimiter=delimiter, format="csv")


@given(
    table=tables(PLAIN),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
@settings(deadline=None, max_examples=25)
def test_keeps_every_cell_that_needs_no_quotes(
    table: _Table, delimiter: str, encoding: str
) -> None:
    """Other programs write none at all."""
    assume(len(table[0]) > 1)
    text = _written(table, quoting=csv.QUOTE_NONE, delimiter=delimiter)
    _check(table, text.encode(encoding), format="csv")


@given(
    table=tables(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8-sig", "utf-16"]),
)
@example([["a,", "mobile"], ["1", "2"]], csv.QUOTE_MINIMAL, "\t", "utf-8-sig")
@example([["a;", "b,c;", "mobile"], ["1", "2", "3"]], csv.QUOTE_ALL, ",", "utf-16")
@settings(deadline=None, max_examples=40)
def test_finds_the_delimiter_and_the_format(
    table: _Table, quoting: int, delimiter: str, encoding: str
) -> None:
    """By the wanted column's name alone, whatever the other names are."""
    # With one column, nothing tells what would separate it from others.
    assume(delimiter == "," or len(table[0]) > 1)
    text = _written(table, quoting=quoting, delimiter=delimiter)
    # What begins so is JSON.
    assume(not text.lstrip().startswith("{"))
    _check(table, text.encode(encoding))


async def _through(folder: Path) -> tuple[Path, Path, Path]:
    async with Sandbox(messages=0) as sandbox, client_of(sandbox) as client:
        customers = CustomerList(folder / "l.csv", identifier="mobile", delimiter=",")
        async with Job.open(folder / "l.job", customers) as job:
            await job.run(client, stops=StopRules(rejected_share=None))
            for name in ("o.csv", "o.parquet", "o.sqlite"):
                await job.export(folder / name)
    return folder / "o.csv", folder / "o.parquet", folder / "o.sqlite"


@given(tables())
@example(LONG_TABLE)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_brings_every_column_through_a_job(table: _Table) -> None:
    """The list's own columns stand in the results as they stood in the list."""
    width, expected = len(table[0]), [row for row in table[1:] if _is_row(row)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "l.csv").write_text(csv_text(table), "utf-8", newline="")
        as_csv, as_parquet, as_sqlite = asyncio.run(_through(folder))
        with as_csv.open(encoding="utf-8", newline="") as file:
            written = list(csv.reader(file))
        frame = pl.read_parquet(as_parquet)
        with closing(sqlite3.connect(as_sqlite)) as connection:
            kept = connection.execute("SELECT * FROM messages ORDER BY row").fetchall()
    assert [row[1 : 1 + width] for row in written[1:]] == expected
    assert [list(row[1 : 1 + width]) for row in frame.rows()] == expected
    assert [list(row[1 : 1 + width]) for row in kept] == expected
    assert frame["row"].to_list() == list(range(1, len(expected) + 1))
