"""Which customers a list names."""

import pytest

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists.customer_list import text_rows
from capillary_interactions.jobs._lists.formats import Format
from capillary_interactions.jobs._lists.rows import ListFormat, Row
from capillary_interactions.jobs._lists.text import lines
from tests.tables import table


def _rows(text: str, format_: Format | None = None, column: str | None = None) -> list[Row | None]:
    """The rows without their cells."""
    wanted = ListFormat(identifier="mobile", format=format_, column=column)
    rows = text_rows(lines([text.encode()]), wanted)
    return [row and Row(row.number, row.value, row.reason) for row in rows]


@table(
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


@table(
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


@table(
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


def test_hides_the_customer_in_the_repr_of_a_row() -> None:
    """A row in a traceback shows no number."""
    assert "919738522695" not in repr(Row(1, "919738522695"))
