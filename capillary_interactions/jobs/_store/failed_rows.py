"""Which rows have failed? The first and the last ones, found by the indexes for them."""

import sqlite3

from capillary_interactions.jobs._lists.unusable_cells import COUNTED_REASONS, describe_counted
from capillary_interactions.jobs._status import Failure
from capillary_interactions.jobs._store.column_values import checked_texts
from capillary_interactions.jobs._store.schema import FAILED, HAS_FAILED


def failures(
    connection: sqlite3.Connection, most: int
) -> tuple[tuple[Failure, ...], tuple[Failure, ...]]:
    """The first and the last rows that failed, none of them twice.

    Args:
        connection: To a job's file.
        most: So many of each.
    """
    first = _failures(connection, "ASC", most)
    seen = {failure.row for failure in first}
    last = [each for each in _failures(connection, "DESC", most) if each.row not in seen]
    return tuple(first), tuple(reversed(last))


def noted(connection: sqlite3.Connection) -> str | None:
    """How many rows hold something else than a customer, in words, or None.

    Args:
        connection: To a job's file.
    """
    reasons = ", ".join("?" * len(COUNTED_REASONS))
    return describe_counted(
        dict(
            connection.execute(
                "SELECT reason, count(*) FROM row "  # noqa: S608 - no value in it
                f"WHERE first IS NULL AND reason IN ({reasons}) GROUP BY reason",
                COUNTED_REASONS,
            )
        )
    )


def _failures(connection: sqlite3.Connection, order: str, most: int) -> list[Failure]:
    parts = [
        f"SELECT * FROM (SELECT number, ending, value, outcome.reason AS reason "  # noqa: S608
        f"FROM outcome JOIN row ON row.number = outcome.first "
        f"WHERE {HAS_FAILED} AND ending = '{ending}' ORDER BY outcome.first {order} LIMIT {most})"
        for ending in FAILED
    ]
    parts.append(
        f"SELECT * FROM (SELECT number, 'rejected', value, reason FROM row "  # noqa: S608
        f"WHERE first IS NULL ORDER BY number {order} LIMIT {most})"
    )
    query = f"{' UNION ALL '.join(parts)} ORDER BY number {order} LIMIT {most}"
    found = connection.execute(query).fetchall()
    checked_texts([text for _, *texts in found for text in texts])
    return [
        Failure(row=row, ending=ending, identifier=value, reason=reason)
        for row, ending, value, reason in found
    ]
