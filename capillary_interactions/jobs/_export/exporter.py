"""Writes the results of a job to a file, in one of four formats. Blocks; belongs in a thread."""

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, Final, Literal, get_args

import orjson
from attrs import frozen

from capillary_interactions._json.unstructure import mask_codes_in_json
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.atomic_file import atomic_write, cannot_write, check_target
from capillary_interactions.jobs._export.job_rows import (
    JobRows,
    JobSource,
    begin_snapshot,
    row_error,
)
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
from capillary_interactions.jobs._store.records import (
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
                begin_snapshot(connection)
                source = JobSource(connection, codes_masked=style.codes_masked)
            rows = JobRows(connection, job, is_cancelled)
            with atomic_write(path) as part:
                try:
                    _WRITERS[format_](part, path.name, rows, source, style)
                except DAMAGE as error:
                    raise row_error(job, rows.current, error) from error
                rows.end()
                record_export_done(connection, path, part)
    except OSError as error:
        raise cannot_write(path, error) from None
    return rows.count


def _write_lines(
    part: Path, name: str, rows: JobRows, source: JobSource, style: ExportStyle
) -> None:
    masked = style.codes_masked
    write_lines(
        part, name, (to_json_line(row, source.template, codes_masked=masked) for row in rows)
    )


def _write_csv(part: Path, name: str, rows: JobRows, source: JobSource, style: ExportStyle) -> None:
    cells = (cells for row in rows for cells in source.flatten(row))
    for_spreadsheets = style.for_spreadsheets
    write_csv(part, name, source.columns, cells, for_spreadsheets=for_spreadsheets)


def _write_parquet(part: Path, _: str, rows: JobRows, source: JobSource, __: ExportStyle) -> None:
    def cells() -> Iterator[tuple[Any, ...]]:
        return (cells for row in rows for cells in source.flatten(row))

    write_parquet(part, source.columns, cells, source.schema)


def _write_sqlite(part: Path, _: str, rows: JobRows, source: JobSource, style: ExportStyle) -> None:
    def cells() -> Iterator[tuple[tuple[Any, ...], str | None]]:
        for row in rows:
            answer = row.answer
            if answer is not None and style.codes_masked:
                answer = orjson.dumps(mask_codes_in_json(orjson.loads(answer))).decode()
            for flat in source.flatten(row):
                yield flat, answer
                answer = None

    write_sqlite(part, source.columns, cells())


_Writer = Callable[[Path, str, JobRows, JobSource, ExportStyle], None]
_WRITERS: Final[dict[OutFormat, _Writer]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "sqlite": _write_sqlite,
}
