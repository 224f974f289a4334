"""Has a file the tables of a job, and what does that of an earlier version lack?"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Final

from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._store.schema import (
    FORGOTTEN_COLUMNS,
    SCHEMA,
    SENT_COLUMNS,
    STALE_COLUMNS,
)

_ADDED_TABLES: Final = {
    "sent": SENT_COLUMNS,
    "stale": STALE_COLUMNS,
    "forgotten": FORGOTTEN_COLUMNS,
}
_ADDED_TO_RUN: Final = ("refreshed", "kept")


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `JobStoreError` unless the tables are tables: a view or a trigger may do anything."""
    schema = connection.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
    tables = {name for type_, name, page in schema if type_ == "table" and page}
    names = {name for _, name, _ in schema}
    required = {
        table: columns
        for table, columns in _required_columns().items()
        if table not in _ADDED_TABLES or table in names
    }
    if (
        any(type_ == "trigger" for type_, _, _ in schema)
        or not required.keys() <= tables
        or not all(columns <= _columns_of(connection, table) for table, columns in required.items())
    ):
        raise JobStoreError(
            f"{path} is damaged, or not as this program writes it: it has not the tables of a job"
        )


def upgrade(connection: sqlite3.Connection, *, read_only: bool) -> None:
    """Give a job of an earlier version what it lacks, for this connection at least."""
    if not read_only:
        with suppress(sqlite3.Error):
            for statement in _missing(connection):
                connection.execute(statement)
            return
    for statement in _missing(connection, temporary=True):
        connection.execute(statement)


def _missing(connection: sqlite3.Connection, *, temporary: bool = False) -> Iterator[str]:
    kind = "TEMP TABLE" if temporary else "TABLE"
    for table, columns in _ADDED_TABLES.items():
        if not _columns_of(connection, table):
            yield f"CREATE {kind} {table} {columns}"
    there = _columns_of(connection, "run")
    added = [name for name in _ADDED_TO_RUN if name not in there]
    if added and temporary:
        # It is found before the other one of its name.
        values = ", ".join(f"0 AS {name}" for name in added)
        yield f"CREATE TEMP TABLE run AS SELECT *, {values} FROM main.run"  # noqa: S608 - our own names
    elif added:
        yield from (f"ALTER TABLE run ADD COLUMN {name} {_COUNT}" for name in added)


_COUNT: Final = "INTEGER NOT NULL DEFAULT 0"


@cache
def _required_columns() -> dict[str, set[str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = {name: _columns_of(connection, name) for (name,) in tables.fetchall()}
    columns["run"].difference_update(_ADDED_TO_RUN)
    return columns


def _columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    columns = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
    return {name for _, name, *_, hidden in columns if not hidden}
