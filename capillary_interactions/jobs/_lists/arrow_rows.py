"""How are rows read from Parquet and Arrow files? The only reader that needs pyarrow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import orjson

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.compression import ARROW, PeekableFile
from capillary_interactions.jobs._lists.rows import ListFormat, Row, Rows, cells_to_json, digits_of

_BATCH: Final = 1000
_EXACT: Final = 1 << 53
_NO_EXTRA: Final = (
    "pyarrow is not installed; Parquet and Arrow need the extra arrow: "
    "pip install 'capillary_interactions[arrow]'"
)


def import_arrow() -> tuple[ModuleType, ModuleType]:
    """The library, and its Parquet half.

    Raises:
        ImportError: It is not installed; the text says how to.
    """
    try:
        import pyarrow  # type: ignore[import-untyped] # noqa: ICN001, PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as missing:
        raise ImportError(_NO_EXTRA) from missing
    return pyarrow, parquet


def arrow_rows(peeked: PeekableFile, wanted: ListFormat, before_read: Callable[[], None]) -> Rows:
    """Rows of a Parquet file, or of an Arrow file or stream.

    Args:
        peeked: The file; what is read from its end is copied to disk where it cannot seek.
        wanted: Which column; its `format` says how the file is written.
        before_read: Called before anything is read that might take long.

    Raises:
        ListError: It is no such file, or no column can be meant.
    """
    try:
        arrow, parquet = import_arrow()
    except ImportError as missing:
        raise ListError(str(missing)) from None
    before_read()
    try:
        with _opened(arrow, parquet, peeked, wanted.format) as (schema, batches):
            yield from _rows(arrow, schema, batches, wanted, before_read)
    # Text that is no UTF-8 is found when it is read, and is an error of Python's own.
    except (arrow.ArrowException, ValueError) as wrong:
        reason = str(wrong).splitlines()[0]
        raise ListError(f"it is no {wanted.format} file, or a broken one: {reason}") from None


class _Full:
    """A file whose `read` gives what is asked for, as pyarrow expects of a pipe, too."""

    def __init__(self, file: PeekableFile) -> None:
        self._file = file
        self.read = file.read_full

    @property
    def closed(self) -> bool:
        return self._file.closed


@contextmanager
def _opened(
    arrow: Any, parquet: Any, peeked: PeekableFile, form: str | None
) -> Iterator[tuple[Any, Iterator[Any]]]:
    if form == "arrow" and not peeked.peek().startswith(ARROW):
        stream = arrow.ipc.open_stream(_Full(peeked))
        yield stream.schema, iter(stream)
        return
    with peeked.whole() as file:
        if form == "parquet":
            table = parquet.ParquetFile(file)
            yield table.schema_arrow, table.iter_batches(batch_size=_BATCH)
        else:
            table = arrow.ipc.open_file(file)
            every = (table.get_batch(place) for place in range(table.num_record_batches))
            yield table.schema, every


def _rows(
    arrow: Any,
    schema: Any,
    batches: Iterator[Any],
    wanted: ListFormat,
    before_read: Callable[[], None],
) -> Rows:
    place = find_column(schema.names, wanted.identifier, wanted.column)
    wanted.columns[:] = schema.names
    wanted.schema = schema.serialize().to_pybytes()
    number = 0
    before_read()
    for whole in batches:
        for start in range(0, whole.num_rows, _BATCH):
            batch = whole.slice(start, _BATCH)
            columns = [_texts(arrow, column) for column in batch.columns]
            spoken = _speller(arrow, schema.types[place])
            for cells in zip(*columns, strict=True):
                number += 1
                yield _row(number, cells[place], cells_to_json(list(cells)), spoken)
        before_read()


def _row(number: int, value: str | None, cells: str, spoken: Callable[[str], str | None]) -> Row:
    if value is None:
        return Row(number, "", None, cells)
    told = spoken(value.strip())
    if told is None:
        return Row(number, value, "the number is not written in digits", cells)
    return Row(number, told, None, cells)


def _speller(arrow: Any, kind: Any) -> Callable[[str], str | None]:
    types = arrow.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return digits_of
    return lambda text: text


def _texts(arrow: Any, column: Any) -> list[str | None]:
    """A column's values as text that the column's own type can be read from again."""
    kind = column.type
    if arrow.types.is_floating(kind):
        return [_float(value) for value in column.to_pylist()]
    if arrow.types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(arrow.timestamp(kind.unit, "UTC"))
    try:
        texts: list[str | None] = column.cast(arrow.string()).to_pylist()
    except (arrow.ArrowNotImplementedError, arrow.ArrowInvalid):
        # Lists, structs and bytes: as JSON, for whoever looks at the results.
        return [None if value is None else _json(value) for value in column.to_pylist()]
    return texts


def _float(value: float | None) -> str | None:
    if value is None:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
