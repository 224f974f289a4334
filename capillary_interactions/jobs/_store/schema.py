"""The tables of a job's file.

A SQLite database in WAL mode. Times are seconds since 1970, durations are seconds.
"""

from typing import Final

APPLICATION: Final = 0x43494A42
VERSION: Final = 1

FAILED: Final = ("rejected", "unreadable", "unavailable")
"""The endings of rows that have failed."""

# SQLite uses an index of some rows only where a query says the same of them.
HAS_FAILED: Final = f"ending IN ({', '.join(map(repr, FAILED))})"
"""Of an outcome, in SQL: whether it is one of them."""

SENT_COLUMNS: Final = "(number INTEGER PRIMARY KEY, value TEXT NOT NULL)"
STALE_COLUMNS: Final = "(first INTEGER PRIMARY KEY)"
FORGOTTEN_COLUMNS: Final = "(hash TEXT PRIMARY KEY) WITHOUT ROWID"

SCHEMA: Final = f"""
-- Metadata of the job, as JSON.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The rows of the list, in its order. `first` is the number of the first row with the same
-- customer (mostly the row itself), and NULL where the row cannot be asked for `reason`.
CREATE TABLE row (
    number INTEGER PRIMARY KEY,
    first  INTEGER,
    value  TEXT NOT NULL,
    reason TEXT,
    cells  TEXT NOT NULL
);
CREATE INDEX row_again ON row (first) WHERE first <> number;
CREATE INDEX row_refused ON row (number) WHERE first IS NULL;

-- The customers of rows as they are sent, where that is not as the list spells them: a phone
-- number's digits. Jobs of the first version have no such table, and get it when they are opened.
CREATE TABLE sent {SENT_COLUMNS};

-- Every customer once, as it is sent, to tell whether a row's is there already.
CREATE TABLE customer (
    value TEXT PRIMARY KEY,
    first INTEGER NOT NULL
) WITHOUT ROWID;

-- How the lookup for a customer has ended.
CREATE TABLE outcome (
    first       INTEGER PRIMARY KEY,
    ending      TEXT NOT NULL,
    answer      TEXT,
    reason      TEXT,
    status      INTEGER,
    code        INTEGER,
    path        TEXT,
    retry_after REAL,
    attempts    INTEGER NOT NULL,
    elapsed     REAL NOT NULL,
    waited      REAL NOT NULL,
    request_id  TEXT,
    at          REAL NOT NULL
);
CREATE INDEX outcome_failed ON outcome (ending, first) WHERE {HAS_FAILED};

-- Customers, by their first row, that are to be asked for again and have their outcome until then.
-- Jobs of earlier versions get this table and the next one, too, and the last two counts of a run.
CREATE TABLE stale {STALE_COLUMNS};

-- Keyed hashes of the identifiers of customers who are forgotten and not asked for again.
CREATE TABLE forgotten {FORGOTTEN_COLUMNS};

-- Counts of rows by how they ended, so that they need not be counted.
CREATE TABLE tally (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;

-- Each time the job was run.
CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    began     REAL NOT NULL,
    seconds   REAL NOT NULL DEFAULT 0,
    asked     INTEGER NOT NULL DEFAULT 0,
    requests  INTEGER NOT NULL DEFAULT 0,
    retries   INTEGER NOT NULL DEFAULT 0,
    throttled INTEGER NOT NULL DEFAULT 0,
    waited    REAL NOT NULL DEFAULT 0,
    served    REAL NOT NULL DEFAULT 0,
    quota     REAL NOT NULL,
    stopped   TEXT,
    refreshed INTEGER NOT NULL DEFAULT 0,
    kept      INTEGER NOT NULL DEFAULT 0
);
"""

REASON_COLUMNS: Final = ("reason", "status", "code", "path", "retry_after")
"""Of an outcome without an answer: why there is none."""

_COLUMNS: Final = ("first", "ending", "attempts", "elapsed", "waited", "at", "request_id")

# Apart, as sqlite3 takes almost a microsecond to bind a None.
FOUND_COLUMNS: Final = (*_COLUMNS, "answer")
OTHER_COLUMNS: Final = (*_COLUMNS, *REASON_COLUMNS)
OUTCOME_COLUMNS: Final = (*OTHER_COLUMNS, "answer")
