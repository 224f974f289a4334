"""Which file may a job's results replace? Blocks.

Never the job's own files or its list. A job remembers what it has written, so that the command
line can ask before it overwrites anything else.
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
"""The metadata of written results: for each path, the fingerprints of the last two."""

_MAX_EXPORTS: Final = 50
_BUSY_TIMEOUT: Final = 500  # ms; another process may be running the job
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", "-lock")


def refuse_job_or_list(job: Path, path: Path) -> None:
    """Raise ExportError if a file is one of a job's own, or its list."""
    with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
        refuse_own(connection, job, path)


def refuse_own(connection: sqlite3.Connection, job: Path, path: Path) -> None:
    """The same for a job that is open."""
    real = Path(os.path.realpath(job))
    own = [real.with_name(f"{real.name}{suffix}") for suffix in _SUFFIXES]
    source = (metadata(connection, "list") or {}).get("source")
    read = (metadata(connection, "stamp") or {}).get("path")
    lists = [path_from_json(path) for path in (source, read) if path]
    target = Path(os.path.realpath(path))
    for written in (target, temporary_path(target)):
        if _is_any(written, own):
            raise ExportError(f"{path}: it is the job itself")
        if _is_any(written, lists):
            raise ExportError(f"{path}: it is the list itself")


def _is_any(path: Path, others: Iterable[Path]) -> bool:
    return any(_is_same(path, other) for other in others)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return str(path) == os.path.realpath(other)


def was_exported_by(job: Path, path: Path) -> bool:
    """Whether a file is a result as that job has written it; False in doubt."""
    try:
        with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
            exports = _exports(connection)
        return any(_fingerprint(path) in known for known in exports.values())
    except (JobError, OSError):
        return False


def record_export_started(connection: sqlite3.Connection, path: Path) -> None:
    """Remember the path, so that `delete_job` finds the temporary file of a killed export."""
    _record(connection, path, [])


def record_export_done(connection: sqlite3.Connection, path: Path, part: Path) -> None:
    """Remember the fingerprint of results that are about to replace `path`."""
    _record(connection, path, [_fingerprint(part)])


def delete_job(job: Path) -> dict[str, Any]:
    """Remove a job and the temporary files of its killed exports; returns its `EXPORTS`.

    Raises:
        JobStoreError: It cannot be removed.
    """
    exports: dict[str, Any] = {}
    with (
        suppress(JobError),
        closing(connect(job, read_only=True)) as connection,
        sqlite_errors(job),
    ):
        exports = _exports(connection)
    remove(job)
    for path in exports:
        remove_stale_temporary(Path(path))
    return exports


def clear_exports(job: Path) -> tuple[Path, ...]:
    """Remove the temporary files of killed exports; return the results that are still there."""
    with closing(connect(job, read_only=True)) as connection, sqlite_errors(job):
        paths = [Path(path) for path in _exports(connection)]
    for path in paths:
        remove_stale_temporary(path)
    return tuple(path for path in paths if path.exists())


def _record(connection: sqlite3.Connection, path: Path, fingerprints: list[list[int]]) -> None:
    name = escape_unencodable(os.path.realpath(path))
    # The result is more important: the job may be busy for long, or cannot be written.
    with suppress(sqlite3.Error), _short_busy_timeout(connection), transaction(connection):
        exports = _exports(connection)
        # The previous one stays known until the new one is certainly in its place.
        exports[name] = [*fingerprints, *exports.pop(name, [])][:2]
        value = orjson.dumps(_without_oldest(exports)).decode()
        connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (EXPORTS, value))


@contextmanager
def _short_busy_timeout(connection: sqlite3.Connection) -> Iterator[None]:
    before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")


def _exports(connection: sqlite3.Connection) -> dict[str, list[list[int]]]:
    try:
        return metadata(connection, EXPORTS) or {}
    except DAMAGE:
        return {}


def _without_oldest(exports: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
    if len(exports) <= _MAX_EXPORTS:
        return exports
    *others, last = exports
    existing = [name for name in others if Path(name).exists()]
    return {name: exports[name] for name in (*existing[1 - _MAX_EXPORTS :], last)}


def _fingerprint(path: Path) -> list[int]:
    # Without the device: its number may change when the system restarts.
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]
