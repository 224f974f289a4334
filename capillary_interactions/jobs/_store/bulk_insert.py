"""Inserting many rows with few statements."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

# sqlite3 releases the GIL three times a statement, and beside a busy event loop it takes up to
# 5 ms to get it back.
_ROWS_PER_STATEMENT: Final = 64


def insert_rows(
    connection: sqlite3.Connection,
    statement: str,
    rows: Sequence[tuple[Any, ...]],
    values: str | None = None,
) -> int:
    """Insert rows, many in a statement; return how many were inserted.

    Args:
        connection: The file.
        statement: What stands before the values.
        rows: The rows.
        values: The placeholders of one row, if they are not just one for each of its values.
    """
    inserted = 0
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        part = rows[start : start + _ROWS_PER_STATEMENT]
        values = values or f"({', '.join('?' * len(part[0]))})"
        if len(part) == _ROWS_PER_STATEMENT:
            query = f"{statement} VALUES {', '.join([values] * len(part))}"
            cursor = connection.execute(query, list(chain.from_iterable(part)))
        else:
            cursor = connection.executemany(f"{statement} VALUES {values}", part)
        inserted += cursor.rowcount
    return inserted
