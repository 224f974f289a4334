"""Lists as people have them: what spreadsheets, chats and web pages leave in rows and headers."""

import io
import json
from typing import Any

import pytest

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from tests.tables import table

from .jobs_under_test import read


def _found(content: str, **options: Any) -> list[tuple[str, bool]]:
    rows, _ = read(io.BytesIO(content.encode()), **options)
    return [(row.value, row.reason is None) for row in rows]


def _asked(*values: str) -> list[tuple[str, bool]]:
    return [(value, True) for value in values]


@table(
    ("content", "cells", "blank"),
    [
        (
            "mobile,name,city\n1,A,Pune\n2,B\n3\n",
            ['["1","A","Pune"]', '["2","B",""]', '["3","",""]'],
            0,
        ),
        ("mobile,name\n1,A,\n2,B,,\n", ['["1","A"]', '["2","B"]'], 0),
        ("mobile,name,\n1,A\n2,B\n", ['["1","A",""]', '["2","B",""]'], 0),
        ("mobile,name\n1,A\n,\n , \n2,B\n,\n", ['["1","A"]', '["2","B"]'], 3),
        ('mobile;name\n1;A\n"";""\n2;B\n', ['["1","A"]', '["2","B"]'], 1),
        ("phone,\n1\n2,\n,\n", ['["1",""]', '["2",""]'], 1),
        ("mobile,name\n1,A\n2,B\n\x1a", ['["1","A"]', '["2","B"]'], 0),
        ("mobile,name\n1,A\n2,B\x1a\x1a", ['["1","A"]', '["2","B"]'], 0),
        ("mobile,name\n1,A\n\x1a\n2,B\n", ['["1","A"]', '["2","B"]'], 1),
    ],
)
def test_reads_the_rows_that_spreadsheets_write(content: str, cells: list[str], blank: int) -> None:
    """Empty cells at the end may be missing or more; a row of nothing else is a blank line."""
    rows, batches = read(io.BytesIO(content.encode()))
    assert [(row.value, row.reason) for row in rows] == [("1", None), ("2", None), ("3", None)][
        : len(cells)
    ]
    assert [row.cells for row in rows] == cells
    assert batches[-1].blank == blank


def test_rejects_a_row_that_may_be_shifted() -> None:
    """A cell too many that holds something may mean that the customer stands elsewhere."""
    assert _found("mobile,name\n1,A,x\n2,B\n") == [("1", False), ("2", True)]


@table("lines_after", [3, 100])
def test_loses_one_row_to_an_open_quote_among_rows_with_a_comma_more(lines_after: int) -> None:
    """Rows with empty cells more are rows, too, for a quote that swallows them."""
    rows = "".join(f"{n},x,\n" for n in range(1, lines_after))
    found = _found(f'mobile,n\n7,x,\n8,"oops\n{rows}')
    assert found == [("7", True), ("", False), *_asked(*map(str, range(1, lines_after)))]


@table(
    "first",
    ["sep=|", '"sep=|"', "\ufeffsep=|", '\ufeff"sep=|"', "SEP=|", "sep=||", "\n\nsep=|"],
)
@table("end", ["\n", "\r\n"])
@table("separator", ["|", ";", "\t", "^", "#", ","])
@table("form", ["csv", None])
def test_takes_the_separator_that_a_spreadsheet_names(
    first: str, end: str, separator: str, form: Any
) -> None:
    """The line sep= is no header and no row, whatever it names, in each format."""
    text = f"{first}\nmobile|name|x\n1|A|\n2|B|\n".replace("|", separator).replace("\n", end)
    assert _found(text, format=form) == _asked("1", "2")


@table("separator", [",", ";", "\t", "|"])
@table("form", ["csv", None])
def test_finds_what_separates_the_columns(separator: str, form: Any) -> None:
    """A bar, too; and two other separators inside the names change nothing."""
    text = f"a: b{separator}mobile{separator}c d\nx{separator}1{separator}y\n"
    assert _found(text, format=form) == _asked("1")


@table(
    ("content", "message"),
    [
        ("mobile^name\n919000000001^A\n", "give --delimiter"),
        ("id~phone\n1~919000000001\n", "give --delimiter"),
        ("mobile::name\n919000000001::A\n", "give --delimiter"),
        ("mobile name\n919000000001 A\n", "give --delimiter"),
        ("phone\n919000000001/A\n", "more than a customer's mobile"),
        ("phone\nA/919000000001\n", "more than a customer's mobile"),
        ("phone\n919000000001,A\n", "its first row has 2"),
        ("# exported 2025\nmobile,name\n1,A\n", "names mobile"),
        ("# exported 2025\nmobile\n919000000001\n", "names mobile"),
        ("Report: customers\nGenerated,2025-01-01\n\nmobile,name\n1,A\n", "above the header"),
        ("Customers\n\n\nid;mobile\n1;2\n", "above the header"),
        ("Report,customers\n\nmobile,name\n1,A\n", "no column named 'mobile'"),
    ],
)
def test_refuses_an_only_column_that_is_none(content: str, message: str) -> None:
    """Whole rows are not sent as identifiers; the way on is named before anything is asked."""
    with pytest.raises(ListError, match=message):
        _found(content, format="csv")


@table(
    ("content", "column"),
    [
        ("phone\n919000000001\n", None),
        ("phone number\n+91 90000 00001\n", None),
        ("Phone (WhatsApp)\n(919) 000-000\n", None),
        ("phone\ntel:+919000000011\n", None),
        ("phone^x\n919000000001^A\n", "1"),
        ("phone\n\n\n919000000001\n", None),
    ],
)
def test_takes_an_only_column_that_is_one(content: str, column: str | None) -> None:
    """Spaces and brackets in a number are no reason to refuse a list, and --column says enough."""
    assert len(_found(content, format="csv", column=column)) == 1


@table("content", ["# exported 2025\n1\n", "919000000001 A\n919000000002 B\n"])
def test_refuses_lines_that_are_no_customers(content: str) -> None:
    """A comment or a table without known separators, in a list without a name that tells."""
    with pytest.raises(ListError, match="its first line"):
        _found(content)


@table(
    ("cell", "value"),
    [
        ("\u202a919000000001\u202c", "919000000001"),
        ("919000000001\u200b", "919000000001"),
        ("\ufeff919000000001", "919000000001"),
        ("91\u00ad9000000001", "919000000001"),
        ("91\u200d90\u200c00000001", "919000000001"),
        ("\u200e \u00a0919000000001\u00a0\u200f", "919000000001"),
        ("\u2066919000000001\u2069", "919000000001"),
        ("919000000001\ufe0f", "919000000001"),
        ('="919000000001"', "919000000001"),
        ('= "919000000001"', "919000000001"),
        ("'919000000001", "919000000001"),
        ("'919000000001'", "919000000001"),
        ('"919000000001"', "919000000001"),
        ('\u200e="\u202d919000000001\u202c"', "919000000001"),
        ('="919000000001.0"', "919000000001.0"),
        ("+91 90000 00001", "+91 90000 00001"),
        ("O'Brien", "O'Brien"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ('="say ""x"""', 'say "x"'),
        ("'", ""),
        ("", ""),
    ],
)
def test_takes_off_what_is_never_part_of_an_identifier(cell: str, value: str) -> None:
    """Invisible characters and a spreadsheet's marks for text; letters of other scripts stay."""
    assert clean_identifier(cell) == value


@table("cell", ["\u202a919000000001\u202c", "'919000000001", '="919000000001.0"'])
@table("form", ["csv", "jsonl", "lines"])
def test_asks_for_the_bare_number_in_every_format(cell: str, form: Any) -> None:
    """One customer is one, however it was copied; the cells stay as they are."""
    spelled = {
        "csv": 'mobile\n"{}"\n'.format(cell.replace('"', '""')),
        "jsonl": json.dumps({"mobile": cell}) + "\n",
        "lines": f"{cell}\n",
    }
    rows, _ = read(io.BytesIO(spelled[form].encode()), format=form)
    assert [(row.value, row.reason) for row in rows] == [("919000000001", None)]
    kept = json.loads(rows[0].cells)
    assert cell in (kept.values() if form == "jsonl" else kept)


@table("header", ["\u200bmobile", "\ufeff\ufeffmobile", "mobile\u00a0", "Mo\u00adbile\u200e"])
@table("form", ["csv", None])
def test_finds_a_column_by_what_is_seen_of_its_name(header: str, form: Any) -> None:
    """A name with invisible characters in it looks like the right one, and is."""
    assert _found(f"{header},name\n1,A\n", format=form) == _asked("1")
    assert _found(f"id,{header},name\n9,1,A\n", format=form) == _asked("1")


def test_shows_what_is_not_seen_of_a_columns_name() -> None:
    """A message with two names that look alike would help less than none."""
    with pytest.raises(ListError, match=r"only: tele\\u200bphone, name"):
        _found("tele\u200bphone,name\n1,A\n", column="telephone number")


def test_rejects_a_header_in_the_middle_of_a_list() -> None:
    """Files that were put behind one another bring theirs along, with its mark."""
    text = "mobile,name\n1,A\n\ufeffmobile,name\n2,B\nmobile,name\n"
    rows, _ = read(io.BytesIO(text.encode()))
    repeated = "the row repeats the header"
    assert [row.reason for row in rows] == [None, repeated, None, repeated]


def test_reads_json_lines_behind_the_mark_of_another_file() -> None:
    """Concatenated JSON lines lose no row to a byte-order mark."""
    assert _found('{"mobile": "1"}\n\ufeff{"mobile": "2"}\n') == _asked("1", "2")
