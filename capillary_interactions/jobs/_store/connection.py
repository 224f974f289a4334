"""Opening a job's file, and SQLite's errors as errors for a person."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from capillary_interactions._errors import CapillaryError
from capillary_interactions.jobs._errors import JobError, JobInUseError, JobStoreError, NoJobError
from capillary_interactions.jobs._store.file_lock import beside
from capillary_interactions.jobs._store.schema import APPLICATION, SCHEMA, VERSION
from capillary_interactions.jobs._store.schema_upgrade import check_schema, upgrade

DAMAGE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What Python raises for values that this program does not write."""

_BUSY_TIMEOUT: Final = 30.0
_CACHE_SIZE: Final = 16_000  # KiB
# Each page is written by two system calls, and an answer has 2 kB and more; a batch of few answers
# writes four of them.
_PAGE_SIZE: Final = 8192
_HAS_SETTINGS: Final = "SELECT count(*) FROM fact WHERE name = 'settings'"


def connect(
    path: Path, *, create: bool = False, read_only: bool = False, any_thread: bool = False
) -> sqlite3.Connection:
    """Return a connection to a job's file, for the thread that calls.

    Args:
        path: The file.
        create: Whether it is made.
        read_only: Whether nothing is written through it.
        any_thread: Whether several threads use it, one after the other.

    Raises:
        NoJobError: There is none.
        JobStoreError: It is no job's file, or it cannot be opened.
    """
    if create:
        _create(path)
    elif not _exists(path):
        raise NoJobError(f"there is no job at {path}")
    # A killed process leaves its lock file; another program may then have merged the log.
    has_log = any(beside(path, suffix).exists() for suffix in ("-wal", "-lock"))
    mode = "mode=ro&immutable=1" if not create and _is_frozen(path) else "mode=rw"
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=not any_thread,
        )
    try:
        with sqlite_errors(path):
            _prepare(connection, path, create=create, has_log=has_log)
            _check_log(connection, path, has_log=has_log)
            upgrade(connection, read_only=read_only)
            # Each batch of outcomes is to survive a power failure, not only the process's end.
            connection.execute(f"PRAGMA {'query_only = ON' if read_only else 'synchronous = FULL'}")
    except BaseException:
        connection.close()
        raise
    return connection


def _exists(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError as error:
        raise JobStoreError(f"{path} cannot be read or written: {error.strerror}") from None


def _is_frozen(path: Path) -> bool:
    """Whether the folder is read-only: SQLite needs to write beside a file that may change."""
    try:
        writable = os.access(
            path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids
        )
        return not writable and not path.with_name(f"{path.name}-wal").exists()
    except OSError:
        return False


def _create(path: Path) -> None:
    try:
        # SQLite creates the files beside it with the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise JobStoreError(f"{path} cannot be written: {error.strerror}") from None


def remove(path: Path) -> None:
    """Remove a job's file, and those of SQLite beside it, or raise `JobStoreError`."""
    try:
        for suffix in ("-wal", "-shm", ""):
            beside(path, suffix).unlink(missing_ok=True)
    except OSError as error:
        raise JobStoreError(f"{path} cannot be removed: {error.strerror}") from None


def _prepare(connection: sqlite3.Connection, path: Path, *, create: bool, has_log: bool) -> None:
    # Nothing that a foreign file brings along is run.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    # A process that is killed while it creates a job leaves an empty file.
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if empty and not has_log and _pragma(connection, "journal_mode") == "wal":
        raise _log_missing_error(path)
    if empty and not create:
        raise NoJobError(f"there is no job at {path}")
    if empty:
        _create_tables(connection)
    if _pragma(connection, "application_id") != APPLICATION:
        raise JobStoreError(f"{path} is no job's file")
    version = _pragma(connection, "user_version")
    if version != VERSION:
        raise JobStoreError(f"{path} is of version {version}, and this program reads {VERSION}")
    if create:
        connection.execute("PRAGMA journal_mode = WAL")
    check_schema(connection, path)
    if not create and not connection.execute(_HAS_SETTINGS).fetchone()[0]:
        raise NoJobError(f"there is no job at {path}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_SIZE}")


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _create_tables(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    # Before there is a log, so that the file alone is never without its tables.
    with transaction(connection):
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def mark_log(connection: sqlite3.Connection) -> None:
    """Write into the file itself that it is incomplete without the log, and the reverse into that.

    So only a file that was copied without its log shows the mark.
    """
    _set_log_mark(connection, "true")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    _set_log_mark(connection, "false")


def _set_log_mark(connection: sqlite3.Connection, value: str) -> None:
    with transaction(connection):
        connection.execute("INSERT OR REPLACE INTO fact VALUES ('log', ?)", (value,))


def _check_log(connection: sqlite3.Connection, path: Path, *, has_log: bool) -> None:
    query = "SELECT count(*) FROM fact WHERE name = 'log' AND value = 'true'"
    if not connection.execute(query).fetchone()[0]:
        return
    if not has_log:
        raise _log_missing_error(path)
    # A process was killed between the two marks of `mark_log`.
    with suppress(sqlite3.Error):
        _set_log_mark(connection, "false")


def _log_missing_error(path: Path) -> JobStoreError:
    return JobStoreError(
        f"{path} was copied without {path.name}-wal, which holds what was recorded last: bring it "
        f"beside the copy; or remove {path.name} to begin anew"
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.commit()
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def sqlite_errors(path: Path, *, values: bool = True) -> Iterator[None]:
    """Raise SQLite's errors, and with `values` those of damaged values, as errors of the job."""
    try:
        yield
    except CapillaryError:
        raise
    except DAMAGE as error:
        if not values:
            raise
        raise JobStoreError(damaged(path, error)) from error
    except sqlite3.Error as error:
        raise _to_job_error(path, error) from error


def damaged(path: Path, error: Exception) -> str:
    """The text for a job's file with something in it that this program does not write."""
    reason = str(error) if type(error) is ValueError else type(error).__name__
    return (
        f"{path} is damaged, or not as this program writes it: {reason}. Bring back a copy; or "
        "remove it, and the same list begins anew"
    )


def _to_job_error(path: Path, error: sqlite3.Error) -> JobError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JobInUseError(f"{path} is in use by another program ({error})")
    if code == sqlite3.SQLITE_NOTADB:
        return JobStoreError(f"{path} is no job's file")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        full = JobStoreError(
            f"{path} cannot be written ({error}): is the disk full, or its quota used up? What "
            "was recorded is kept; make room and run the job again"
        )
        full.full = True
        return full
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return JobStoreError(f"{path} cannot be written ({error}); is its folder writable?")
    return JobStoreError(f"{path}: {error}")
