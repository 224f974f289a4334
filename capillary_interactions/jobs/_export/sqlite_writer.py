"""Writes results as a SQLite file: two plain tables, which DuckDB reads too."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions._json.dates import format_iso
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._lists.columns import unique_names

# A row of `messages`, and the answer if it is the first row for a row of the list.
_Row = tuple[Sequence[Any], str | None]

_GROUP: Final = 5_000
_OTHER_COLUMNS: Final = "other_columns"
_TYPES: Final = {
    "integer": "INTEGER",
    "real": "REAL",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    # Not TIMESTAMP: Python's sqlite3, asked to detect declared types, parses that without a zone
    # and fails at the T and the Z. All other readers take DATETIME for a time as well.
    "time": "DATETIME",
}


def write_sqlite(part: Path, columns: Sequence[Column], rows: Iterable[_Row]) -> None:
    """Write `messages`, the table, and `answers`, the JSON for a row of the list.

    If there are more columns than SQLite allows, the last ones of the list are in one, as JSON.

    Raises:
        ExportError: SQLite cannot write it.
    """
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            _write(connection, columns, rows)
    except sqlite3.Error as error:
        raise ExportError(f"the SQLite file cannot be written: {error}") from None


def _write(connection: sqlite3.Connection, columns: Sequence[Column], rows: Iterable[_Row]) -> None:
    columns, fit = _fitted(columns, connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN))
    # No journal: an incomplete file is deleted anyway.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    declared = ", ".join(f"{_quoted(column.name)} {_TYPES[column.type]}" for column in columns)
    connection.execute("BEGIN")
    connection.execute(f"CREATE TABLE messages ({declared})")
    connection.execute("CREATE TABLE answers (row INTEGER PRIMARY KEY, answer TEXT NOT NULL)")
    insert = f"INSERT INTO messages VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for group in _groups(rows):
        connection.executemany(insert, (tuple(map(_value, fit(row))) for row, _ in group))
        connection.executemany(
            "INSERT INTO answers VALUES (?, ?)",
            [(row[0], answer) for row, answer in group if answer is not None],
        )
    connection.execute("COMMIT")


def _groups(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    source = iter(rows)
    while group := list(islice(source, _GROUP)):
        yield group


def _fitted(
    columns: Sequence[Column], limit: int
) -> tuple[Sequence[Column], Callable[[Sequence[Any]], Sequence[Any]]]:
    """The columns of the table, and a function that makes a row fit them."""
    if len(columns) <= limit:
        return columns, lambda row: row
    inputs = [index for index, column in enumerate(columns) if column.input_index is not None]
    end = inputs[-1] + 1
    start = end - (len(columns) - limit) - 1
    names = [column.name for column in columns]
    *_, name = unique_names([*names, _OTHER_COLUMNS])

    def fit(row: Sequence[Any]) -> Sequence[Any]:
        surplus = zip(names[start:end], row[start:end], strict=True)
        others = {name: cell for name, cell in surplus if cell is not None}
        return (*row[:start], orjson.dumps(others).decode(), *row[end:])

    return (*columns[:start], Column(name, "text"), *columns[end:]), fit


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _value(value: Any) -> Any:
    return format_iso(value) if isinstance(value, datetime) else value
