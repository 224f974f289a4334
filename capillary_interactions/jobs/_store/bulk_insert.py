"""How do many rows get into a table at one step?

SQLite's module gives Python's lock away three times a statement and, beside a busy event loop, may
wait five milliseconds to get it back; the loop in turn stands still while a thread takes it up. So
a statement takes all rows there are, up to thousands. There are statements of a few sizes, which
are kept compiled; what is missing is filled up, and left out by a limit. (A condition would be
compiled anew for each row, which takes ten times as long as all the rest.)

Until then rows are values in one flat list, which Python's garbage collector need not look through.
None among them costs a search for an adapter, eight times what a value does: what is mostly NULL
has a statement without it, or is written as an empty text and read by `NULLIF`.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

# SQLite takes one more in one statement: the limit.
_MOST_VALUES: Final = 32_765
_MOST_ROWS: Final = 4096


def bulk_insert(
    connection: sqlite3.Connection, statement: str, width: int, cells: Sequence[Any]
) -> int:
    """Insert rows, a few thousand at a step; how many have got in.

    Args:
        connection: Where.
        statement: What inserts them, from a query that ends with `FROM ({rows})`, where the columns
            are `column1` and so on.
        width: How many values a row has.
        cells: The values, row by row.
    """
    most, done = _most(width) * width, 0
    for begin in range(0, len(cells), most):
        part = cells[begin : begin + most]
        rows = len(part) // width
        size = 1 << (rows - 1).bit_length()
        padding = repeat(0, (size - rows) * width)
        values = [*part, *padding, rows]
        done += connection.execute(_of_size(statement, width, size), values).rowcount
    return done


def _most(width: int) -> int:
    """The largest size of a statement for rows of so many values."""
    return min(_MOST_ROWS, 1 << (_MOST_VALUES // width).bit_length() - 1)


@lru_cache(maxsize=64)
def _of_size(statement: str, width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    values = f"VALUES {', '.join(repeat(row, rows))}"
    return f"{statement.replace('{rows}', values)} LIMIT ?"
