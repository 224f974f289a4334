"""Which column holds the customers, and under which names columns come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists.columns import detect_delimiter, find_column, unique_names
from tests.tables import table


@table(
    ("names", "column", "place"),
    [
        (["id", "mobile"], None, 1),
        (["id", " Mobile "], None, 1),
        (["MOBILE", "mobile"], None, 1),
        (["phone"], None, 0),
        (["mobile", "phone"], "phone", 1),
        (["mobile", "Phone"], "phone", 1),
        (["mobile", "phone"], "2", 1),
        (["mobile", "2", "phone"], "2", 1),
        (["mobile", "mobile"], "1", 0),
    ],
)
def test_finds_the_column_that_is_meant(names: list[str], column: str | None, place: int) -> None:
    """The one asked for, else the one named like the identifier, else the only one."""
    assert find_column(names, "mobile", column) == place


@table(
    ("names", "column", "message"),
    [
        (["id", "phone"], None, "no column named 'mobile', only: id, phone; choose one with"),
        (["id", "phone"], "tel", "no column named 'tel', only: id, phone"),
        (["id", "phone"], "3", "no column named '3'"),
        (["id", "phone"], "9" * 5000, "no column named '9*"),
        (["id", "phone"], "0" * 5000, "no column named '0*"),
        (["id", "phone"], "0", "no column named '0'"),
        (["phone"], "tel", "no column named 'tel', only: phone"),
        (["mobile", "mobile"], None, "2 columns named 'mobile'"),
        (["Mobile", "MOBILE"], None, "2 columns named 'mobile'"),
        (["919738522695"], None, "a customer, not a header"),
        (["a@b.co"], None, "a customer, not a header"),
    ],
)
def test_says_which_columns_there_are(names: list[str], column: str | None, message: str) -> None:
    """Where no column can be meant, the message lists what there is."""
    with pytest.raises(ListError) as refused:
        find_column(names, "mobile", column)

    assert message in str(refused.value)


def test_masks_customers_in_what_it_takes_for_a_header() -> None:
    """A list without a header shows no number in the message."""
    with pytest.raises(ListError) as refused:
        find_column(["919738522695", "a.person@example.com"], "mobile", None)

    assert "919738522695" not in str(refused.value)
    assert "person" not in str(refused.value)


@table(
    ("header", "delimiter"),
    [
        ("id,mobile\n", ","),
        ("id;mobile\n", ";"),
        ("id\tmobile\r\n", "\t"),
        ("mobile\n", ","),
        ("a;b;c,mobile\n", ","),
        ('"id, of whom";mobile\n', ";"),
        ("surname, given;tel;fax\n", ";"),
    ],
)
def test_finds_what_separates_the_columns(header: str, delimiter: str) -> None:
    """The delimiter is the one that gives the wanted column, else the one that gives the most."""
    assert detect_delimiter(header, "mobile") == delimiter


@table(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "A"], ["a", "a_2", "A_3"]),
        (["", " "], ["column_1", "column_2"]),
        (["row", "status"], ["input_row", "input_status"]),
        (["Row"], ["Row_2"]),
        (["input_row", "row"], ["input_row", "input_row_2"]),
    ],
)
def test_names_every_column_differently(names: list[str], expected: list[str]) -> None:
    """Empty, repeated and taken names are changed, others are not."""
    assert unique_names(names, taken=("row", "status")) == expected


@given(st.lists(st.text(max_size=3), max_size=8))
def test_never_gives_a_name_twice(names: list[str]) -> None:
    """No database that ignores case confuses two columns."""
    found = unique_names(names, taken=("row", "path"))
    assert len(found) == len(names)
    folded = [name.casefold() for name in found]
    assert len({*folded, "row", "path"}) == len(names) + 2
