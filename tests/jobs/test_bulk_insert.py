"""Do all rows get in, at few steps, whatever their number?"""

import sqlite3
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs._store.bulk_insert import bulk_insert

_INSERT = "INSERT INTO seat (number, name, note) SELECT column1, column2, column3 FROM ({rows})"


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """A database with one table."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE seat (number INTEGER, name, note)")
    yield made
    made.close()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.text(max_size=3), st.none() | st.floats(0, 1))))
def test_takes_rows_as_they_are(
    connection: sqlite3.Connection, rows: list[tuple[int, str, float | None]]
) -> None:
    """In their order, and none that nobody has given."""
    connection.execute("DELETE FROM seat")

    bulk_insert(connection, _INSERT, 3, list(chain.from_iterable(rows)))

    assert connection.execute("SELECT * FROM seat ORDER BY rowid").fetchall() == rows


@pytest.mark.parametrize(
    ("width", "rows", "steps"),
    [
        (12, 0, 0),
        (12, 1, 1),
        (12, 2048, 1),
        (12, 2049, 2),
        (12, 5000, 3),
        (3, 4096, 1),
        (3, 4097, 2),
        (1, 4097, 2),
    ],
)
def test_takes_a_step_for_thousands(
    connection: sqlite3.Connection, width: int, rows: int, steps: int
) -> None:
    """As many as SQLite takes in one statement; and tells how many have got in."""
    connection.execute("DROP TABLE IF EXISTS wide")
    connection.execute(f"CREATE TABLE wide ({', '.join(f'c{place}' for place in range(width))})")
    seen: list[str] = []
    connection.set_trace_callback(seen.append)

    done = bulk_insert(
        connection, "INSERT INTO wide SELECT * FROM ({rows})", width, [*range(1, width + 1)] * rows
    )

    connection.set_trace_callback(None)
    assert (len(seen), done) == (steps, rows)
    query = f"SELECT count(*), sum(c{width - 1}) FROM wide"  # noqa: S608 - our own
    assert connection.execute(query).fetchone() == (
        rows,
        width * rows or None,
    )


def test_does_not_count_what_has_not_got_in(connection: sqlite3.Connection) -> None:
    """Because it is there already."""
    connection.execute("DROP TABLE IF EXISTS once")
    connection.execute("CREATE TABLE once (number INTEGER, name TEXT UNIQUE)")
    cells = [1, "a", 2, "b", 3, "a"]

    assert (
        bulk_insert(connection, "INSERT OR IGNORE INTO once SELECT * FROM ({rows})", 2, cells) == 2
    )
    assert (
        bulk_insert(connection, "INSERT OR IGNORE INTO once SELECT * FROM ({rows})", 2, cells) == 0
    )
