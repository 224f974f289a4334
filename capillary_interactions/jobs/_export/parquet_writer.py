"""Writes results as Parquet: typed columns, and a few thousand rows in memory."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._export.arrow_batches import (
    MistypedColumnError,
    arrow_schema,
    column_types,
    record_batches,
)
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._lists.arrow_rows import import_arrow

_ROW_GROUP: Final = 20_000


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
        types = column_types(arrow, columns, schema)
        while True:
            try:
                _write(part, columns, types, rows())
            except MistypedColumnError as error:
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
    with parquet.ParquetWriter(part, arrow_schema(arrow, columns, types)) as writer:
        for batch in record_batches(arrow, columns, types, rows, _ROW_GROUP):
            writer.write_batch(batch)
