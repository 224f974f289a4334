"""Outcomes as rows of a table, gathered in any order and put into that of the customers."""

from array import array
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, Final

from capillary_interactions._json.reader import Reader
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import Found, Outcome
from capillary_interactions.jobs._export.arrow_batches import (
    arrow_schema,
    column_types,
    record_batches,
)
from capillary_interactions.jobs._export.flatten import Flattener, columns, input_columns
from capillary_interactions.jobs._store.records import ResultRow, result_row
from capillary_interactions.tables._customers import TableCustomers

# So many rows are converted in some 10 ms.
_MAX_ROWS: Final = 2_000
_COLUMNS: Final = columns(())
_ROW, _IDENTIFIER, _SENT = "row", "identifier", "sent_identifier"


class ResultTable:
    """Rows of results, with the columns of a job's export."""

    def __init__(self, arrow: Any, zone: tzinfo, *, codes_masked: bool = False) -> None:
        self._arrow = arrow
        self._types = column_types(arrow, _COLUMNS, None)
        self._schema = arrow_schema(arrow, _COLUMNS, self._types)
        self._flatten = Flattener((), Reader(zone), codes_masked=codes_masked).rows
        self._rows: list[Sequence[Any]] = []
        self._batches: list[Any] = []

    def add(self, result: ResultRow, answer: CustomerInteractions | None = None) -> None:
        """Add the rows of a result; `answer` is its, where that is not JSON."""
        self._rows.extend(self._flatten(result, answer))
        if len(self._rows) >= _MAX_ROWS:
            self._flush()

    def add_outcome(self, number: int, value: str, outcome: Outcome, at: float | None) -> None:
        """Add the rows of an outcome, which ended at some time."""
        answer = outcome.customer if isinstance(outcome, Found) else None
        self.add(result_row(number, value, outcome, at), answer)

    def table(self) -> Any:
        """All rows, in the order in which they were added."""
        self._flush()
        return self._arrow.Table.from_batches(self._batches, self._schema)

    def joined(self, table: Any, customers: TableCustomers) -> Any:
        """The rows of each row of a table, with the table's own columns.

        The results' numbers are those of their customers' first rows, counted from 1.
        """
        for index, reason in customers.reasons.items():
            value = customers.values[index]
            rejected = ResultRow(
                row=index + 1, value=value, cells="[]", ending="rejected", reason=reason
            )
            self.add(rejected)
        results = self.table()
        rows, places = _places(results.column(_ROW).to_pylist(), customers)
        inputs, results = (
            whole.take(self._arrow.array(indexes, self._arrow.int64()))
            for whole, indexes in ((table, rows), (results, places))
        )
        return self._assembled(inputs, results, rows, customers)

    def _assembled(
        self, inputs: Any, results: Any, rows: Sequence[int], customers: TableCustomers
    ) -> Any:
        arrow, values, sent = self._arrow, customers.values, customers.sent
        attempts = results.column("attempts").to_pylist()
        replaced = {
            _ROW: arrow.array([row + 1 for row in rows], arrow.int64()),
            _IDENTIFIER: arrow.array([values[row] for row in rows], arrow.string()),
            _SENT: arrow.array(
                [
                    (sent.get(row) or values[row]) if tried else None
                    for row, tried in zip(rows, attempts, strict=True)
                ],
                arrow.string(),
            ),
        }
        arrays, names = [], []
        for column in columns(input_columns(inputs.column_names)):
            names.append(column.name)
            if column.input_index is not None:
                arrays.append(inputs.column(column.input_index))
            else:
                arrays.append(replaced.get(column.name, results.column(column.name)))
        return arrow.Table.from_arrays(arrays, names)

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        batches = record_batches(self._arrow, _COLUMNS, self._types, rows, _MAX_ROWS)
        self._batches.extend(batches)


def _places(numbers: Sequence[int], customers: TableCustomers) -> "tuple[array[int], array[int]]":
    """For each row of the joined table: the index of its row, and where its result is."""
    results: dict[int, list[int]] = {}
    for place, number in enumerate(numbers):
        results.setdefault(number - 1, []).append(place)
    rows, places = array("q"), array("q")
    for index, first in enumerate(customers.firsts):
        for place in results[first]:
            rows.append(index)
            places.append(place)
    return rows, places
