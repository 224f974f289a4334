"""Wrong quotes and long cells of a CSV cost as few rows as possible, and no text is lost."""

import csv
import io
import itertools
import sys
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists import csv_quotes
from capillary_interactions.jobs._lists.csv_rows import csv_rows
from capillary_interactions.jobs._lists.rows import BadRow, ListFormat, Row
from capillary_interactions.jobs._lists.text import lines
from tests.tables import table

from .jobs_under_test import csv_text, read

_SWALLOWED = "a quote is opened and not closed"


def _rows(text: str, **known: object) -> list[Row]:
    wanted = ListFormat(**{"identifier": "mobile", "format": "csv", **known})  # type: ignore[arg-type]
    return [row for row in csv_rows(lines([text.encode()]), wanted) if row is not None]


@table("length", [131_080, 700_000])
def test_reads_a_long_cell(length: int) -> None:
    """What stands in a long note is no customer, and the row has its own."""
    note = "x" * length + "\n919000000777,from the middle of a note\nz"
    given_rows = [["mobile", "notes"], ["919000000001", note], ["919000000002", "b"]]
    rows, _ = read(io.BytesIO(csv_text(given_rows).encode()), format="csv")
    assert [(row.value, row.reason) for row in rows] == [
        ("919000000001", None),
        ("919000000002", None),
    ]
    assert orjson.loads(rows[0].cells)[1] == note


def test_reads_a_long_cell_whatever_others_do_to_the_limit() -> None:
    """The limit is one for the whole of Python; another user's is not lowered."""
    before = csv.field_size_limit(1 << 30)
    try:
        _rows("mobile,n\n1,a\n")
        assert csv.field_size_limit() == 1 << 30
        csv.field_size_limit(10)
        assert [row.value for row in _rows(f"mobile,n\n1,{'a' * 50}\n")] == ["1"]
    finally:
        csv.field_size_limit(before)


@table("lines_after", [1, 12, 2_999, 20_000])
def test_loses_one_row_to_a_quote_that_is_never_closed(lines_after: int) -> None:
    """However many lines come after it, and they are rows."""
    text = 'mobile,n\n919000000001,"oops\n' + "".join(f"{n},x\n" for n in range(lines_after))
    rows = _rows(text)
    assert rows[0] == BadRow(1, "", f"no CSV at line 2: {_SWALLOWED}", raw='919000000001,"oops')
    assert len(rows) == lines_after + 1
    assert all(row.reason is None for row in rows[1:])
    assert rows[-1].number == lines_after + 1


@table(
    ("text", "expected"),
    [
        # The next quote opens a cell: the first line alone is wrong.
        ('1,"oops\n2,"fine"\n3,x\n', [("", 2), ("2", None), ("3", None)]),
        ('"1","oops\n"2","b"\n"3","c"\n', [("", 2), ("2", None), ("3", None)]),
        (
            '1,"oops\n2,x\n\n3,"a"\n4,"b\n5,"c"\n',
            [*[("", 2), ("2", None), ("3", None)], ("", 6), ("5", None)],
        ),
        # What stands inside a cell of several lines is no customer, though its end is wrong.
        ('1,"note\n919000000777\nend" and more\n2,b\n', [("", "2 to 4"), ("2", None)]),
        ('1,"note\n919000000777\nend', [("", "2 to 4")]),
        ('1,"x"y\n2,b\n', [("", 2), ("2", None)]),
    ],
)
def test_tells_a_quote_that_is_never_closed_from_a_broken_cell(
    text: str, expected: list[tuple[str, object]]
) -> None:
    """By whether the lines that it swallows look like rows."""
    found = _rows(f"mobile,n\n{text}")
    assert [row.value for row in found] == [value for value, _ in expected]
    for row, (_, place) in zip(found, expected, strict=True):
        if place is None:
            assert row.reason is None
        else:
            at = f"line {place}:" if isinstance(place, int) else f"lines {place}:"
            assert at in (row.reason or "")


def test_keeps_the_text_of_what_it_cannot_read() -> None:
    """A rejected row can be mended from the result alone."""
    content = b'mobile,n\n1,"a"b\n2,"note\nends" here\n3,c\n'
    rows, _ = read(io.BytesIO(content))
    assert [orjson.loads(row.cells) for row in rows] == [
        ['1,"a"b'],
        ['2,"note\nends" here'],
        ["3", "c"],
    ]


@table(("prose", "last"), [(60, 63), (280_000, None)])
def test_ends_a_list_whose_quotes_are_a_riddle(prose: int, last: int | None) -> None:
    """Many lines may be a note, or rows: neither is guessed, and megabytes are not kept."""
    text = 'mobile,n\n1,a\n2,"oops\n' + "a line of prose\n" * prose
    rows = csv_rows(lines([text.encode()]), ListFormat(identifier="mobile", format="csv"))
    assert next(rows) == Row(1, "1", None, '["1","a"]')
    message = "line 3" if last is None else rf"the quote at line 3 .* lines 3 to {last}"
    with pytest.raises(ListError, match=message):
        next(rows)


@table("limit", [131_072, sys.maxsize])
def test_looks_no_further_than_a_cell_may_be_long(limit: int) -> None:
    """Whatever others have set for all of Python, a list is not read to its end for one quote."""
    taken = itertools.count()

    def endless() -> Iterator[str]:
        yield from ("mobile,n\n", '1,"oops\n')
        yield from (f"{next(taken)},{'x' * 5000}\n" for _ in itertools.count())

    before = csv.field_size_limit(limit)
    try:
        rows = csv_rows(endless(), ListFormat(identifier="mobile", format="csv"))
        assert [row.reason for row in itertools.islice(rows, 3) if row] == [
            f"no CSV at line 2: {_SWALLOWED}",
            None,
            None,
        ]
        assert next(taken) < 1000
    finally:
        csv.field_size_limit(before)


def test_takes_no_quadratic_time_for_wrong_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines made so that each of them swallows all the rest: it would take hours."""
    monkeypatch.setattr(csv_quotes, "_MAX_REREAD", 1 << 22)
    text = "mobile,a,b\n" + 'a",x,"b\n' * 5_000
    try:
        assert len(_rows(text)) == 5_000
    except ListError as error:
        assert "quotes" in str(error)  # noqa: PT017 - either is right


@table("text", ['919,"a\n920,b\n', '919,"a\nb"\n920,b\n', '\n919,a\n920,"b"c\n'])
def test_reads_quotes_of_a_list_without_a_header(text: str) -> None:
    """The first row is a row like every other."""
    rows = _rows(text, header=False, column="1")
    assert [row.number for row in rows] == [1, 2]
    assert sum(row.reason is None for row in rows) == (2 if '\nb"' in text else 1)


_PIECES = st.sampled_from(['"', '""', ",", "\n", "1", "x", '"\n', ',"', '",', "\r\n", " "])


@settings(max_examples=40, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
@example('x","\n"x"x\n"\n1')
def test_gives_every_line_to_one_row(text: str) -> None:
    """Whatever the quotes are, rows are counted, and no line's text is in none of them."""
    rows = _rows(f"mobile,n\n{text}")
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    kept = "".join(row.raw if isinstance(row, BadRow) else row.cells for row in rows)
    assert kept.count("1") == text.count("1")
    assert kept.count("x") == text.count("x")
