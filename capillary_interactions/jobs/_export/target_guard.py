"""Which file may a job's results take the place of? Blocks.

Never the job's own or its list; and a job knows again what it has written itself, so that whoever
is careful can ask before anything else goes.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions.jobs._errors import ExportError, JobError
from capillary_interactions.jobs._export.atomic_file import remove_stale_temporary, temporary_path
from capillary_interactions.jobs._lists.rows import escape_unencodable
from capillary_interactions.jobs._lists.source_file import path_from_json
from capillary_interactions.jobs._store.connection import (
    DAMAGE,
    connect,
    remove,
    sqlite_errors,
    transaction,
)
from capillary_interactions.jobs._store.queries import metadata

EXPORTS: Final = "exports"
"""The fact with the results that were written: for each path, what the last two looked like."""

_MOST: Final = 50
_PATIENCE: Final = 500  # ms; somebody may be running the job
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", "-lock")


def refuse_job_or_list(job: Path, path: Path) -> None:
    """See whether a file is one of a job's own, or its list.

    Raises:
        ExportError: It is.
        JobStoreError: The job cannot be read.
    """
    with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
        refuse_own(connection, job, path)


def refuse_own(connection: sqlite3.Connection, job: Path, path: Path) -> None:
    """The same, of a job that is open.

    Raises:
        ExportError: It is.
    """
    real = Path(os.path.realpath(job))
    own = [real.with_name(f"{real.name}{suffix}") for suffix in _SUFFIXES]
    given = [metadata(connection, "list") or {}, metadata(connection, "stamp") or {}]
    lists = [
        path_from_json(each) for each in (given[0].get("source"), given[1].get("path")) if each
    ]
    for target in (Path(os.path.realpath(path)), temporary_path(Path(os.path.realpath(path)))):
        if _is_one_of(target, own):
            raise ExportError(f"{path}: it is the job itself")
        if _is_one_of(target, lists):
            raise ExportError(f"{path}: it is the list itself")


def _is_one_of(path: Path, others: Iterable[Path]) -> bool:
    return any(_is_same(path, other) for other in others)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return str(path) == os.path.realpath(other)


def was_exported_by(job: Path, path: Path) -> bool:
    """Whether what is there is a result as that job has written it; if in doubt it is not."""
    try:
        with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
            known = _known(connection)
        return any(_stamp(path) in stamps for stamps in known.values())
    except (JobError, OSError):
        return False


def record_export_started(connection: sqlite3.Connection, path: Path) -> None:
    """Write down that results are about to be written, for whoever clears up if that is killed."""
    _note(connection, path, [])


def record_export_done(connection: sqlite3.Connection, path: Path, part: Path) -> None:
    """Write down what results look like that are about to take their place."""
    _note(connection, path, [_stamp(part)])


def delete_job(job: Path) -> dict[str, Any]:
    """Remove a job, and what killed exports of it have left half written; the fact `EXPORTS`.

    Raises:
        JobStoreError: That is not possible.
    """
    known: dict[str, Any] = {}
    with (
        suppress(JobError),
        closing(connect(job, read_only=True)) as connection,
        sqlite_errors(job),
    ):
        known = _known(connection)
    remove(job)
    for path in known:
        remove_stale_temporary(Path(path))
    return known


def _note(connection: sqlite3.Connection, path: Path, stamps: list[list[int]]) -> None:
    name = escape_unencodable(os.path.realpath(path))
    # The result counts for more: somebody else may keep the job busy, or it cannot be written.
    with suppress(sqlite3.Error), _impatient(connection), transaction(connection):
        known = _known(connection)
        # The one before stays known until the new one is surely in its place.
        known[name] = [*stamps, *known.pop(name, [])][:2]
        written = orjson.dumps(_pruned(known)).decode()
        connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (EXPORTS, written))


@contextmanager
def _impatient(connection: sqlite3.Connection) -> Iterator[None]:
    before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")


def _known(connection: sqlite3.Connection) -> dict[str, list[list[int]]]:
    try:
        return metadata(connection, EXPORTS) or {}
    except DAMAGE:
        return {}  # then it knows none


def _pruned(known: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
    if len(known) <= _MOST:
        return known
    *others, last = known
    there = [name for name in others if Path(name).exists()]
    return {name: known[name] for name in (*there[1 - _MOST :], last)}


def _stamp(path: Path) -> list[int]:
    # Without the device: disks may have other numbers after the next start of the system.
    there = path.stat()
    return [there.st_ino, there.st_size, there.st_mtime_ns]
