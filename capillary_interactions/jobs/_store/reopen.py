"""Which outcomes of a job are forgotten, so that their customers are asked for again?"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions.jobs._store.records import RESULTS_QUERY, is_sound

_RECOUNT: Final = (
    "INSERT INTO tally SELECT coalesce(ending, 'rejected'), count(*) FROM row "
    "LEFT JOIN outcome USING (first) WHERE row.first IS NULL OR ending IS NOT NULL GROUP BY 1"
)
_START_OVER: Final = "INSERT OR REPLACE INTO fact VALUES ('settled', '0')"


def forget(connection: sqlite3.Connection, endings: Sequence[str]) -> None:
    """Delete the outcomes with these endings, within a transaction."""
    connection.execute(
        "DELETE FROM outcome WHERE ending IN (SELECT value FROM json_each(?))", (_listed(endings),)
    )
    connection.execute(_START_OVER)
    for ending in endings:
        # Rows that cannot be asked stay as they are.
        kept = _refused(connection) if ending == "rejected" else 0
        connection.execute("INSERT OR REPLACE INTO tally VALUES (?, ?)", (ending, kept))


def forget_damaged(connection: sqlite3.Connection) -> int:
    """Delete the outcomes that cannot be read, within a transaction; how many rows those are."""
    odd = [row[0] for row in connection.execute(RESULTS_QUERY) if not is_sound(row)]
    connection.execute(
        "DELETE FROM outcome WHERE first IN (SELECT first FROM row WHERE number IN "
        "(SELECT value FROM json_each(?)))",
        (_listed(odd),),
    )
    connection.execute(_START_OVER)
    connection.execute(
        "DELETE FROM tally WHERE name IN (SELECT value FROM json_each(?))", (_listed(ENDINGS),)
    )
    connection.execute(_RECOUNT)
    return len(odd)


def reopened(endings: Iterable[str]) -> tuple[str, ...]:
    """Endings that rows can be taken back from.

    Raises:
        ValueError: One is no ending.
    """
    chosen = tuple(dict.fromkeys(endings))
    for ending in chosen:
        if ending not in ENDINGS:
            raise ValueError(f"an ending must be one of {', '.join(ENDINGS)}, not {ending!r}")
    return chosen


def _refused(connection: sqlite3.Connection) -> int:
    """Rows that are no query."""
    query = "SELECT count(*) FROM row WHERE first IS NULL"
    return int(connection.execute(query).fetchone()[0])


def _listed(values: Iterable[object]) -> str:
    return orjson.dumps(list(values)).decode()
