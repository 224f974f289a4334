"""How are results written as a SQLite file? Two plain tables, which DuckDB reads too."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions._json.dates import format_iso
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._lists.columns import unique_names

_GROUP: Final = 5_000
_OTHERS: Final = "other_columns"
_TYPES: Final = {
    "integer": "INTEGER",
    "real": "REAL",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    # Not TIMESTAMP: Python's sqlite3 reads that, where it reads declared types, without a zone, and
    # fails at the T and the Z. All others take this for a time as well.
    "time": "DATETIME",
}


def write_sqlite(
    part: Path, columns: Sequence[Column], rows: Iterable[tuple[Sequence[Any], str | None]]
) -> None:
    """Write a SQLite file: `messages`, the table, and `answers`, the JSON for a row of the list.

    If there are more columns than SQLite takes, the last ones of the list stand in one, as JSON.

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
    columns, shape = _fitted(columns, connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN))
    # The file is nobody's before it is whole.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    listed = ", ".join(f"{_quoted(each.name)} {_TYPES[each.kind]}" for each in columns)
    connection.execute("BEGIN")
    connection.execute(f"CREATE TABLE messages ({listed})")
    connection.execute("CREATE TABLE answers (row INTEGER PRIMARY KEY, answer TEXT NOT NULL)")
    insert = f"INSERT INTO messages VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for group in _groups(rows):
        connection.executemany(insert, (tuple(map(_value, shape(row))) for row, _ in group))
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


def _fitted(
    columns: Sequence[Column], most: int
) -> tuple[Sequence[Column], Callable[[Sequence[Any]], Sequence[Any]]]:
    """The columns of the table, and how a row is made to fit into them."""
    if len(columns) <= most:
        return columns, lambda row: row
    given = [place for place, column in enumerate(columns) if column.given is not None]
    end = given[-1] + 1
    start = end - (len(columns) - most) - 1
    names = [column.name for column in columns]
    *_, name = unique_names([*names, _OTHERS])

    def shape(row: Sequence[Any]) -> Sequence[Any]:
        over = zip(names[start:end], row[start:end], strict=True)
        others = {name: cell for name, cell in over if cell is not None}
        return (*row[:start], orjson.dumps(others).decode(), *row[end:])

    return (*columns[:start], Column(name, "text"), *columns[end:]), shape


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _value(value: Any) -> Any:
    return format_iso(value) if isinstance(value, datetime) else value
