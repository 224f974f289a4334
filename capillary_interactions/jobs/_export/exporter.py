"""How do results come out of a job, in which format? Blocks; belongs in a thread."""

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
from capillary_interactions.jobs._export.flatten import Column, Flattener, columns, given_columns
from capillary_interactions.jobs._export.parquet_writer import write_parquet
from capillary_interactions.jobs._export.sqlite_writer import write_sqlite
from capillary_interactions.jobs._export.target_guard import (
    record_export_done,
    record_export_started,
    refuse_own,
)
from capillary_interactions.jobs._export.text_writers import write_csv, write_lines
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._lists.compression import open_compressor
from capillary_interactions.jobs._lists.query_template import QueryTemplate
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

_SUFFIXES: Final[dict[str, OutFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
_PACKED: Final = frozenset({".gz", ".zst"})
_PACKABLE: Final = frozenset({"jsonl", "csv"})


def out_format(name: str, given: str | None = None) -> OutFormat:
    """The format of a result, as given or as its name tells.

    Raises:
        ExportError: It is none.
    """
    path = PurePath(name.lower())
    packed = path.suffix in _PACKED
    suffix = (path.with_suffix("") if packed else path).suffix
    form = given or _SUFFIXES.get(suffix)
    for known in OUT_FORMATS:
        if known == form and (not packed or form in _PACKABLE):
            return known
    known_suffixes = ", ".join(_SUFFIXES)
    raise ExportError(
        f"{path.name}: the format cannot be told from the name; it may end in {known_suffixes} "
        "(JSON lines and CSV also with .gz or .zst behind that)"
        if given is None
        else f"{given!r} is no format (or not with this name): {', '.join(OUT_FORMATS)}"
    )


def check_export(path: Path, form: str | None = None, *, for_spreadsheets: bool = False) -> None:
    """See whether results can be written there, before hours are spent on them.

    Args:
        path: The file.
        form: Its format, or None for the one that its name tells.
        for_spreadsheets: Whether it is to be a CSV for spreadsheets.

    Raises:
        ExportError: They cannot: the format is unknown, a library for it is missing, or the folder
            does not take files.
    """
    chosen = ExportStyle(form=form, for_spreadsheets=for_spreadsheets).chosen(path.name)
    if chosen == "parquet":
        import_arrow(ExportError)
    open_compressor(io.BytesIO(), path.name).close()
    check_target(path)


@frozen(kw_only=True)
class ExportStyle:
    """How results are written.

    Attributes:
        form: Their format, or None for the one that the name tells.
        codes_masked: Whether one-time codes are masked.
        for_spreadsheets: Whether a CSV is written for spreadsheets, and not for programs.
    """

    form: str | None = None
    codes_masked: bool = False
    for_spreadsheets: bool = False

    def chosen(self, name: str) -> OutFormat:
        """The format of a result.

        Raises:
            ExportError: It is none, or not for spreadsheets.
        """
        chosen = out_format(name, self.form)
        if self.for_spreadsheets and chosen != "csv":
            raise ExportError(f"{name}: only a CSV can be written for spreadsheets")
        return chosen


@frozen(kw_only=True)
class _Origin:
    """What has to be known of a job to write its results."""

    template: QueryTemplate
    names: tuple[str, ...]
    schema: bytes | None
    reader: Reader


def export(
    job: Path,
    path: Path,
    stopped: Callable[[], bool] = bool,
    *,
    style: ExportStyle,
) -> int:
    """Write the results of a job; how many rows of its list they are of.

    Args:
        job: The job.
        path: Where they go.
        stopped: Looked at now and then: whether nobody wants them any more.
        style: How they are written.

    Raises:
        ExportError: They cannot be written, or not there, or nobody wants them any more.
        JobStoreError: The job cannot be read.
    """
    chosen = style.chosen(path.name)
    try:
        with closing(connect(job)) as connection:
            with sqlite_errors(job):
                refuse_own(connection, job, path)
                record_export_started(connection, path)
                origin = _begin(connection)
            rows = _Rows(connection, job, stopped)
            with atomic_write(path) as part:
                try:
                    _WRITERS[chosen](part, path.name, rows, origin, style)
                except DAMAGE as odd:
                    raise _damaged_row(job, rows.at, odd) from odd
                rows.end()
                record_export_done(connection, path, part)
    except OSError as failed:
        raise cannot_write(path, failed) from None
    return rows.count


def _damaged_row(job: Path, row: int, odd: Exception) -> ExportError:
    if isinstance(odd, CapillaryError):
        return ExportError(str(odd))
    return ExportError(
        f"{job} is damaged: row {row} of the list, or its outcome, cannot be read. `jobs retry "
        "--damaged` lets the next run ask again for all rows whose outcome is damaged"
    )


class _Rows:
    """The rows of a job that have ended, counted as they go by; the same ones each time.

    Args:
        connection: To the job; at one moment of it until `end`.
        job: The job.
        stopped: Whether nobody wants them any more.

    Attributes:
        count: How many there were the last time.
        at: The one that was read last.
    """

    def __init__(
        self, connection: sqlite3.Connection, job: Path, stopped: Callable[[], bool]
    ) -> None:
        self.count = 0
        self.at = 0
        self._connection = connection
        self._job = job
        self._stopped = stopped

    def __iter__(self) -> Iterator[ResultRow]:
        self.count = 0
        # Its values are the caller's, who knows the row then.
        with sqlite_errors(self._job, values=False):
            for found in self._connection.execute(RESULTS_QUERY):
                self._check()
                self.count += 1
                self.at = found[0]
                yield parse_result_row(found)

    def end(self) -> None:
        """Let the job go on in time.

        Raises:
            ExportError: Nobody wants the rows any more.
        """
        self._check()
        with sqlite_errors(self._job):
            self._connection.execute("COMMIT")
            self._connection.execute("PRAGMA query_only = OFF")

    def _check(self) -> None:
        if self._stopped():
            raise ExportError("it was stopped before it was written")


def _begin(connection: sqlite3.Connection) -> _Origin:
    """Stay at one moment of the job, however long this takes and whoever runs it meanwhile."""
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")
    settings, schema = metadata(connection, "settings"), metadata(connection, "schema")
    return _Origin(
        template=template_from_settings(settings),
        names=tuple(metadata(connection, "columns") or ()),
        schema=None if schema is None else bytes.fromhex(schema),
        reader=Reader(zone_from_text(settings["timezone"])),
    )


def _lines(part: Path, name: str, rows: _Rows, origin: _Origin, style: ExportStyle) -> None:
    written = (
        to_json_line(done, origin.template, codes_masked=style.codes_masked) for done in rows
    )
    write_lines(part, name, written)


def _flattened(origin: _Origin, style: ExportStyle) -> tuple[tuple[Column, ...], Flattener]:
    given = given_columns(origin.names)
    return columns(given), Flattener(origin.names, origin.reader, codes_masked=style.codes_masked)


def _csv(part: Path, name: str, rows: _Rows, origin: _Origin, style: ExportStyle) -> None:
    every, flattener = _flattened(origin, style)
    flat = (flat for done in rows for flat in flattener.rows(done))
    write_csv(part, name, every, flat, for_spreadsheets=style.for_spreadsheets)


def _parquet(part: Path, _: str, rows: _Rows, origin: _Origin, style: ExportStyle) -> None:
    every, flattener = _flattened(origin, style)

    def flat() -> Iterator[tuple[Any, ...]]:
        return (flat for done in rows for flat in flattener.rows(done))

    write_parquet(part, every, flat, origin.schema)


def _sqlite(part: Path, _: str, rows: _Rows, origin: _Origin, style: ExportStyle) -> None:
    every, flattener = _flattened(origin, style)

    def flat() -> Iterator[tuple[tuple[Any, ...], str | None]]:
        for done in rows:
            answer = done.answer
            if answer is not None and style.codes_masked:
                answer = orjson.dumps(mask_codes_in_json(orjson.loads(answer))).decode()
            for row in flattener.rows(done):
                yield row, answer
                answer = None

    write_sqlite(part, every, flat())


_WRITERS: Final[dict[OutFormat, Callable[[Path, str, _Rows, _Origin, ExportStyle], None]]] = {
    "jsonl": _lines,
    "csv": _csv,
    "parquet": _parquet,
    "sqlite": _sqlite,
}
