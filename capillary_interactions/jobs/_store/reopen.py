"""Deleting outcomes of a job, within a transaction, so that their customers are asked for again."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions.jobs._store.records import RESULTS_QUERY, is_readable

_RECOUNT: Final = (
    "INSERT INTO tally SELECT coalesce(ending, 'rejected'), count(*) FROM row "
    "LEFT JOIN outcome USING (first) WHERE row.first IS NULL OR ending IS NOT NULL GROUP BY 1"
)


def forget(connection: sqlite3.Connection, endings: Iterable[str]) -> None:
    connection.executemany(
        "DELETE FROM outcome WHERE ending = ?", [(ending,) for ending in endings]
    )
    recount(connection)


def forget_damaged(connection: sqlite3.Connection) -> int:
    """Delete the outcomes that cannot be read; return how many rows these are."""
    damaged = [row[:1] for row in connection.execute(RESULTS_QUERY) if not is_readable(row)]
    connection.executemany(
        "DELETE FROM outcome WHERE first = (SELECT first FROM row WHERE number = ?)", damaged
    )
    recount(connection)
    return len(damaged)


def check_endings(endings: Iterable[str]) -> tuple[str, ...]:
    """Return endings, each once; a `ValueError` if one is no ending."""
    unique = tuple(dict.fromkeys(endings))
    for ending in unique:
        if ending not in ENDINGS:
            raise ValueError(f"an ending must be one of {', '.join(ENDINGS)}, not {ending!r}")
    return unique


def recount(connection: sqlite3.Connection) -> None:
    """Count the rows by how they ended anew, and see to it that the next run looks at all."""
    # Rows before the low watermark may be open again.
    connection.execute("INSERT OR REPLACE INTO fact VALUES ('settled', '0')")
    connection.executemany("DELETE FROM tally WHERE name = ?", [(ending,) for ending in ENDINGS])
    connection.execute(_RECOUNT)
