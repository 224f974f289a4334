"""Whom does a table name? One of its columns, read as a job reads a list's."""

from array import array
from collections.abc import Iterator
from typing import Any

from capillary_interactions.jobs._lists.arrow_rows import column_rows
from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import escape_unencodable

# pyarrow has no types, so its modules, tables and batches are Any.


class TableCustomers:
    """The customers of a table, each of which is looked up once.

    Attributes:
        values: The customer of each row, as far as there is one.
        reasons: Why rows are rejected, by their index.
        sent: Customers as they are sent, by the index of the row, where that differs.
        firsts: The index of each row's customer's first row.
    """

    def __init__(
        self, arrow: Any, table: Any, template: QueryTemplate, column: str | int | None
    ) -> None:
        self.values: list[str] = []
        self.reasons: dict[int, str] = {}
        self.sent: dict[int, str] = {}
        self.firsts = array("q")
        self._seen: dict[str, int] = {}
        wanted = None if column is None else str(column)
        index = find_column(table.schema.names, template.name.value, wanted)
        for row in column_rows(arrow, table.column(index)):
            if row is not None:
                self._add(*template.normalise(row), template)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """The first row of each customer that can be sent, and the customer as it is sent."""
        return ((index, customer) for customer, index in self._seen.items())

    def __len__(self) -> int:
        """How many customers can be sent."""
        return len(self._seen)

    def _add(self, value: str, reason: str | None, template: QueryTemplate) -> None:
        index = len(self.values)
        if reason is None:
            sent = template.sent_value(value)
            if sent != value:
                self.sent[index] = sent
            self.firsts.append(self._seen.setdefault(sent, index))
        else:
            value = escape_unencodable(value)
            self.reasons[index] = reason
            self.firsts.append(index)
        self.values.append(value)
