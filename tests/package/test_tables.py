"""A table of rows in one test: none is left out, and each that fails is named."""

import pytest

from tests.tables import FailedRows, table


def test_tries_every_row_and_names_those_that_fail() -> None:
    """Also where a row fails by what pytest raises, and where the rows are stacked."""
    tried = []

    @table("second", [1, 2])
    @table(("first", "word"), [(0, "a"), (1, "b")])
    def check(first: int, word: str, second: int) -> None:
        tried.append((first, word, second))
        with pytest.raises(ZeroDivisionError):
            second // first

    with pytest.raises(FailedRows, match="2 of 2 rows") as raised:
        check()
    assert tried == [(0, "a", 1), (1, "b", 1), (0, "a", 2), (1, "b", 2)]
    inner = raised.value.exceptions[0]
    assert isinstance(inner, FailedRows)
    assert str(inner.exceptions[0]).startswith("DID NOT RAISE")
    assert inner.exceptions[0].__notes__ == ["in the row (1, 'b')"]


@table("number", range(3))
async def test_takes_fixtures_and_asynchronous_tests(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One item of pytest's, with the fixtures that the rows share."""
    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    assert number in range(3)


async def test_awaits_every_row() -> None:
    """The error of an asynchronous row is kept until the last one has run."""
    tried = []

    @table("number", range(4))
    async def check(number: int) -> None:
        tried.append(number)
        assert number % 2

    with pytest.raises(FailedRows, match="2 of 4 rows"):
        await check()
    assert tried == [0, 1, 2, 3]


def test_refuses_an_empty_table() -> None:
    """It would show nothing."""

    @table("number", [])
    def check(number: int) -> None:
        assert number

    with pytest.raises(AssertionError, match="empty"):
        check()
