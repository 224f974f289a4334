"""How are results written as Parquet? With types, and a few thousand rows in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._lists.arrow_rows import import_arrow

_GROUP: Final = 20_000


class _UnfitError(Exception):
    """A cell that cannot be read as what its column is.

    Attributes:
        place: The column's.
    """

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def write_parquet(
    part: Path,
    columns: Sequence[Column],
    rows: Callable[[], Iterable[Sequence[Any]]],
    schema: bytes | None,
) -> None:
    """Write a Parquet file.

    Args:
        part: The file to write to.
        columns: The columns.
        rows: Gives the rows, in the order of the columns; the same ones each time.
        schema: The types that the list's own columns had, if it had any. A column whose text
            cannot be read as its type again is text.

    Raises:
        ExportError: pyarrow is not installed, or cannot write the rows.
    """
    arrow, _ = import_arrow(ExportError)
    try:
        given = None if schema is None else arrow.ipc.read_schema(arrow.py_buffer(schema))
        types = [_type(arrow, column, given) for column in columns]
        while (unfit := _write(part, columns, types, rows())) is not None:
            types[unfit] = arrow.string()
    except arrow.ArrowException as failed:
        reason = str(failed).splitlines()[0]
        raise ExportError(f"the Parquet file cannot be written: {reason}") from None


def _write(
    part: Path, columns: Sequence[Column], types: Sequence[Any], rows: Iterable[Sequence[Any]]
) -> int | None:
    """Write all of it, or give the place of a column that its cells do not fit in."""
    arrow, parquet = import_arrow(ExportError)
    fields = [arrow.field(each.name, kind) for each, kind in zip(columns, types, strict=True)]
    whole = arrow.schema(fields)
    try:
        with parquet.ParquetWriter(part, whole) as writer:
            for group in _groups(rows):
                cells = zip(zip(*group, strict=True), columns, types, strict=True)
                arrays = [_array(arrow, place, *each) for place, each in enumerate(cells)]
                writer.write_batch(arrow.record_batch(arrays, schema=whole))
    except _UnfitError as found:
        return found.place
    return None


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


def _array(arrow: Any, place: int, values: Sequence[Any], column: Column, kind: Any) -> Any:
    if column.given is None or kind == arrow.string():
        return arrow.array(values, kind)
    try:
        return arrow.array(values, arrow.string()).cast(kind)
    except arrow.ArrowException:
        raise _UnfitError(place) from None
