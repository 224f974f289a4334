"""What stands in a job's file, and in results written from it, whatever their format."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

SUFFIXES: Final = (".csv", ".sqlite", ".parquet", ".jsonl")
# What differs from run to run.
_PASSING: Final = frozenset(
    {"attempts", "elapsed", "waited", "requestId", "request_id", "ended_at"}
)


def recorded(job: Path, since: float = 0.0) -> list[str]:
    """The customers with an outcome that was recorded since a time, in seconds since 1970."""
    if not job.exists() or not job.stat().st_size:
        return []
    with closing(sqlite3.connect(job)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outcome'").fetchone():
            return []
        query = "SELECT value FROM outcome JOIN row ON number = outcome.first WHERE at >= ?"
        return [value for (value,) in connection.execute(query, (since,))]


def answers(path: Path) -> list[dict[str, Any]]:
    """What a result says, row by row, without the times and numbers of attempts."""
    return [
        {name: row[name] for name in row if name not in _PASSING}
        for row in _READERS[path.suffix](path)
    ]


def rows_of(path: Path) -> list[list[str]]:
    """The rows of a list, without the names of its columns."""
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _parquet(path: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(path).to_dicts()


def _sqlite(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM messages ORDER BY rowid").fetchall()
        kept = connection.execute("SELECT row, answer FROM answers ORDER BY row").fetchall()
    return [dict(row) for row in (*rows, *kept)]


_READERS: Final = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet, ".sqlite": _sqlite}
