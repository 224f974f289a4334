"""How is a job's file opened, and what do SQLite's complaints mean to a person?"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from capillary_interactions._errors import CapillaryError
from capillary_interactions.jobs._errors import JobError, JobInUseError, JobStoreError, NoJobError
from capillary_interactions.jobs._store.schema import APPLICATION, SCHEMA, VERSION

DAMAGE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What Python raises where a value is none that this program writes."""

_PATIENCE: Final = 30.0
_CACHE: Final = 16_000  # KiB
# Each page is written by two calls of the system, and an answer has 2 kB and more; but a batch of
# few answers writes four of them.
_PAGE: Final = 8192
# Whoever is killed before that has made a file, and no job.
_LOG: Final = "log"
_BEGUN: Final = "SELECT count(*) FROM fact WHERE name = 'settings'"


def connect(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a job's file, for the thread that calls.

    Args:
        path: The file.
        create: Whether it may be made.
        read_only: Whether it is only to be read.

    Raises:
        NoJobError: There is none.
        JobStoreError: It is no job's file, or it cannot be opened.
    """
    if create:
        _make(path)
    elif not _is_there(path):
        raise NoJobError(f"there is no job at {path}")
    # A killed process leaves its lock file: there any program may have put the log into the file.
    has_log = any(_beside(path, suffix).exists() for suffix in ("-wal", "-lock"))
    how = "mode=ro&immutable=1" if not create and _is_frozen(path) else "mode=rw"
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
        )
    try:
        with sqlite_errors(path):
            _prepare(connection, path, create=create, read_only=read_only, has_log=has_log)
            _check_log(connection, path, has_log=has_log)
            if read_only:
                connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError as failed:
        raise JobStoreError(f"{path} cannot be read or written: {failed.strerror}") from None


def _is_frozen(path: Path) -> bool:
    """Whether it can only be looked at: SQLite wants to write beside what others may change."""
    try:
        writable = os.access(
            path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids
        )
        return not writable and not path.with_name(f"{path.name}-wal").exists()
    except OSError:
        return False


def _make(path: Path) -> None:
    try:
        # Readable by its owner only, and so are the files that SQLite puts beside it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as failed:
        raise JobStoreError(f"{path} cannot be written: {failed.strerror}") from None


def remove(path: Path) -> None:
    """Remove a job's file, and those that SQLite may have left beside it.

    Raises:
        JobStoreError: That is not possible.
    """
    # SQLite keeps them beside the file itself, whatever links lead to it.
    real = Path(os.path.realpath(path))
    try:
        for suffix in ("-wal", "-shm", ""):
            real.with_name(f"{real.name}{suffix}").unlink(missing_ok=True)
    except OSError as failed:
        raise JobStoreError(f"{path} cannot be removed: {failed.strerror}") from None


def _prepare(
    connection: sqlite3.Connection, path: Path, *, create: bool, read_only: bool, has_log: bool
) -> None:
    # Nothing that a foreign file brings along is run.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    # Whoever is killed while making one leaves a file with nothing in it.
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if empty and not has_log and connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        raise _without_log(path)
    if empty and create:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        # Before there is a log, so that no file of a job is ever without its tables.
        with transaction(connection):
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    elif empty:
        raise NoJobError(f"there is no job at {path}")
    elif kind != APPLICATION:
        raise JobStoreError(f"{path} is no job's file")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JobStoreError(f"{path} is of version {version}, and this program reads {VERSION}")
    if create:
        connection.execute("PRAGMA journal_mode = WAL")
    _check_schema(connection, path)
    if not create and not connection.execute(_BEGUN).fetchone()[0]:
        raise NoJobError(f"there is no job at {path}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    if not read_only:
        # Every batch survives the machine's end too, not only the process's.
        connection.execute("PRAGMA synchronous = FULL")


def mark_log(connection: sqlite3.Connection) -> None:
    """Leave in the file itself the mark that it is not whole without the log beside it.

    The log takes the mark back: only a file that was copied without its log shows it.
    """
    for mark in ("true", "false"):
        with transaction(connection):
            connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (_LOG, mark))
        if mark == "true":
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _check_log(connection: sqlite3.Connection, path: Path, *, has_log: bool) -> None:
    query = "SELECT count(*) FROM fact WHERE name = ? AND value = 'true'"
    if not connection.execute(query, (_LOG,)).fetchone()[0]:
        return
    if not has_log:
        raise _without_log(path)
    # A process was killed between the two marks of `mark_log`.
    with suppress(sqlite3.Error):
        connection.execute("UPDATE fact SET value = 'false' WHERE name = ?", (_LOG,))


def _beside(path: Path, suffix: str) -> Path:
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}{suffix}")


def _without_log(path: Path) -> JobStoreError:
    return JobStoreError(
        f"{path} was copied without {path.name}-wal, which holds what was recorded last: bring it "
        f"beside the copy; or remove {path.name} to begin anew"
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        # Python's lock is taken once, and not three times as by `execute` (see `_many.py`).
        connection.commit()
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def sqlite_errors(path: Path, *, values: bool = True) -> Iterator[None]:
    """SQLite's errors, and those of values that are none of a job's, as errors of the job.

    Args:
        path: The job's file.
        values: Whether the latter, too.

    Raises:
        JobError: What is wrong, and what to do.
    """
    try:
        yield
    except CapillaryError:
        raise
    except DAMAGE as odd:
        if not values:
            raise
        raise JobStoreError(damaged(path, odd)) from odd
    except sqlite3.Error as failed:
        raise _meaning(path, failed) from failed


def damaged(path: Path, odd: Exception) -> str:
    """What to say of a job's file with something in it that this program does not write."""
    why = str(odd) if type(odd) is ValueError else type(odd).__name__
    return (
        f"{path} is damaged, or not as this program writes it: {why}. Bring back a copy; or remove "
        "it, and the same list begins anew"
    )


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """See that the tables are tables: a view or a trigger may do anything, for any time.

    Raises:
        JobStoreError: They are not.
    """
    query = "SELECT type, name, rootpage FROM sqlite_master"
    there = connection.execute(query).fetchall()
    tables = {name for kind, name, page in there if kind == "table" and page}
    odd = [kind for kind, _, _ in there if kind == "trigger"] or _COLUMNS.keys() - tables
    for table, columns in () if odd else _COLUMNS.items():
        found = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        if not columns <= {name for _, name, *_, hidden in found if not hidden}:
            odd = [table]
    if odd:
        raise JobStoreError(
            f"{path} is damaged, or not as this program writes it: it has not the tables of a job"
        )


def _columns() -> dict[str, frozenset[str]]:
    """The columns of each table of a job."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
            for (name,) in tables.fetchall()
        }


_COLUMNS: Final = _columns()


def _meaning(path: Path, failed: sqlite3.Error) -> JobError:
    code = getattr(failed, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JobInUseError(f"{path} is in use by another program ({failed})")
    if code == sqlite3.SQLITE_NOTADB:
        return JobStoreError(f"{path} is no job's file")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        told = JobStoreError(
            f"{path} cannot be written ({failed}): is the disk full, or its quota used up? What "
            "was recorded is kept; make room and run the job again"
        )
        told.full = True
        return told
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return JobStoreError(f"{path} cannot be written ({failed}); is its folder writable?")
    return JobStoreError(f"{path}: {failed}")
