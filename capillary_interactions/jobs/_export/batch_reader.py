"""The results of a job as Arrow record batches, read as they are asked for. Blocks."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.arrow_batches import (
    MistypedColumnError,
    arrow_schema,
    column_types,
    record_batches,
)
from capillary_interactions.jobs._export.job_rows import (
    JobRows,
    JobSource,
    begin_snapshot,
    row_error,
)
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._store.connection import DAMAGE, connect, sqlite_errors

_BATCH: Final = 5_000


def read_table(job: Path, is_cancelled: Callable[[], bool] = bool, *, codes_masked: bool) -> Any:
    """A `pyarrow.Table` of the rows that have ended.

    `is_cancelled` is called for each row; reading ends with an error if it returns True.

    Raises:
        ExportError: pyarrow is not installed, the rows cannot be read, or it was cancelled.
        JobStoreError: The job cannot be read.
    """
    return batch_reader(job, is_cancelled, codes_masked=codes_masked).read_all()


def batch_reader(job: Path, is_cancelled: Callable[[], bool] = bool, *, codes_masked: bool) -> Any:
    """A `pyarrow.RecordBatchReader` of the rows that have ended when its first batch is read.

    Raises:
        ExportError: pyarrow is not installed.
        JobStoreError: The job cannot be read.
    """
    arrow, _ = import_arrow(ExportError)
    with closing(connect(job)) as connection, sqlite_errors(job):
        source = JobSource(connection, codes_masked=codes_masked)
        types = column_types(arrow, source.columns, source.schema)
        rows = JobRows(connection, job, is_cancelled)
        # A column of text is settled. The cells of others may not be what they were.
        while source.schema is not None:
            try:
                for _ in _batches(arrow, source, types, rows, answers=False):
                    pass
            except MistypedColumnError as error:
                types[error.index] = arrow.string()
            else:
                break
    schema = arrow_schema(arrow, source.columns, types)
    batches = _snapshot(arrow, job, source, types, is_cancelled)
    return arrow.RecordBatchReader.from_batches(schema, batches)


def _snapshot(
    arrow: Any, job: Path, source: JobSource, types: list[Any], is_cancelled: Callable[[], bool]
) -> Iterator[Any]:
    # DuckDB and others read from threads of their own, one after the other.
    with closing(connect(job, any_thread=True)) as connection:
        with sqlite_errors(job):
            begin_snapshot(connection)
        rows = JobRows(connection, job, is_cancelled)
        try:
            yield from _batches(arrow, source, types, rows)
        except DAMAGE as error:
            raise row_error(job, rows.current, error) from error


def _batches(
    arrow: Any, source: JobSource, types: list[Any], rows: JobRows, *, answers: bool = True
) -> Iterator[Any]:
    results = rows if answers else (evolve(row, answer=None) for row in rows)
    cells = (cells for row in results for cells in source.flatten(row))
    return record_batches(arrow, source.columns, types, cells, _BATCH)
