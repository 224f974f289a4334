"""The rows of a job that have ended, as of one moment, and what its settings say of them."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from capillary_interactions._errors import CapillaryError
from capillary_interactions._json.reader import Reader
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.flatten import Flattener, columns, input_columns
from capillary_interactions.jobs._store.connection import sqlite_errors
from capillary_interactions.jobs._store.job_settings import template_from_settings, zone_from_text
from capillary_interactions.jobs._store.queries import metadata
from capillary_interactions.jobs._store.records import RESULTS_QUERY, ResultRow, parse_result_row


def row_error(job: Path, row: int, error: Exception) -> ExportError:
    if isinstance(error, CapillaryError):
        return ExportError(str(error))
    return ExportError(
        f"{job} is damaged: row {row} of the list, or its outcome, cannot be read. `jobs retry "
        "--damaged` lets the next run ask again for all rows whose outcome is damaged"
    )


def begin_snapshot(connection: sqlite3.Connection) -> None:
    """Read from one moment of the job, however long this takes and even if it is running."""
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")


class JobRows:
    """The rows of a job that have ended, the same ones for each iteration.

    Attributes:
        count: How many there were in the last iteration.
        current: The number of the last one read.
    """

    def __init__(
        self, connection: sqlite3.Connection, job: Path, is_cancelled: Callable[[], bool] = bool
    ) -> None:
        self.count = 0
        self.current = 0
        self._connection = connection
        self._job = job
        self._is_cancelled = is_cancelled

    def __iter__(self) -> Iterator[ResultRow]:
        self.count = 0
        # Errors in values are the caller's, which knows the row.
        with sqlite_errors(self._job, values=False):
            for row in self._connection.execute(RESULTS_QUERY):
                self._check()
                self.count += 1
                self.current = row[0]
                yield parse_result_row(row)

    def end(self) -> None:
        """End the snapshot."""
        self._check()
        with sqlite_errors(self._job):
            self._connection.execute("COMMIT")
            self._connection.execute("PRAGMA query_only = OFF")

    def _check(self) -> None:
        if self._is_cancelled():
            raise ExportError("it was stopped before it was written")


class JobSource:
    """What the settings of a job say about its results."""

    def __init__(self, connection: sqlite3.Connection, *, codes_masked: bool) -> None:
        settings, schema = metadata(connection, "settings"), metadata(connection, "schema")
        names = tuple(metadata(connection, "columns") or ())
        reader = Reader(zone_from_text(settings["timezone"]))
        self.template = template_from_settings(settings)
        self.schema = None if schema is None else bytes.fromhex(schema)
        self.columns = columns(input_columns(names))
        self.flatten = Flattener(names, reader, codes_masked=codes_masked).rows
