"""What a job's file stores, and its counts."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import Identifier, NotFound, Query, Unavailable, to_jsonable
from capillary_interactions.jobs._lists.list_reader import Batch, ReadPosition
from capillary_interactions.jobs._status import RunFigures
from capillary_interactions.jobs._store import queries
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.testing import found, interactions, message


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty job."""
    made = Store(tmp_path / "a.job", create=True)
    yield made
    made.close()


def batch(first: int, values: list[str], *, bad: tuple[int, ...] = (), last: bool = False) -> Batch:
    """Rows of a list."""
    return Batch(
        first=first,
        values=values,
        cells=[f'["{first + index}"]' for index in range(len(values))],
        reasons=dict.fromkeys(bad, "because"),
        blank=1,
        digest="d",
        columns=("mobile",),
        schema=None,
        format="csv",
        last=last,
    )


def outcomes(*numbers: int, unavailable: bool = False) -> OutcomeBatch:
    """Outcomes for the customers of some rows."""
    made = OutcomeBatch()
    query = Query(Identifier.mobile("919"))
    for number in numbers:
        outcome = Unavailable if unavailable else NotFound
        made.add(number, outcome(query=query, item=None, reason="un\0known"))
    return made


def record(store: Store, made: OutcomeBatch, settled: int = 0) -> None:
    """Record outcomes."""
    store.record(made, settled, store.start_run(1.0), RunFigures())


def test_counts_a_row_whose_customer_has_an_outcome_already(store: Store) -> None:
    """Whether the row comes before its customer's outcome or after it."""
    store.add(batch(1, ["a", "b", "a"]))
    record(store, outcomes(1))
    store.add(batch(4, ["a", "c", "", "c"], bad=(2,), last=True))
    record(store, outcomes(5, unavailable=True))

    status = store.status()
    assert status.endings == {
        "found": 0,
        "not_found": 3,
        "rejected": 1,
        "unreadable": 0,
        "unavailable": 2,
    }
    assert (status.rows, status.open, status.duplicates, status.blank) == (7, 1, 3, 1)
    assert store.pending_after(0, 9) == [(2, "b")]
    assert store.reopen(["unavailable"]) == 2
    assert store.pending_after(0, 9) == [(2, "b"), (5, "c")]
    assert store.read_position() == ReadPosition(rows=7, digest="d", whole=True)


def test_counts_such_a_row_after_a_restart(tmp_path: Path) -> None:
    """Though none of the rows read since then has a customer of an earlier one."""
    before = Store(tmp_path / "a.job", create=True)
    before.initialise({"settings": {}})
    before.add(batch(1, ["a", "b", "a"]))
    before.close()

    store = Store(tmp_path / "a.job")
    store.add(batch(4, ["c"], last=True))
    record(store, outcomes(1, 2, 4))

    status = store.status()
    store.close()
    assert (status.endings["not_found"], status.open) == (4, 0)


def test_shows_the_first_and_the_last_failures(store: Store) -> None:
    """In the list's order, none twice, with their reasons."""
    store.add(batch(1, [str(number) for number in range(1, 31)], bad=(3, 28)))
    record(store, outcomes(*range(6, 29, 2), unavailable=True))

    first, last = queries.failures(store._connection, 5)
    assert [failure.row for failure in first] == [4, 6, 8, 10, 12]
    assert [failure.row for failure in last] == [22, 24, 26, 28, 29]
    assert [(first[0].ending, first[0].reason), first[1].ending] == [
        ("rejected", "because"),
        "unavailable",
    ]
    assert queries.failures(store._connection, 30)[1] == ()


def test_finds_failures_without_going_through_all_rows(store: Store) -> None:
    """It is done for every run's report, and would take seconds in a job of millions."""
    steps: list[None] = []
    store.add(batch(1, [str(number) for number in range(1, 2001)]))
    record(store, outcomes(*range(1, 2000)))
    record(store, outcomes(2000, unavailable=True))
    store._connection.set_progress_handler(lambda: steps.append(None), 1)

    first, last = queries.failures(store._connection, 10)

    store._connection.set_progress_handler(None, 1)
    assert [failure.row for failure in first] == [2000]
    assert last == ()
    assert len(steps) < 1000


@pytest.mark.parametrize("name", [None, "r-1"])
def test_keeps_an_answer_as_text(store: Store, name: str | None) -> None:
    """With the server's name for the request, if it gave one."""
    body = interactions(email=[message(subject="Zoë \N{GRINNING FACE}")])
    outcome, made = found(body, request_id=name), OutcomeBatch()
    made.add(1, outcome)
    store.add(batch(1, ["a"]))
    record(store, made)

    query = "SELECT typeof(answer), request_id, answer FROM outcome"
    kind, kept, answer = store._connection.execute(query).fetchone()
    assert (kind, kept) == ("text", name)
    assert orjson.loads(answer) == to_jsonable(outcome.customer)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=20))
def test_keeps_every_text_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    """NULs, quotes and all other characters; and equal texts are one customer."""
    store = Store(tmp_path_factory.mktemp("store") / "a.job", create=True)
    store.add(batch(1, values))
    kept = store._connection.execute("SELECT value, first FROM row ORDER BY number").fetchall()
    store.close()

    assert kept == [(value, values.index(value) + 1) for value in values]
