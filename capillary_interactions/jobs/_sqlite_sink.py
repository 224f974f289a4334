"""How are results written as a SQLite file? Two plain tables, which DuckDB reads too."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from capillary_interactions._dates import iso
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._flat import Column

_GROUP: Final = 5_000
_TYPES: Final = {
    "integer": "INTEGER",
    "real": "REAL",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",
}


def write_sqlite(
    part: Path, columns: Sequence[Column], rows: Iterable[tuple[Sequence[Any], str | None]]
) -> None:
    """Write a SQLite file: `messages`, the table, and `answers`, the JSON for a row of the list.

    Args:
        part: The file to write to.
        columns: The columns of `messages`.
        rows: The rows of `messages`, each with the answer if it is the first one for its row.

    Raises:
        ExportError: SQLite cannot write it.
    """
    try:
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            _write(connection, columns, rows)
        finally:
            connection.close()
    except sqlite3.Error as failed:
        raise ExportError(f"the SQLite file cannot be written: {failed}") from None


def _write(
    connection: sqlite3.Connection,
    columns: Sequence[Column],
    rows: Iterable[tuple[Sequence[Any], str | None]],
) -> None:
    # The file is nobody's before it is whole.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    listed = ", ".join(f"{_quoted(each.name)} {_TYPES[each.kind]}" for each in columns)
    connection.execute("BEGIN")
    connection.execute(f"CREATE TABLE messages ({listed})")
    connection.execute("CREATE TABLE answers (row INTEGER PRIMARY KEY, answer TEXT NOT NULL)")
    insert = f"INSERT INTO messages VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for group in _groups(rows):
        connection.executemany(insert, ([_value(cell) for cell in row] for row, _ in group))
        connection.executemany(
            "INSERT INTO answers VALUES (?, ?)",
            [(row[0], answer) for row, answer in group if answer is not None],
        )
    connection.execute("COMMIT")


def _groups(
    rows: Iterable[tuple[Sequence[Any], str | None]],
) -> Iterator[list[tuple[Sequence[Any], str | None]]]:
    source = iter(rows)
    while group := list(islice(source, _GROUP)):
        yield group


def _quoted(name: str) -> str:
    # A name cannot hold a NUL there, and a cell can.
    return '"' + name.replace("\0", "").replace('"', '""') + '"'


def _value(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
