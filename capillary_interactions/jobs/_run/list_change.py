"""Which row of a list is another one than when the job has read it? Blocks.

All of it belongs to the job's worker thread.
"""

from collections.abc import Iterator
from typing import Final

from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._store.store import Store

_ROWS_AT_A_TIME: Final = 4000


class _Found(Exception):  # noqa: N818 - no error: it ends the reading
    def __init__(self, row: int | None) -> None:
        super().__init__(row)
        self.row = row


def first_changed_row(
    store: Store, customers: CustomerList, template: QueryTemplate, rows: int
) -> int | None:
    """The number of the first row that differs from what the job holds; None if there is none.

    Args:
        store: The job's file.
        customers: The list; a regular file.
        template: The query of each row.
        rows: How many rows the job has read of it.
    """

    def compare(batch: Batch) -> None:
        before = store.cells(batch.first, batch.end)
        for number, now in enumerate(batch.cells, batch.first):
            # There is no row of a customer who is forgotten.
            if before.get(number, now) != now:
                raise _Found(number)
        if batch.end > rows:
            raise _Found(None)

    try:
        ListReader(customers, template).read(compare)
    except _Found as found:
        return found.row
    except ListError:
        return None
    return None


def is_without_forgotten(
    store: Store, customers: CustomerList, template: QueryTemplate, rows: int
) -> bool:
    """Whether a list has the rows that the job holds, without those that it has forgotten.

    Args:
        store: The job's file.
        customers: The list; a regular file.
        template: The query of each row.
        rows: How many rows the job has read of it, the forgotten ones included.
    """
    stored = _stored_cells(store, rows)

    def compare(batch: Batch) -> None:
        for number, now in enumerate(batch.cells, batch.first):
            known = next(stored, None)
            if known != now:
                # None is behind the last one: there are new rows.
                raise _Found(None if known is None else number)

    try:
        ListReader(customers, template).read(compare)
    except _Found as found:
        return found.row is None
    except ListError:
        return False
    return next(stored, None) is None


def _stored_cells(store: Store, rows: int) -> Iterator[str]:
    for first in range(1, rows + 1, _ROWS_AT_A_TIME):
        yield from store.cells(first, min(first + _ROWS_AT_A_TIME, rows + 1)).values()
