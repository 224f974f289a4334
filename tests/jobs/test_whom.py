"""Which customer of a row is sent, or why is it rejected?"""

import io

import orjson

from capillary_interactions import IdentifierName
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row
from capillary_interactions.jobs._lists.unusable_cells import NO_ADDRESS, NO_DIGITS
from tests.tables import table

from .jobs_under_test import read


@table(
    ("name", "value", "sent", "reason"),
    [
        ("mobile", "919000000001.0", "919000000001", None),
        ("mobile", "919000000001.000", "919000000001", None),
        ("mobile", "+919000000001", "+919000000001", None),
        ("mobile", "919000000001.5", "919000000001.5", None),
        ("mobile", "91.0.0", "91.0.0", None),
        ("mobile", "tel:5551", "tel:5551", "phone_region="),
        ("mobile", "\uff19\uff11\uff19", "\uff19\uff11\uff19", "phone_region="),
        ("mobile", "97385x22695", "97385x22695", "with the country code"),
        ("customer_id", "554.0", "554", None),
        ("customer_id", "5.54E+8", "5.54E+8", "a spreadsheet's rounding"),
        *(
            ("mobile", cell, cell, "a spreadsheet's rounding")
            for cell in ("9.19E+11", "9,19e+11", "-9E11", "9.e11")
        ),
        *(
            ("mobile", cell, cell, NO_DIGITS)
            for cell in ("N/A", "null", "-", "none", "unknown", "#N/A", "é", "()")
        ),
        ("mobile", "=A1+919000000001", "=A1+919000000001", "formula"),
        ("mobile", "# 2 rows", "# 2 rows", "comment"),
        ("email", "null", "null", NO_ADDRESS),
        ("email", "919000000001", "919000000001", NO_ADDRESS),
        ("email", "#REF!", "#REF!", "error value"),
        ("email", "a@b", "a@b", None),
        ("external_id", "#N/A", "#N/A", "error value"),
        *(("external_id", cell, cell, None) for cell in ("1.0", "9.19E+11", "12E4", "null", "#1")),
    ],
)
def test_sends_what_can_be_a_customer(name: str, value: str, sent: str, reason: str | None) -> None:
    """Behind a mobile number .0 is nothing; what cannot be of its type costs no request."""
    normalised, why = QueryTemplate(name=IdentifierName(name)).normalise(Row(1, value))
    assert normalised == sent
    assert (why is None) == (reason is None)
    assert (reason or "") in (why or "")
    assert len(value) < 3 or value not in (why or "")


def test_keeps_the_text_of_a_line_that_is_no_json() -> None:
    """A rejected row can be mended from the result alone; the fingerprint is as before."""
    content = b'{"mobile": "1"}\n{"mobile": "2\n["919"]\n'
    rows, batches = read(io.BytesIO(content))
    assert [orjson.loads(row.cells) for row in rows] == [
        {"mobile": "1"},
        ['{"mobile": "2'],
        ['["919"]'],
    ]
    assert batches[-1].digest == read(io.BytesIO(b'{"mobile": "1"}\n[]\n{\n'))[1][-1].digest
