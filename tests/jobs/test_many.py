"""Do all rows get in, at few steps, whatever their number?"""

import sqlite3
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs._many import insert

_INSERT = "INSERT INTO seat (number, name, note) SELECT column1, column2, column3 FROM ({rows})"


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """A database with one table."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE seat (number INTEGER, name, note)")
    yield made
    made.close()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 99), st.text(max_size=3), st.none() | st.floats(0, 1))))
def test_takes_rows_as_they_are(
    connection: sqlite3.Connection, rows: list[tuple[int, str, float | None]]
) -> None:
    """In their order, and none that nobody has given."""
    connection.execute("DELETE FROM seat")

    insert(connection, _INSERT, 3, list(chain.from_iterable(rows)))

    assert connection.execute("SELECT * FROM seat ORDER BY rowid").fetchall() == rows


@pytest.mark.parametrize(
    ("rows", "steps"), [(0, 0), (1, 1), (1000, 1), (2048, 1), (2049, 2), (5000, 3)]
)
def test_takes_a_step_for_two_thousand(
    connection: sqlite3.Connection, rows: int, steps: int
) -> None:
    """Of a width that SQLite takes in one statement."""
    connection.execute("DROP TABLE IF EXISTS wide")
    connection.execute(f"CREATE TABLE wide ({', '.join(f'c{place}' for place in range(12))})")
    seen: list[str] = []
    connection.set_trace_callback(seen.append)

    insert(connection, "INSERT INTO wide {rows}", 12, [*range(1, 13)] * rows)

    connection.set_trace_callback(None)
    assert len(seen) == steps
    assert connection.execute("SELECT count(*), sum(c11) FROM wide").fetchone() == (
        rows,
        12 * rows or None,
    )
