"""How do many rows get into a table at one step?

SQLite's module gives Python's lock away three times a statement and, beside a busy event loop, may
wait five milliseconds to get it back; the loop in turn stands still while a thread takes it up. So
a statement takes all rows there are, up to thousands. There are statements of a few sizes, which
SQLite keeps compiled, and rows that are left out make up for what is missing.

Until then rows are values in one flat list, which Python's garbage collector need not look through.
None among them costs a search for an adapter, eight times what a value does: what is mostly NULL
has a statement without it, or is written as an empty text and read by `NULLIF`.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

# With up to 15 values in a row, SQLite takes no more.
_MOST: Final = 2048


def insert(
    connection: sqlite3.Connection, statement: str, width: int, cells: Sequence[Any]
) -> None:
    """Do something with rows, a few thousand at a step.

    Args:
        connection: Where.
        statement: What is done with some of them, with `{rows}` where there is to be a query for
            them; its columns are `column1` and so on.
        width: How many values a row has.
        cells: The values, row by row. The first one of each row is a number, and not 0.
    """
    for begin in range(0, len(cells), _MOST * width):
        part = cells[begin : begin + _MOST * width]
        rows = len(part) // width
        size = 1 << (rows - 1).bit_length()
        padding = repeat(0, (size - rows) * width)
        connection.execute(_of_size(statement, width, size), [*part, *padding])


@lru_cache(maxsize=64)
def _of_size(statement: str, width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    values = f"VALUES {', '.join(repeat(row, rows))}"
    return statement.replace("{rows}", f"SELECT * FROM ({values}) WHERE column1 <> 0")  # noqa: S608 - our own
