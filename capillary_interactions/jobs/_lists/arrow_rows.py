"""Reads rows from Parquet and Arrow files. The only reader that needs pyarrow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import orjson

from capillary_interactions.jobs._errors import JobError, ListError
from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.compression import ARROW, PeekableFile
from capillary_interactions.jobs._lists.rows import ListFormat, Row, Rows, cells_to_json, digits_of

_MAX_BATCH: Final = 1000
_MAX_EXACT: Final = 1 << 53
_NOT_INSTALLED: Final = (
    "pyarrow is not installed; Parquet and Arrow need the extra arrow: "
    "pip install 'capillary_interactions[arrow]'"
)


def import_arrow(error: type[JobError]) -> tuple[ModuleType, ModuleType]:
    """Pyarrow and pyarrow.parquet; raises `error` if they are not installed."""
    try:
        import pyarrow  # type: ignore[import-untyped] # noqa: ICN001, PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise error(_NOT_INSTALLED) from None
    return pyarrow, parquet


def arrow_rows(file: PeekableFile, wanted: ListFormat, before_read: Callable[[], None]) -> Rows:
    """Rows of a Parquet file, or of an Arrow file or stream.

    Args:
        file: The file; copied to disk where its end is needed and it cannot seek.
        wanted: Which column, and which of the formats.
        before_read: Called before each read, which may block for long.

    Raises:
        ListError: It is no such file, or no column can be meant.
    """
    arrow, parquet = import_arrow(ListError)
    before_read()
    try:
        with _open(arrow, parquet, file, wanted.format) as (schema, batches):
            yield from _rows(arrow, schema, batches, wanted, before_read)
    # ValueError: text that is no UTF-8 is found when it is converted to str.
    except (arrow.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ListError(f"it is no {wanted.format} file, or a broken one: {reason}") from None


class _FullReads:
    """A file whose `read` returns as much as is asked for; pyarrow expects that of pipes, too."""

    def __init__(self, file: PeekableFile) -> None:
        self._file = file
        self.read = file.read_full

    @property
    def closed(self) -> bool:
        return self._file.closed


@contextmanager
def _open(
    arrow: Any, parquet: Any, file: PeekableFile, format_: str | None
) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema and the record batches."""
    if format_ == "arrow" and not file.peek().startswith(ARROW):
        stream = arrow.ipc.open_stream(_FullReads(file))
        yield stream.schema, iter(stream)
        return
    with file.as_seekable() as seekable:
        if format_ == "parquet":
            table = parquet.ParquetFile(seekable)
            yield table.schema_arrow, table.iter_batches(batch_size=_MAX_BATCH)
        else:
            table = arrow.ipc.open_file(seekable)
            batches = (table.get_batch(index) for index in range(table.num_record_batches))
            yield table.schema, batches


def _rows(
    arrow: Any,
    schema: Any,
    batches: Iterator[Any],
    wanted: ListFormat,
    before_read: Callable[[], None],
) -> Rows:
    index = find_column(schema.names, wanted.identifier, wanted.column)
    is_number = _is_number(arrow, schema.types[index])
    wanted.columns[:] = schema.names
    wanted.schema = schema.serialize().to_pybytes()
    number = 0
    before_read()
    for batch in batches:
        for start in range(0, batch.num_rows, _MAX_BATCH):
            columns = [_texts(arrow, column) for column in batch.slice(start, _MAX_BATCH).columns]
            for cells in zip(*columns, strict=True):
                number += 1
                value = cells[index]
                yield _row(number, value, cells_to_json(list(cells)), is_number=is_number)
        before_read()


def column_rows(arrow: Any, column: Any) -> Rows:
    """Rows of one column of a table, without the cells of the others."""
    is_number, number = _is_number(arrow, column.type), 0
    for start in range(0, len(column), _MAX_BATCH):
        for value in _texts(arrow, column.slice(start, _MAX_BATCH)):
            number += 1
            yield _row(number, value, "[]", is_number=is_number)


def _row(number: int, value: str | None, cells: str, *, is_number: bool) -> Row:
    if value is None:
        return Row(number, "", None, cells)
    text = digits_of(value.strip()) if is_number else value.strip()
    if text is None:
        return Row(number, value, "the number is not written in digits", cells)
    return Row(number, text, None, cells)


def _is_number(arrow: Any, type_: Any) -> bool:
    types = arrow.types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_))


def _texts(arrow: Any, column: Any) -> list[str | None]:
    """A column's values as text that the column's own type can be parsed from again."""
    type_ = column.type
    if arrow.types.is_floating(type_):
        return [_float_to_text(value) for value in column.to_pylist()]
    if arrow.types.is_timestamp(type_) and type_.tz is not None:
        column = column.cast(arrow.timestamp(type_.unit, "UTC"))
    try:
        texts: list[str | None] = column.cast(arrow.string()).to_pylist()
    except (arrow.ArrowNotImplementedError, arrow.ArrowInvalid):
        # Lists, structs and bytes: as JSON.
        return [None if value is None else _to_json(value) for value in column.to_pylist()]
    return texts


def _float_to_text(value: float | None) -> str | None:
    if value is None:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < _MAX_EXACT else repr(value)


def _to_json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
