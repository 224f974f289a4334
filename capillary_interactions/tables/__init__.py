"""Tables in memory: outcomes as an Arrow table, and a table of customers looked up.

Needs the extra `arrow`. Polars, pandas, DuckDB and pyarrow give and take Arrow tables.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions.tables._lookup_table import lookup_table as lookup_table
    from capillary_interactions.tables._to_arrow import to_arrow as to_arrow
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__, {"._lookup_table": "lookup_table", "._to_arrow": "to_arrow"}
    )
