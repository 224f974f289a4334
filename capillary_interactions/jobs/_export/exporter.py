"""Writes the results of a job to a file, in one of four formats. Blocks; belongs in a thread."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, Final, Literal, get_args

import orjson
from attrs import frozen

from capillary_interactions._errors import CapillaryError
from capillary_interactions._json.reader import Reader
from capillary_interactions._json.unstructure import mask_codes_in_json
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.atomic_file import atomic_write, cannot_write, check_target
from capillary_interactions.jobs._export.flatten import Flattener, columns, input_columns
from capillary_interactions.jobs._export.parquet_writer import write_parquet
from capillary_interactions.jobs._export.sqlite_writer import write_sqlite
from capillary_interactions.jobs._export.target_guard import (
    record_export_done,
    record_export_started,
    refuse_own,
)
from capillary_interactions.jobs._export.text_writers import write_csv, write_lines
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._lists.compression import (
    COMPRESSED_SUFFIXES,
    open_compressor,
    uncompressed_suffix,
)
from capillary_interactions.jobs._lists.formats import SUFFIXES
from capillary_interactions.jobs._store.connection import DAMAGE, connect, sqlite_errors
from capillary_interactions.jobs._store.job_settings import template_from_settings, zone_from_text
from capillary_interactions.jobs._store.queries import metadata
from capillary_interactions.jobs._store.records import (
    RESULTS_QUERY,
    ResultRow,
    parse_result_row,
    to_json_line,
)

OutFormat = Literal["jsonl", "csv", "parquet", "sqlite"]
OUT_FORMATS: Final[tuple[OutFormat, ...]] = get_args(OutFormat)

_SUFFIXES: Final[dict[str, str]] = {
    **{suffix: format_ for suffix, format_ in SUFFIXES.items() if format_ in OUT_FORMATS},
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
_COMPRESSIBLE: Final = frozenset({"jsonl", "csv"})


def out_format(name: str, format_: str | None = None) -> OutFormat:
    """The given format of a result, or the one of its name; an `ExportError` if there is none."""
    path = PurePath(name.lower())
    wanted = format_ or _SUFFIXES.get(uncompressed_suffix(name))
    compressed = path.suffix in COMPRESSED_SUFFIXES
    for known in OUT_FORMATS:
        if known == wanted and (not compressed or wanted in _COMPRESSIBLE):
            return known
    raise ExportError(
        f"{path.name}: the name has no known format; it may end in {', '.join(_SUFFIXES)} "
        "(JSON lines and CSV also with .gz or .zst behind that)"
        if format_ is None
        else f"{format_!r} is no format (or not with this name): {', '.join(OUT_FORMATS)}"
    )


def check_export(path: Path, form: str | None = None, *, for_spreadsheets: bool = False) -> None:
    """See whether results can be written there, before hours are spent on them.

    Args:
        path: The file.
        form: Its format, or None for the one of its name.
        for_spreadsheets: Whether it is to be a CSV for spreadsheets.

    Raises:
        ExportError: They cannot: the format is unknown, a library for it is missing, or the folder
            cannot be written to.
    """
    out = ExportStyle(format=form, for_spreadsheets=for_spreadsheets).resolve_format(path.name)
    if out == "parquet":
        import_arrow(ExportError)
    open_compressor(io.BytesIO(), path.name).close()
    check_target(path)


@frozen(kw_only=True)
class ExportStyle:
    """How results are written; `format` is None for the one of the name."""

    format: str | None = None
    codes_masked: bool = False
    for_spreadsheets: bool = False

    def resolve_format(self, name: str) -> OutFormat:
        out = out_format(name, self.format)
        if self.for_spreadsheets and out != "csv":
            raise ExportError(f"{name}: only a CSV can be written for spreadsheets")
        return out


def export(
    job: Path, path: Path, is_cancelled: Callable[[], bool] = bool, *, style: ExportStyle
) -> int:
    """Write the results of a job; returns how many rows of its list they are of.

    `is_cancelled` is called for each row; the export ends with an error if it returns True.

    Raises:
        ExportError: They cannot be written, or not there, or it was cancelled.
        JobStoreError: The job cannot be read.
    """
    format_ = style.resolve_format(path.name)
    try:
        with closing(connect(job)) as connection:
            with sqlite_errors(job):
                refuse_own(connection, job, path)
                record_export_started(connection, path)
                _begin_snapshot(connection)
                source = _Source(connection, style)
            rows = _Rows(connection, job, is_cancelled)
            with atomic_write(path) as part:
                try:
                    _WRITERS[format_](part, path.name, rows, source)
                except DAMAGE as error:
                    raise _row_error(job, rows.current, error) from error
                rows.end()
                record_export_done(connection, path, part)
    except OSError as error:
        raise cannot_write(path, error) from None
    return rows.count


def _row_error(job: Path, row: int, error: Exception) -> ExportError:
    if isinstance(error, CapillaryError):
        return ExportError(str(error))
    return ExportError(
        f"{job} is damaged: row {row} of the list, or its outcome, cannot be read. `jobs retry "
        "--damaged` lets the next run ask again for all rows whose outcome is damaged"
    )


def _begin_snapshot(connection: sqlite3.Connection) -> None:
    """Read from one moment of the job, however long this takes and even if it is running."""
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")


class _Rows:
    """The rows of a job that have ended, the same ones for each iteration.

    Attributes:
        count: How many there were in the last iteration.
        current: The number of the last one read.
    """

    def __init__(
        self, connection: sqlite3.Connection, job: Path, is_cancelled: Callable[[], bool]
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


class _Source:
    """What the settings of a job say about its results."""

    def __init__(self, connection: sqlite3.Connection, style: ExportStyle) -> None:
        settings, schema = metadata(connection, "settings"), metadata(connection, "schema")
        names = tuple(metadata(connection, "columns") or ())
        reader = Reader(zone_from_text(settings["timezone"]))
        self.style = style
        self.template = template_from_settings(settings)
        self.schema = None if schema is None else bytes.fromhex(schema)
        self.columns = columns(input_columns(names))
        self.flatten = Flattener(names, reader, codes_masked=style.codes_masked).rows


def _write_lines(part: Path, name: str, rows: _Rows, source: _Source) -> None:
    masked = source.style.codes_masked
    write_lines(
        part, name, (to_json_line(row, source.template, codes_masked=masked) for row in rows)
    )


def _write_csv(part: Path, name: str, rows: _Rows, source: _Source) -> None:
    cells = (cells for row in rows for cells in source.flatten(row))
    for_spreadsheets = source.style.for_spreadsheets
    write_csv(part, name, source.columns, cells, for_spreadsheets=for_spreadsheets)


def _write_parquet(part: Path, _: str, rows: _Rows, source: _Source) -> None:
    def cells() -> Iterator[tuple[Any, ...]]:
        return (cells for row in rows for cells in source.flatten(row))

    write_parquet(part, source.columns, cells, source.schema)


def _write_sqlite(part: Path, _: str, rows: _Rows, source: _Source) -> None:
    def cells() -> Iterator[tuple[tuple[Any, ...], str | None]]:
        for row in rows:
            answer = row.answer
            if answer is not None and source.style.codes_masked:
                answer = orjson.dumps(mask_codes_in_json(orjson.loads(answer))).decode()
            for flat in source.flatten(row):
                yield flat, answer
                answer = None

    write_sqlite(part, source.columns, cells())


_WRITERS: Final[dict[OutFormat, Callable[[Path, str, _Rows, _Source], None]]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "sqlite": _write_sqlite,
}
