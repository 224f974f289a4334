"""Storing the rows of a batch, within a transaction."""

import sqlite3
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Final

from capillary_interactions.jobs._lists.list_reader import Batch
from capillary_interactions.jobs._store.bulk_insert import insert_rows

_INSERT_CUSTOMER: Final = "INSERT OR IGNORE INTO customer (first, value)"
_INSERT_SENT: Final = "INSERT INTO sent (number, value)"
_INSERT_ROW: Final = "INSERT INTO row (number, value, cells, first)"
_FIRST_OF_CUSTOMER: Final = "(?, ?, ?, (SELECT first FROM customer WHERE value = ?))"
_INSERT_REJECTED: Final = "INSERT INTO row (number, value, cells, reason)"


def insert_batch(
    connection: sqlite3.Connection, batch: Batch, left_out: AbstractSet[int]
) -> tuple[int, bool]:
    """Insert the rows of a batch, but for some, which are given by their index.

    Returns:
        How many are rejected, and whether a customer has an earlier row.
    """
    rows = list(zip(range(batch.first, batch.end), batch.values, batch.cells, strict=True))
    others = {*batch.reasons, *left_out}
    asked = list(compress(rows, (index not in others for index in range(len(rows)))))
    reasons = {index: text for index, text in batch.reasons.items() if index not in left_out}
    rejected = [(*rows[index], text) for index, text in reasons.items()]
    spelled = {index: text for index, text in batch.sent.items() if index not in left_out}
    sent = {batch.first + index: text for index, text in spelled.items()}
    keys = [(number, sent.get(number, value)) for number, value, _ in asked]
    customers = insert_rows(connection, _INSERT_CUSTOMER, keys)
    keyed = [(*row, key) for row, (_, key) in zip(asked, keys, strict=True)]
    insert_rows(connection, _INSERT_ROW, keyed, _FIRST_OF_CUSTOMER)
    insert_rows(connection, _INSERT_SENT, list(sent.items()))
    insert_rows(connection, _INSERT_REJECTED, rejected)
    return len(rejected), customers < len(asked)
