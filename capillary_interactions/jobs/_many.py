"""How do many rows get into a table at few steps of few statements?

SQLite's module gives Python's lock away at each step and, beside a busy event loop, may wait five
milliseconds to get it back; what takes a step for each row takes for ever, and costs the loop too.
So hundreds of rows go in at each step, by statements of a few sizes, which SQLite keeps compiled.
Until then they are values in one flat list, which Python's garbage collector need not look through.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

# Together they make up any number, and each is compiled once.
_SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)


def in_steps(
    statement: str, width: int, cells: Sequence[Any]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """The statements that get rows into a table, each with its parameters.

    Args:
        statement: What is done with some rows, with `{rows}` where `VALUES ...` goes.
        width: How many values a row has.
        cells: The values, row by row.
    """
    begin = 0
    for size in _SIZES:
        while len(cells) - begin >= size * width:
            end = begin + size * width
            yield _of_size(statement, width, size), cells[begin:end]
            begin = end


@lru_cache(maxsize=64)
def _of_size(statement: str, width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    return statement.format(rows=f"VALUES {', '.join([row] * rows)}")
