"""Which rows does a list give, in whichever format it is written?"""

import gzip
import io
import re
from pathlib import Path
from typing import IO, Any, cast

import pytest
import zstandard

from capillary_interactions.jobs import CustomerList, JobChangedError, ListError
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader, ReadPosition
from tests.tables import table

from .jobs_under_test import MOBILES, read

LISTED = [("1", "a"), ("2", "b")]
AS_TABLE = "mobile,name\n1,a\n2,b\n"


def _gzipped(content: bytes) -> bytes:
    # Without the time: the workers of a test run must find the same tests.
    return gzip.compress(content, mtime=0)


@table(
    ("name", "content", "options"),
    [
        ("l.csv", AS_TABLE.encode(), {}),
        ("l.csv", AS_TABLE.replace(",", ";").encode(), {}),
        ("L.TSV", AS_TABLE.replace(",", "\t").encode(), {}),
        ("l.csv", AS_TABLE.replace(",", "|").encode(), {"delimiter": "|"}),
        ("l.csv", AS_TABLE.replace("\n", "\r\n").encode(), {}),
        ("l.csv", AS_TABLE.encode("utf-8-sig"), {}),
        ("l.csv", AS_TABLE.encode("utf-8-sig"), {"encoding": "utf8"}),
        ("l.csv", AS_TABLE.encode("utf-16"), {}),
        ("l.csv", AS_TABLE.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("l.csv.gz", _gzipped(AS_TABLE.encode()), {}),
        ("l.csv.gz", _gzipped(b"mobile,name\n") + _gzipped(b"1,a\n2,b\n"), {}),
        ("l.csv.zst", zstandard.compress(AS_TABLE.encode()), {}),
        ("l", zstandard.compress(AS_TABLE.encode()), {}),
        ("l", zstandard.compress(b"mobile,name\n") + zstandard.compress(b"1,a\n2,b\n"), {}),
        ("l.txt", AS_TABLE.encode(), {}),
        ("l.csv", b"\n\nmobile,name\n1,a\n\n2,b\n\n", {}),
        ("l.csv", b"1,a\n2,b\n", {"header": False, "column": 1}),
        ("l.csv", b"phone,name\n1,a\n2,b\n", {"column": "phone"}),
        ("l.csv", b"phone,name\n1,a\n2,b\n", {"column": 1}),
        ("l.csv", b"mobile,mobile\n1,a\n2,b\n", {"column": 1}),
    ],
)
def test_reads_a_table(tmp_path: Path, name: str, content: bytes, options: dict[str, Any]) -> None:
    """Delimiter, encoding, compression and header are found, or are as given."""
    path = tmp_path / name
    path.write_bytes(content)
    rows, _ = read(path, **options)
    assert [(row.value, row.cells) for row in rows] == [
        (value, f'["{value}","{other}"]') for value, other in LISTED
    ]
    assert [row.number for row in rows] == [1, 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.jsonl", b'{"mobile": "1", "name": "a"}\n\n{"mobile": 2}\n'),
        ("l", b'{"mobile": "1"}\n\n{"mobile": 2.0}\n'),
        ("l.txt", b" 1 \n\n2\n"),
        ("l.lst", b"mobile\n1\n\n2"),
    ],
)
def test_reads_lines(tmp_path: Path, name: str, content: bytes) -> None:
    """JSON objects and plain lines give a row each, and a blank line none."""
    path = tmp_path / name
    path.write_bytes(content)
    rows, batches = read(path)
    assert [(row.number, row.value, row.reason) for row in rows] == [(1, "1", None), (2, "2", None)]
    assert batches[-1].blank == 1


@table(
    ("content", "reasons"),
    [
        (b"mobile,n\n,a\n", ["must not be blank"]),
        (b"n,mobile\n1\n1,2,3\n", ["1 cell, the header 2", "3 cells, the header 2"]),
        (b'mobile,n\n"1"x,a\n2,b\n', ["no CSV at line 2", None]),
        (b"mobile,n\na\x07b,1\n", ["control characters"]),
        (b'mobile,n\n"1,2",a\n', ["must not hold a comma"]),
        (b'{"mobile": "1"}\n[]\n{"m": 1}\n', [None, "no JSON object", "no key 'mobile'"]),
        (b'{"mobile": true}\n{"mobile": 1e5}\n', ["a boolean, no text", "not written in digits"]),
        (b'{"mobile": "\\ud800"}\n', ["lone surrogate"]),
    ],
)
def test_says_why_a_row_cannot_be_asked(content: bytes, reasons: list[str | None]) -> None:
    """A bad row is a row of its own, with its reason; those after it are read."""
    rows, _ = read(io.BytesIO(content))
    assert [row.number for row in rows] == list(range(1, len(reasons) + 1))
    for row, reason in zip(rows, reasons, strict=True):
        assert (reason is None) == (row.reason is None)
        assert (reason or "") in (row.reason or "")


@table(
    ("name", "content", "options", "message"),
    [
        ("l.csv", b"a,b\n1,2\n", {}, "no column named 'mobile', only: a, b"),
        ("l.csv", b"a,b\n1,2\n", {"column": 3}, "no column named '3'"),
        ("l.csv", b"mobile,mobile\n1,2\n", {}, "2 columns named 'mobile'"),
        ("l.csv", b"919738522695\n", {}, "a customer, not a header"),
        ("l.csv", b'"mobile\n1\n2\n', {}, "never closed"),
        ("l.csv", b"mobile\n\xff\n", {}, "no UTF-8 text (at byte 8)"),
        ("l.csv", "mobile\n1\n".encode("utf-16-le"), {}, "UTF-16 without a mark"),
        ("l.csv", b"x" * (1 << 23), {}, "longer than 4,194,304"),
        ("l.csv.gz", _gzipped(AS_TABLE.encode())[:-9], {}, "compression is broken"),
        ("l.csv.zst", zstandard.compress(AS_TABLE.encode())[:-9], {}, "ends in the middle"),
        ("l.csv.zst", zstandard.compress(AS_TABLE.encode())[:6] + b"\xff" * 99, {}, "is broken"),
        ("l.parquet", b"PAR1 and no more", {}, "no parquet file, or a broken one"),
        ("l.arrow", b"ARROW1 and no more", {}, "no arrow file, or a broken one"),
        ("l.jsonl", b'{"a": 1, "b": 2}\n', {}, "no column named 'mobile'"),
    ],
)
def test_says_why_a_list_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any], message: str
) -> None:
    """The error names the list and what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ListError, match=re.escape(message)) as raised:
        read(path, **options)
    assert str(path) in str(raised.value)


def test_has_no_list_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is an error of the list."""
    with pytest.raises(ListError, match="No such file"):
        read(tmp_path / "none.csv")


@table(
    ("options", "error"),
    [
        ({"encoding": "no-such"}, ListError),
        ({"format": "xlsx"}, ValueError),
        ({"delimiter": ",,"}, ValueError),
        ({"identifier": "phone"}, ValueError),
    ],
)
def test_refuses_what_cannot_be(options: dict[str, Any], error: type[Exception]) -> None:
    """A wrong argument fails where it is given."""
    with pytest.raises(error):
        CustomerList("l.csv", **{"identifier": "mobile", **options})


@table("known", [0, 1, 5, 200, 201, 2999, 3000])
def test_goes_on_where_it_was(known: int) -> None:
    """A second reading gives what the first has not, all blank lines, and the same digest."""
    content = b"mobile\n" + b"\n".join(b"%d\n" % n if n % 7 else b"%d" % n for n in range(3000))
    whole, batches = read(io.BytesIO(content))
    position = ReadPosition()
    if known:
        lines = content.split(b"\n")
        row_lines = [index for index, line in enumerate(lines) if line and index]
        cut = b"\n".join(lines[: row_lines[known - 1] + 1])
        _, first = read(io.BytesIO(cut), format="csv")
        position = ReadPosition(rows=known, digest=first[-1].digest)
    rows, rest = read(io.BytesIO(content), position)
    assert rows == whole[known:]
    assert rest[-1].digest == batches[-1].digest
    assert rest[-1].last
    assert rest[-1].blank == batches[-1].blank


@table(
    ("content", "whole", "message"),
    [
        (b"mobile\n1\n3\n", False, "its rows differ"),
        (b"mobile\n1\n", False, "it had 2 rows, and has 1"),
        (b"mobile\n1\n3\n2\n", True, "its rows differ"),
        (b"phone\n1\n2\n3\n", True, "its columns were mobile and are phone"),
    ],
)
def test_sees_that_it_is_another_list(content: bytes, whole: bool, message: str) -> None:
    """What was read before must be there again."""
    _, batches = read(io.BytesIO(b"mobile\n1\n2\n"))
    mark = ReadPosition(rows=2, digest=batches[-1].digest, whole=whole)
    with pytest.raises(JobChangedError, match=message):
        read(io.BytesIO(content), mark, ("mobile",), format="csv")


def test_gives_the_first_rows_of_a_pipe_at_once() -> None:
    """Rows that have come are given away before anything further is waited for."""
    given: list[int] = []

    class Pipe(io.RawIOBase):
        """Two lines at a time; looks at what has been given when it is asked for more."""

        def __init__(self) -> None:
            self.parts = [b"mobile\n1\n\n\n", b"2\n3\n", b"4\n\n", b""]

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            given.append(sum(len(batch.values) for batch in batches))
            return self.parts.pop(0)

    batches: list[Any] = []
    customers = CustomerList(cast("IO[bytes]", Pipe()), identifier="mobile", format="csv")
    ListReader(customers, MOBILES).read(batches.append)
    assert given == [0, 1, 3, 4]
    assert [batch.blank for batch in batches] == [2, 2, 3, 3]


@pytest.mark.parametrize("width", [5, 1000])
def test_gives_many_rows_of_a_file_at_once(tmp_path: Path, width: int) -> None:
    """Few at first; then thousands, but no more than fit into little memory."""
    path = tmp_path / "list.csv"
    path.write_text("mobile,note\n" + "".join(f"{n},{'x' * width}\n" for n in range(9000)))
    batches: list[Batch] = []

    ListReader(CustomerList(path, identifier="mobile"), MOBILES).read(batches.append)

    sizes = [len(each.values) for each in batches]
    held = [sum(map(len, each.cells)) for each in batches]
    assert sizes[0] == 200
    assert sum(sizes) == 9000
    assert max(held) < 700_000
    assert (sizes[1:3] == [4000, 4000]) is (width == 5)
