"""How are results written as Parquet? With types, and a few thousand rows in memory."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from capillary_interactions.jobs._arrow_rows import import_arrow
from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._flat import Column

_GROUP: Final = 20_000


def write_parquet(
    part: Path, columns: Sequence[Column], rows: Iterable[Sequence[Any]], schema: bytes | None
) -> None:
    """Write a Parquet file.

    Args:
        part: The file to write to.
        columns: The columns.
        rows: The rows, in the order of the columns.
        schema: The types that the list's own columns had, if it had any.

    Raises:
        ExportError: pyarrow is not installed.
    """
    try:
        arrow, parquet = import_arrow()
    except ImportError as missing:
        raise ExportError(str(missing)) from None
    given = None if schema is None else arrow.ipc.read_schema(arrow.py_buffer(schema))
    types = [_type(arrow, column, given) for column in columns]
    whole = arrow.schema(
        [arrow.field(column.name, kind) for column, kind in zip(columns, types, strict=True)]
    )
    with parquet.ParquetWriter(part, whole) as writer:
        for group in _groups(rows):
            arrays = [
                _array(arrow, values, column, kind)
                for values, column, kind in zip(
                    zip(*group, strict=True), columns, types, strict=True
                )
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=whole))


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while group := list(islice(source, _GROUP)):
        yield group


def _type(arrow: Any, column: Column, given: Any) -> Any:
    if column.given is not None:
        return arrow.string() if given is None else _readable(arrow, given.types[column.given])
    return {
        "integer": arrow.int64(),
        "real": arrow.float64(),
        "text": arrow.string(),
        "boolean": arrow.bool_(),
        "time": arrow.timestamp("us", "UTC"),
    }[column.kind]


def _readable(arrow: Any, kind: Any) -> Any:
    """A column's own type if its text can be read as that again, else text."""
    types = arrow.types
    plain = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if plain or types.is_date32(kind) or types.is_timestamp(kind) or types.is_decimal128(kind):
        return kind
    return arrow.string()


def _array(arrow: Any, values: Sequence[Any], column: Column, kind: Any) -> Any:
    if column.given is None or kind == arrow.string():
        return arrow.array(values, kind)
    return arrow.array(values, arrow.string()).cast(kind)
