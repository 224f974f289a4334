"""Whom does a row name, as it is asked?"""

import io

import orjson
import pytest

from capillary_interactions import IdentifierName
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row

from .jobs_under_test import read

_ROUNDED = "a spreadsheet's rounding"


@pytest.mark.parametrize(
    ("name", "value", "asked", "reason"),
    [
        ("mobile", "919000000001.0", "919000000001", None),
        ("mobile", "919000000001.000", "919000000001", None),
        ("mobile", "+919000000001", "+919000000001", None),
        ("mobile", "919000000001.5", "919000000001.5", None),
        ("mobile", "91.0.0", "91.0.0", None),
        ("mobile", "9.19E+11", "9.19E+11", _ROUNDED),
        ("mobile", "9,19e+11", "9,19e+11", _ROUNDED),
        ("mobile", "-9E11", "-9E11", _ROUNDED),
        ("mobile", "9.e11", "9.e11", _ROUNDED),
        ("external_id", "1.0", "1.0", None),
        ("external_id", "9.19E+11", "9.19E+11", None),
        ("external_id", "12E4", "12E4", None),
    ],
)
def test_takes_a_mobile_number_as_it_was_before_a_spreadsheet(
    name: str, value: str, asked: str, reason: str | None
) -> None:
    """Behind a number .0 is nothing; what has lost digits is not asked; other names may be so."""
    template = QueryTemplate(name=IdentifierName(name))
    told, why = template.normalise(Row(1, value))
    assert told == asked
    assert (why is None) == (reason is None)
    assert (reason or "") in (why or "")
    assert value not in (why or "")


@pytest.mark.parametrize(
    "content",
    [
        b"mobile,n\n919000000001.0,a\n9.19E+11,b\n",
        b"919000000001.0\n9.19E+11\n",
        b'{"mobile": "919000000001.0"}\n{"mobile": "9.19E+11"}\n',
    ],
)
def test_reads_spreadsheets_numbers_in_every_format(content: bytes) -> None:
    """One customer is one, however the table was saved; the cells stay as they are."""
    rows, _ = read(io.BytesIO(content))
    assert [row.value for row in rows] == ["919000000001", "9.19E+11"]
    assert rows[0].reason is None
    assert _ROUNDED in (rows[1].reason or "")
    assert "919000000001.0" in rows[0].cells


def test_keeps_the_text_of_a_line_that_is_no_json() -> None:
    """A rejected row can be mended by whoever has only the result; the fingerprint is as before."""
    content = b'{"mobile": "1"}\n{"mobile": "2\n["919"]\n'
    rows, batches = read(io.BytesIO(content))
    assert [orjson.loads(row.cells) for row in rows] == [
        {"mobile": "1"},
        ['{"mobile": "2'],
        ['["919"]'],
    ]
    assert batches[-1].digest == read(io.BytesIO(b'{"mobile": "1"}\n[]\n{\n'))[1][-1].digest
