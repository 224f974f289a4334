"""Which customers are asked for again, and which of two outcomes does one keep?

Within a transaction. An outcome stays until there is a newer one that is worth more.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from attrs import frozen

from capillary_interactions.jobs._store.records import OutcomeBatch

STALE: Final = "stale"
"""The tally of customers that are to be asked for again."""

_ANSWERS: Final = frozenset({"found", "not_found"})
_COUNT_STALE: Final = "SELECT count(*), min(first) FROM stale"
_STALE_OF: Final = (
    "SELECT stale.first, ending FROM json_each(?) AS asked "
    "JOIN stale ON stale.first = asked.value LEFT JOIN outcome USING (first)"
)
_ENDINGS_OF_OTHERS: Final = (
    "SELECT ending, count(*) FROM json_each(?) AS asked "
    "JOIN row ON row.first = asked.value AND row.first <> row.number "
    "JOIN outcome ON outcome.first = row.first GROUP BY ending"
)


def mark_stale(
    connection: sqlite3.Connection, before: float, endings: Iterable[str]
) -> tuple[int, int | None, int]:
    """Mark the customers whose outcome is older than a time, in seconds since 1970.

    Returns:
        How many customers are marked, the row of the first one, and how many rows they have.
    """
    # Once for all endings: the answers stand in the way of what is looked at.
    connection.execute(
        "INSERT OR IGNORE INTO stale SELECT first FROM outcome "
        "WHERE at < ? AND ending IN (SELECT value FROM json_each(?))",
        (before, orjson.dumps(list(endings)).decode()),
    )
    count, first = connection.execute(_COUNT_STALE).fetchone()
    rows = connection.execute("SELECT count(*) FROM row JOIN stale USING (first)").fetchone()[0]
    return count, first, rows


def keeps_earlier(earlier: str, newer: str) -> bool:
    """Whether a customer keeps the earlier outcome: an answer is replaced by an answer only."""
    return earlier in _ANSWERS and newer not in _ANSWERS


@frozen
class Refreshed:
    """Outcomes of which some are newer ones.

    Attributes:
        batch: What is to be recorded.
        marked: How many customers are no longer to be asked for again.
        refreshed: How many have a newer outcome in place of their earlier one.
        kept: How many keep their earlier one.
        removed: Rows by how they had ended, of the earlier outcomes that are removed.
    """

    batch: OutcomeBatch
    marked: int
    refreshed: int
    kept: int
    removed: Counter[str]


def replace_stale(connection: sqlite3.Connection, batch: OutcomeBatch) -> Refreshed:
    """Remove the marks of customers, and the outcomes that newer ones replace."""
    marked = dict(connection.execute(_STALE_OF, (_to_json(batch.numbers),)).fetchall())
    newer = batch.ending_of()
    earlier = {first: ending for first, ending in marked.items() if ending is not None}
    kept = {first for first, ending in earlier.items() if keeps_earlier(ending, newer[first])}
    replaced = [first for first in earlier if first not in kept]
    removed = Counter(earlier[first] for first in replaced)
    removed.update(other_rows_by_ending(connection, replaced))
    connection.executemany("DELETE FROM stale WHERE first = ?", [(first,) for first in marked])
    connection.executemany("DELETE FROM outcome WHERE first = ?", [(first,) for first in replaced])
    return Refreshed(batch.without(kept), len(marked), len(replaced), len(kept), removed)


def other_rows_by_ending(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[str, int]:
    """The further rows of customers, given by their first ones, by how they have ended."""
    return dict(connection.execute(_ENDINGS_OF_OTHERS, (_to_json(numbers),)).fetchall())


def _to_json(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
