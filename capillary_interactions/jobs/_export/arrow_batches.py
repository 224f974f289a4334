"""Rows of the table as Arrow record batches, with typed columns; pyarrow is an argument."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from capillary_interactions.jobs._export.flatten import Column

# pyarrow has no types, so its modules, schemas and batches are Any.


class MistypedColumnError(Exception):
    """A cell cannot be converted to its column's type; `index` is the column's."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def column_types(arrow: Any, columns: Sequence[Column], schema: bytes | None) -> list[Any]:
    """The type of each column; `schema` has those of the list's own, if it had any."""
    input_schema = None if schema is None else arrow.ipc.read_schema(arrow.py_buffer(schema))
    return [_type(arrow, column, input_schema) for column in columns]


def arrow_schema(arrow: Any, columns: Sequence[Column], types: Sequence[Any]) -> Any:
    """The schema of the table."""
    pairs = zip(columns, types, strict=True)
    return arrow.schema([arrow.field(column.name, type_) for column, type_ in pairs])


def record_batches(
    arrow: Any,
    columns: Sequence[Column],
    types: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    size: int,
) -> Iterator[Any]:
    """Record batches of `size` rows each.

    Raises:
        MistypedColumnError: A cell of the list cannot be converted to the type that it had.
    """
    schema = arrow_schema(arrow, columns, types)
    source = iter(rows)
    while group := list(islice(source, size)):
        cells = zip(zip(*group, strict=True), columns, types, strict=True)
        arrays = [_array(arrow, index, *column) for index, column in enumerate(cells)]
        yield arrow.record_batch(arrays, schema=schema)


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
        raise MistypedColumnError(index) from None
