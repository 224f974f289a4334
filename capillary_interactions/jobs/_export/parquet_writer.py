"""Writes results as Parquet: typed columns, and a few thousand rows in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._lists.arrow_rows import import_arrow

_ROW_GROUP: Final = 20_000


class _MistypedColumnError(Exception):
    """A cell cannot be converted to its column's type; `index` is the column's."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def write_parquet(
    part: Path,
    columns: Sequence[Column],
    rows: Callable[[], Iterable[Sequence[Any]]],
    schema: bytes | None,
) -> None:
    """Write a Parquet file; `rows` returns the same ones for each call.

    `schema` has the types of the list's own columns, if it had any. A column is text if one of its
    cells cannot be converted to that type again.

    Raises:
        ExportError: pyarrow is not installed, or cannot write the rows.
    """
    arrow, _ = import_arrow(ExportError)
    try:
        input_schema = None if schema is None else arrow.ipc.read_schema(arrow.py_buffer(schema))
        types = [_type(arrow, column, input_schema) for column in columns]
        while True:
            try:
                _write(part, columns, types, rows())
            except _MistypedColumnError as error:
                types[error.index] = arrow.string()
            else:
                return
    except arrow.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"the Parquet file cannot be written: {reason}") from None


def _write(
    part: Path, columns: Sequence[Column], types: Sequence[Any], rows: Iterable[Sequence[Any]]
) -> None:
    arrow, parquet = import_arrow(ExportError)
    schema = arrow.schema(
        [arrow.field(column.name, type_) for column, type_ in zip(columns, types, strict=True)]
    )
    with parquet.ParquetWriter(part, schema) as writer:
        for group in _groups(rows):
            cells = zip(zip(*group, strict=True), columns, types, strict=True)
            arrays = [_array(arrow, index, *column) for index, column in enumerate(cells)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while group := list(islice(source, _ROW_GROUP)):
        yield group


def _type(arrow: Any, column: Column, input_schema: Any) -> Any:
    if column.input_index is not None:
        if input_schema is None:
            return arrow.string()
        return _convertible(arrow, input_schema.types[column.input_index])
    return {
        "integer": arrow.int64(),
        "real": arrow.float64(),
        "text": arrow.string(),
        "boolean": arrow.bool_(),
        "time": arrow.timestamp("us", "UTC"),
    }[column.type]


def _convertible(arrow: Any, type_: Any) -> Any:
    """A type if text can be converted to it, else that of text."""
    types = arrow.types
    plain = types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_)
    if plain or types.is_date32(type_) or types.is_timestamp(type_) or types.is_decimal128(type_):
        return type_
    return arrow.string()


def _array(arrow: Any, index: int, values: Sequence[Any], column: Column, type_: Any) -> Any:
    if column.input_index is None or type_ == arrow.string():
        return arrow.array(values, type_)
    try:
        return arrow.array(values, arrow.string()).cast(type_)
    except arrow.ArrowException:
        raise _MistypedColumnError(index) from None
