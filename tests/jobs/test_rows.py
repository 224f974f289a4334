"""Which customers a list names."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists.customer_list import text_rows
from capillary_interactions.jobs._lists.rows import Format, ListFormat, Row, format_from_name
from capillary_interactions.jobs._lists.text import lines

_VALUE = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
_CELL = st.text(alphabet="ab ,;\t\"'\n\r\u2028é", max_size=8)


def _rows(text: str, form: Format | None = None, column: str | None = None) -> list[Row | None]:
    return _read([text.encode()], form, column)


def _read(chunks: list[bytes], form: Format | None, column: str | None = None) -> list[Row | None]:
    """The rows, without everything else that stands in them."""
    wanted = ListFormat(identifier="mobile", format=form, column=column)
    rows = text_rows(lines(chunks), wanted)
    return [row and Row(row.number, row.value, row.reason) for row in rows]


@given(
    customers=st.lists(st.tuples(_CELL, _VALUE, _CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    place=st.integers(0, 2),
    marked=st.booleans(),
    cut=st.integers(1, 30),
)
def test_keeps_every_value_that_a_csv_writer_wrote(
    *,
    customers: list[tuple[str, str, str]],
    delimiter: str,
    quoting: Any,
    place: int,
    marked: bool,
    cut: int,
) -> None:
    """Whatever the delimiter, the quotes and the other cells are, each value comes, in order."""

    def placed(value: str, *others: str) -> list[str]:
        row = list(others)
        row.insert(place, value)
        return row

    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting)
    writer.writerow(placed("mobile", "name", "note, or\nremark"))
    writer.writerows(
        placed(value, *others) for *others, value in ((a, c, b) for a, b, c in customers)
    )
    content = written.getvalue().encode("utf-8-sig" if marked else "utf-8")
    chunks = [content[at : at + cut] for at in range(0, len(content), cut)]

    found = _read(chunks, "csv")

    assert found == [Row(n, value) for n, (_, value, _) in enumerate(customers, 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mobile\n1\n2\n", [Row(1, "1"), Row(2, "2")]),
        ("mobile\r1\r2", [Row(1, "1"), Row(2, "2")]),
        ("\n\nmobile\n\n1\n  \n2\n", [*[None] * 3, Row(1, "1"), None, Row(2, "2")]),
        ("mobile\n 1 \n", [Row(1, "1")]),
        ('mobile\n""\n1\n', [Row(1, ""), Row(2, "1")]),
        ("id,mobile\n1,\n", [Row(1, "")]),
        (
            "id,mobile\n1\n2,3,4\n5,6\n",
            [
                Row(1, "", "the row has 1 cell, the header 2"),
                Row(2, "3", "the row has 3 cells, the header 2"),
                Row(3, "6"),
            ],
        ),
        ("mobile\n", []),
        ("", []),
        ("\n \n", [None, None]),
    ],
)
def test_reads_csv(text: str, expected: list[Row | None]) -> None:
    """Rows are numbered from 1, blank lines are no rows, ragged ones say so."""
    assert _rows(text, "csv") == expected


def test_tells_where_a_quote_is_not_closed_and_reads_on() -> None:
    """A wrong quote costs its own row, with its line named, and no others."""
    one, two, three, four = _rows('mobile\n"1\n2\n"3\n4\n', "csv")

    assert one is not None
    assert three is not None
    assert one.reason == "no CSV at line 2: a quote is opened and not closed"
    assert three.reason == "no CSV at line 4: a quote is opened and not closed"
    assert (two, four) == (Row(2, "2"), Row(4, "4"))


def test_refuses_a_header_whose_quote_is_never_closed() -> None:
    """The whole file would be its header."""
    with pytest.raises(ListError, match="a quote in its header"):
        _rows('"mobile\n1\n2\n', "csv")


@pytest.mark.parametrize(
    ("line", "value", "reason"),
    [
        ('{"mobile": "919"}', "919", None),
        ('{"mobile": " 919 "}', "919", None),
        ('{"mobile": 919738522695}', "919738522695", None),
        ('{"mobile": 919738522695.0}', "919738522695", None),
        ('{"mobile": 12345678901234567890123456789}', "12345678901234567890123456789", None),
        ('{"mobile": 1.5}', "1.5", "the number under 'mobile' is not written in digits"),
        ('{"mobile": 9.19e11}', "9.19e11", "the number under 'mobile' is not written in digits"),
        ('{"mobile": -1}', "-1", "the number under 'mobile' is not written in digits"),
        ('{"mobile": true}', "", "under 'mobile' is a boolean, no text"),
        ('{"mobile": null}', "", "under 'mobile' is nothing, no text"),
        ('{"mobile": ["919"]}', "", "under 'mobile' is a list, no text"),
        ('{"mobile": {}}', "", "under 'mobile' is an object, no text"),
        ('{"Mobile": "919"}', "", "the object has no key 'mobile'"),
        ('["919"]', "", "the line is no JSON object"),
        ("919", "", "the line is no JSON object"),
        ('{"mobile": NaN}', "", "the line is no JSON object"),
        ('{"mobile": "919"', "", "the line is no JSON object"),
        ("[" * 100_000, "", "the line is no JSON object"),
    ],
)
def test_reads_a_json_object(line: str, value: str, reason: str | None) -> None:
    """Numbers keep their digits; whatever holds no customer says why."""
    _, row = _rows(f'{{"mobile": "1", "id": 1}}\n{line}\n', "jsonl")

    assert row == Row(2, value, reason)


def test_reads_json_lines() -> None:
    """The key is found in the first object; blank lines are no rows."""
    text = 'null\n\n{"id": 1, "MOBILE": "919"}\n{"MOBILE": "920", "id": 2}\n'

    assert _rows(text, "jsonl") == [
        Row(1, "", "the line is no JSON object"),
        None,
        Row(2, "919"),
        Row(3, "920"),
    ]
    with pytest.raises(ListError, match="no column named 'mobile', only: id, phone"):
        _rows('{"id": 1, "phone": "919"}\n', "jsonl")


def test_reads_plain_lines() -> None:
    """One customer a line, without spaces around it."""
    assert _rows("919\n\n a@b.co \r\n920", "lines") == [
        Row(1, "919"),
        None,
        Row(2, "a@b.co"),
        Row(3, "920"),
    ]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ('{"mobile": "919"}\n', None, [Row(1, "919")]),
        ("id,mobile\n1,919\n", None, [Row(1, "919")]),
        ("\n\nid;mobile\n1;919\n", None, [None, None, Row(1, "919")]),
        ('"Mobile"\n919\n', None, [Row(1, "919")]),
        ('"of\nwhom",mobile\n1,919\n', None, [Row(1, "919")]),
        ("919\n920\n", None, [Row(1, "919"), Row(2, "920")]),
        ("tel\n919\n", "tel", [Row(1, "919")]),
        ("", None, []),
    ],
)
def test_tells_the_format_by_the_first_line(
    text: str, column: str | None, expected: list[Row]
) -> None:
    """A pipe has no suffix, so its first line with anything in it decides."""
    assert _rows(text, None, column) == expected


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("A.TSV", "csv"), ("a.jsonl", "jsonl"), ("a.txt", None), ("-", None)],
)
def test_tells_the_format_by_the_suffix(name: str, form: Format | None) -> None:
    """A name that tells how the file is written counts before its first line."""
    assert format_from_name(name) == form


def test_hides_the_customer_in_the_repr_of_a_row() -> None:
    """A row in a traceback shows nobody's number."""
    assert "919738522695" not in repr(Row(1, "919738522695"))
