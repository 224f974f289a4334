"""How do results come out of a job, in which format? Blocks; belongs in a thread."""

import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any, Final, Literal, get_args

import orjson
from attrs import frozen

from capillary_interactions._reading import Reader
from capillary_interactions.jobs._arrow_rows import import_arrow
from capillary_interactions.jobs._atomic import cannot_write, replacing
from capillary_interactions.jobs._database import connect, translated
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._flat import Column, Flattener, columns, given_columns
from capillary_interactions.jobs._parquet_sink import write_parquet
from capillary_interactions.jobs._preparing import template_of
from capillary_interactions.jobs._recording import ENDED, Ended, ended, line, masked
from capillary_interactions.jobs._sameness import zone_read
from capillary_interactions.jobs._sqlite_sink import write_sqlite
from capillary_interactions.jobs._template import Template
from capillary_interactions.jobs._text_sinks import write_csv, write_lines
from capillary_interactions.jobs._unpack import packing

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


def check_export(path: Path, form: str | None = None) -> None:
    """See whether results can be written there, before hours are spent on them.

    Args:
        path: The file.
        form: Its format, or None for the one that its name tells.

    Raises:
        ExportError: They cannot: the format is unknown, a library for it is missing, or the folder
            does not take files.
    """
    chosen = out_format(path.name, form)
    try:
        if chosen == "parquet":
            import_arrow()
        packing(io.BytesIO(), path.name).close()
        if path.is_dir():
            raise ExportError(f"{path}: it is a directory")
        path.parent.stat()
    except ImportError as missing:
        raise ExportError(str(missing)) from None
    except OSError as failed:
        raise ExportError(f"{path}: {failed.strerror}") from None
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"{path}: its folder cannot be written to")


@frozen(kw_only=True)
class _Origin:
    """What has to be known of a job to write its results."""

    template: Template
    names: tuple[str, ...]
    schema: bytes | None
    reader: Reader


def export(job: Path, path: Path, *, form: str | None, codes_masked: bool) -> int:
    """Write the results of a job; how many rows of its list they are of.

    Raises:
        ExportError: They cannot be written.
        JobStoreError: The job cannot be read.
    """
    chosen = out_format(path.name, form)
    connection = connect(job, read_only=True)
    try:
        with translated(job):
            # One moment of the job, however long this takes and whoever runs it meanwhile.
            connection.execute("BEGIN")
            origin = _origin(connection)
        counter = _Counter(connection, job)
        with replacing(path) as part:
            _WRITERS[chosen](part, path.name, counter.rows(), origin, codes_masked)
    except OSError as failed:
        raise cannot_write(path, failed) from None
    finally:
        connection.close()
    return counter.count


class _Counter:
    """The rows of a job that have ended, counted as they go by."""

    def __init__(self, connection: sqlite3.Connection, job: Path) -> None:
        self.count = 0
        self._connection = connection
        self._job = job

    def rows(self) -> Iterator[Ended]:
        with translated(self._job):
            for found in self._connection.execute(ENDED):
                self.count += 1
                yield ended(found)


def _origin(connection: sqlite3.Connection) -> _Origin:
    facts = {name: orjson.loads(value) for name, value in connection.execute("SELECT * FROM fact")}
    settings = facts["settings"]
    return _Origin(
        template=template_of(settings),
        names=tuple(facts.get("columns", ())),
        schema=bytes.fromhex(facts["schema"]) if "schema" in facts else None,
        reader=Reader(zone_read(settings["timezone"])),
    )


def _lines(
    part: Path, name: str, rows: Iterator[Ended], origin: _Origin, codes_masked: bool
) -> None:
    written = (line(done, origin.template, codes_masked=codes_masked) for done in rows)
    write_lines(part, name, written)


def _flattened(origin: _Origin, codes_masked: bool) -> tuple[tuple[Column, ...], Flattener]:
    given = given_columns(origin.names)
    return columns(given), Flattener(origin.names, origin.reader, codes_masked=codes_masked)


def _csv(part: Path, name: str, rows: Iterator[Ended], origin: _Origin, codes_masked: bool) -> None:
    every, flattener = _flattened(origin, codes_masked)
    write_csv(part, name, every, (flat for done in rows for flat in flattener.rows(done)))


def _parquet(
    part: Path, _: str, rows: Iterator[Ended], origin: _Origin, codes_masked: bool
) -> None:
    every, flattener = _flattened(origin, codes_masked)
    flat = (flat for done in rows for flat in flattener.rows(done))
    write_parquet(part, every, flat, origin.schema)


def _sqlite(part: Path, _: str, rows: Iterator[Ended], origin: _Origin, codes_masked: bool) -> None:
    every, flattener = _flattened(origin, codes_masked)

    def flat() -> Iterator[tuple[tuple[Any, ...], str | None]]:
        for done in rows:
            answer = done.answer
            if answer is not None and codes_masked:
                answer = orjson.dumps(masked(orjson.loads(answer))).decode()
            for row in flattener.rows(done):
                yield row, answer
                answer = None

    write_sqlite(part, every, flat())


_WRITERS: Final[dict[OutFormat, Callable[[Path, str, Iterator[Ended], _Origin, bool], None]]] = {
    "jsonl": _lines,
    "csv": _csv,
    "parquet": _parquet,
    "sqlite": _sqlite,
}
