"""What is a table? Everything with the Arrow interface, as a pyarrow table."""

from typing import Any

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.arrow_rows import import_arrow


def to_table(table: object) -> tuple[Any, Any]:
    """Pyarrow, and the table as a `pyarrow.Table`, without a library's own metadata.

    Raises:
        ListError: pyarrow is not installed.
        TypeError: It is no table.
    """
    arrow, _ = import_arrow(ListError)
    if not any(hasattr(table, f"__arrow_c_{name}__") for name in ("stream", "array")):
        raise TypeError(
            f"{type(table).__name__} has no Arrow interface: a table is of Polars, pandas 2.2 or "
            "later, DuckDB, pyarrow or any other library with __arrow_c_stream__"
        )
    try:
        read = arrow.table(table)
    except arrow.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise TypeError(f"{type(table).__name__} is no table with columns: {reason}") from None
    # An index of pandas belongs to the rows that were given, and not to the result's.
    return arrow, _without_views(arrow, read.replace_schema_metadata(None))


def _without_views(arrow: Any, table: Any) -> Any:
    """The table with plain columns of text, as not every version can select rows of Polars' own."""
    plain = {arrow.string_view(): arrow.large_string(), arrow.binary_view(): arrow.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    return table.cast(arrow.schema(fields))
