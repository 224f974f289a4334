"""What is left of a customer who is forgotten? A keyed hash, by which they are recognised.

A job can read rows later that it has not read yet, and must not ask for that customer then.
"""

import secrets
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

import orjson
from attrs import frozen

from capillary_interactions.jobs._errors import JobInUseError, JobStoreError
from capillary_interactions.jobs._lists.list_reader import Batch
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.same_customer import SameCustomer, customer_keys
from capillary_interactions.jobs._store.job_settings import template_from_settings
from capillary_interactions.jobs._store.queries import metadata
from capillary_interactions.jobs._store.reopen import recount

FORGOTTEN: Final = "forgotten"
"""The tally of rows that are forgotten."""

_KEY: Final = "forgotten_key"
_KEY_SIZE: Final = 32
_DIGEST_SIZE: Final = 16
_ROWS: Final = (
    "SELECT number, first, row.value, sent.value, cells FROM row LEFT JOIN sent USING (number)"
)
_COUNTS: Final = (
    "INSERT OR REPLACE INTO tally "
    "SELECT 'duplicates', count(*) FROM row WHERE first <> number "
    "UNION ALL SELECT 'stale', count(*) FROM stale"
)


def _hashes(key: bytes, texts: Iterable[str]) -> set[str]:
    encoded = (text.encode(errors="backslashreplace") for text in texts)
    return {blake2b(text, key=key, digest_size=_DIGEST_SIZE).hexdigest() for text in encoded}


@frozen
class ForgottenCustomers:
    """The customers whom a job has forgotten; it recognises them, and knows nothing of them."""

    template: QueryTemplate
    key: bytes
    hashes: frozenset[str]

    @classmethod
    def load(cls, connection: sqlite3.Connection) -> Self | None:
        """Those of a job, or None if there are none."""
        hashes = frozenset(text for (text,) in connection.execute("SELECT hash FROM forgotten"))
        if not hashes:
            return None
        template = template_from_settings(metadata(connection, "settings"))
        return cls(template, bytes.fromhex(metadata(connection, _KEY)), hashes)

    def rows_of(self, batch: Batch) -> frozenset[int]:
        """The rows of a batch with these customers, by their index."""
        return frozenset(
            index
            for index, value in enumerate(batch.values)
            if self._is_one(value, None if index in batch.reasons else batch.sent.get(index, value))
        )

    def _is_one(self, value: str, sent: str | None) -> bool:
        keys = customer_keys(self.template, value, sent)
        return not self.hashes.isdisjoint(_hashes(self.key, keys))


@frozen
class _Matches:
    """What a job holds of a customer: the rows, their first ones, and rows that mention them."""

    rows: list[int]
    firsts: set[int]
    mentions: int


def erase(connection: sqlite3.Connection, customer: SameCustomer) -> tuple[int, int]:
    """Delete all that is stored of a customer, within a transaction; the caller counts the rows.

    Returns:
        How many rows that were, and how many other rows mention them in their cells or answers.
    """
    found = _find(connection, customer)
    rows, firsts = [(number,) for number in found.rows], [(first,) for first in found.firsts]
    connection.executemany("DELETE FROM outcome WHERE first = ?", firsts)
    connection.executemany("DELETE FROM stale WHERE first = ?", firsts)
    connection.executemany(
        "DELETE FROM customer WHERE value IN (SELECT coalesce(sent.value, row.value) "
        "FROM row LEFT JOIN sent USING (number) WHERE number = ?)",
        firsts,
    )
    connection.executemany("DELETE FROM sent WHERE number = ?", rows)
    connection.executemany("DELETE FROM row WHERE number = ?", rows)
    recount(connection)
    connection.execute(_COUNTS)
    _remember(connection, customer)
    return len(rows), found.mentions + _mentions_in_answers(connection, customer)


def _find(connection: sqlite3.Connection, customer: SameCustomer) -> _Matches:
    rows: list[int] = []
    firsts: set[int] = set()
    mentions = 0
    for number, first, value, sent, cells in connection.execute(_ROWS):
        mentioned = customer.is_in(cells)
        is_rejected = first is None
        known = None if is_rejected else sent or value
        # A row of theirs may not be in its list's format.
        is_misplaced = is_rejected and mentioned and customer.may_stand_elsewhere(value)
        if customer.is_spelled(value, known) or is_misplaced:
            rows.append(number)
            if not is_rejected:
                firsts.add(first)
        else:
            mentions += mentioned
    return _Matches(rows, firsts, mentions)


def _mentions_in_answers(connection: sqlite3.Connection, customer: SameCustomer) -> int:
    if not customer.mentions:
        return 0
    found = " OR ".join(["instr(answer, ?)"] * len(customer.mentions))
    query = f"SELECT count(*) FROM outcome WHERE {found}"  # noqa: S608 - no value in it
    count: int = connection.execute(query, customer.mentions).fetchone()[0]
    return count


def _remember(connection: sqlite3.Connection, customer: SameCustomer) -> None:
    text = metadata(connection, _KEY) or secrets.token_hex(_KEY_SIZE)
    statement = "INSERT OR REPLACE INTO fact VALUES (?, ?)"
    connection.execute(statement, (_KEY, orjson.dumps(text).decode()))
    hashes = _hashes(bytes.fromhex(text), customer.keys)
    connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", [(h,) for h in hashes])


def clear_deleted(connection: sqlite3.Connection, path: Path) -> None:
    """Leave nothing of what was ever deleted in a job's file, nor in its log.

    Raises:
        JobInUseError: Another program reads the job, so that the log cannot be emptied.
        JobStoreError: There is no room for the file a second time.
    """
    again = "What was asked for is deleted, but its bytes may still be in the file: "
    try:
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise JobStoreError(
            f"{path} cannot be written anew ({error}). {again}make room for it a second time, and "
            "forget them again"
        ) from error
    if busy:
        raise JobInUseError(
            f"another program reads {path}. {again}forget them again when it has ended"
        )
