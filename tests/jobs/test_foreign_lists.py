"""Lists as other programs write them: the bytes are theirs, the customers what a person means."""

import io
from typing import Any

import pytest

from capillary_interactions import IdentifierName
from capillary_interactions.jobs import CustomerList, ListError
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from tests.tables import table

_1, _2 = "919000000001", "919000000002"
_REJECTED = "-"


def _asked(content: bytes, identifier: str = "mobile", **options: Any) -> list[str]:
    """The customers of a list, and a mark for each row that is rejected."""
    batches: list[Batch] = []
    customers = CustomerList(io.BytesIO(content), identifier=IdentifierName(identifier), **options)
    template = QueryTemplate(name=IdentifierName(identifier))
    ListReader(customers, template).read(batches.append)
    rows = [row for batch in batches for row in batch.rows()]
    return [row.value if row.reason is None else _REJECTED for row in rows]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b',name,mobile\n0,A,919000000001\n1,"B, C",919000000002\n', id="pandas"),
        pytest.param(b",phone\n0,919000000001\n1,919000000002\n", id="pandas-one-column"),
        pytest.param(
            b"name;mobile\nA;919000000001,0\nB;919000000002,0\n", id="pandas-decimal-comma"
        ),
        pytest.param(b"mobile\n919000000001.00\n919000000002.00\n", id="pandas-float-format"),
        pytest.param(b'"","mobile"\n"1","919000000001"\n"2","919000000002"\n', id="r-write-csv"),
        pytest.param(b'"mobile";"name"\n"919000000001";"A"\n919000000002;NA\n', id="r-write-csv2"),
        pytest.param(
            '"name","mobile"\r\n"A","919000000001"\r\n"Mü","919000000002"\r\n'.encode("utf-16"),
            id="powershell-utf-16",
        ),
        pytest.param(
            b'#TYPE System.Management.Automation.PSCustomObject\r\n"name","mobile"\r\n'
            b'"A","919000000001"\r\n"B","919000000002"\r\n',
            id="powershell-type",
        ),
        pytest.param(
            b'\xef\xbb\xbf#TYPE Selected.Object\r\n"phone"\r\n"919000000001"\r\n"919000000002"',
            id="powershell-type-one-column",
        ),
        pytest.param("919000000001\r\n919000000002\r\n".encode("utf-16"), id="powershell-redirect"),
        pytest.param(b"name,mobile\n----,------\nA,919000000001\nB,919000000002\n", id="sqlcmd"),
        pytest.param(
            b" name |    mobile\n------+--------------\n A    | 919000000001\n B  | 919000000002\n",
            id="psql-aligned",
        ),
        pytest.param(
            b"    mobile    \n--------------\n 919000000001\n 919000000002\n", id="psql-one"
        ),
        pytest.param(
            b"| name | mobile |\n|:-----|-------:|\n| A | 919000000001 |\n| B | 919000000002 |\n",
            id="markdown",
        ),
        pytest.param(b"name\tmobile\nA\\nB\t919000000001\nC\t919000000002\n", id="mysql-batch"),
        pytest.param(
            b"'name','mobile'\n'A','919000000001'\n'B','919000000002'\n", id="sqlite-quote"
        ),
        pytest.param(b"'919000000001',\n'919000000002'\n", id="sql-in-list"),
        pytest.param(b"919000000001,\r\n919000000002,\r\n", id="joined-by-commas"),
        pytest.param(b"919000000001;\n919000000002;\n", id="joined-by-semicolons"),
        pytest.param(b'mobile\n"=""919000000001"""\n\'919000000002\n', id="crm-marks-of-text"),
        pytest.param(b"name,mobile\rA,919000000001\rB,919000000002\r", id="excel-mac"),
        pytest.param(
            b"mobile,name,,,\r\n919000000001,A,,,\r\n919000000002,B,,,\r\n,,,,\r\n",
            id="excel-ragged",
        ),
        pytest.param(
            b"\xef\xbb\xbfsep=;\r\nname;mobile\r\nA;919000000001\r\nB;919000000002", id="sep"
        ),
        pytest.param(
            b'\x1e{"mobile":"919000000001"}\n\x1e{"mobile":919000000002}\n', id="json-seq"
        ),
        pytest.param(b'{"mobile":919000000001.0}\n{"mobile":"919000000002"}\n', id="pandas-json"),
    ],
)
def test_asks_for_whom_another_program_has_written(content: bytes) -> None:
    """What a program adds of its own (marks, rules, an index) is no customer and hides none."""
    assert _asked(content) == [_1, _2]


@table(
    ("content", "identifier", "asked"),
    [
        (b"mobile\n919000000001\n(1 row)\n", "mobile", [_1, _REJECTED]),
        (b"external_id\nA1\n(1000000 rows)\n", "external_id", ["A1", _REJECTED]),
        (b"external_id\nA1\n2 rows selected.\n", "external_id", ["A1", _REJECTED]),
        (b"external_id\nA1\n\\N\n00124\n", "external_id", ["A1", _REJECTED, "00124"]),
        (b"external_id\n9.00719925474099E+015\n1E+11\n", "external_id", ["-", "1E+11"]),
        (b"mobile\n9.19E+11\nNULL\n#ERROR!\n", "mobile", [_REJECTED] * 3),
        (b"email\na@example.com\n919000000001\nN/A\n", "email", ["a@example.com", "-", "-"]),
        (b"mobile\n919000000001\n919000000002\n", "external_id", [_1, _2]),
        (b"mobile,x\n919,000,000\n919000000001,0\n", "mobile", [_REJECTED, _1]),
        (b"mobile\nA-1\n", "external_id", ["A-1"]),
    ],
)
def test_rejects_what_a_program_has_left(content: bytes, identifier: str, asked: list[str]) -> None:
    """Counts of rows, marks for nothing and rounded numbers cost no request; ids stay."""
    assert _asked(content, identifier) == asked


@table(
    ("content", "message"),
    [
        (b"Customer report,,,\n,,,\n,,,\nname,mobile,email,id\nA,919000000001,a@b.c,1\n", "names"),
        (b'"Report"|||\n|||\n"name"|"mobile"|"id"|\n', "names"),
        (b"Report,,\nmade,in,2025\nx,mobile,y\n", "its rows have more.*--column 1"),
        (b"Report,,\n2025-01-01,,\n,,\nid,mobile,y\n", "names"),
        (b"Report\nof 2025\n\nid;mobile\n1;919000000001\n", "line 3 holds 'mobile'"),
        (b"name    mobile        email\nA   919000000001  a@b.c\n", "have it written as CSV"),
        (b'"name" "mobile"\n"1" "A" "919000000001"\n', "have it written as CSV"),
        (b"+----+\n| id |\n+----+\n| 1  |\n+----+\n", "frame of a table"),
        ("┌────┐\n│ id │\n├────┤\n│ 1  │\n└────┘\n".encode(), "frame of a table"),
        (b"id  number\n--  ------------\nA   919000000001\n", "line 2 is the frame"),
        (b"name        A\nmobile      919000000001\n", "line 2 holds 'mobile'"),
        (b"dn: cn=A\nmobile: 919000000001\n", "line 2 holds 'mobile'"),
        (b'- mobile: "919000000001"\n', "first line holds 'mobile'"),
        (b"BEGIN:VCARD\nTEL:+919000000001\nEND:VCARD\n", "vCard"),
        (b"919000000001,919000000002,919000000003\n", "nothing but customers"),
        (b"a@example.com; b@example.com\n", "nothing but customers"),
        (b"919000000001,A\n919000000002,B\n", "--no-header"),
    ],
)
def test_refuses_what_is_no_list_before_it_asks(content: bytes, message: str) -> None:
    """Tables drawn for people, and titles above a header, are not sent row by row."""
    batches: list[Batch] = []
    customers = CustomerList(io.BytesIO(content), identifier=IdentifierName.MOBILE)
    reader = ListReader(customers, QueryTemplate(name=IdentifierName.MOBILE))
    with pytest.raises(ListError, match=message):
        reader.read(batches.append)
    assert batches == []


def test_a_title_costs_no_request_for_ids_either() -> None:
    """Identifiers that can be any text are the ones that a title would be sent as."""
    text = b"Customer report,,\n,,\nname,external_id,x\nA,1,2\n"
    with pytest.raises(ListError, match="take away what stands above the header"):
        _asked(text, "external_id")


def test_shows_the_beginning_of_a_long_title() -> None:
    """A message is for a person to read, however long the line is that it is about."""
    with pytest.raises(ListError) as raised:
        _asked(b"x" * 100_000 + b",,\n,,\nname,mobile,x\n")
    assert len(str(raised.value)) < 1000


@table("content", [b"919000000001 (A)\n", b"--\n1\n", b"mobile 919000000001\n"])
def test_takes_lines_as_they_are_where_the_caller_says_so(content: bytes) -> None:
    """A format that is given ends all guessing."""
    assert len(_asked(content, format="lines")) == content.count(b"\n")
