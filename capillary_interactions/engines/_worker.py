"""What a worker does with the customers of a batch: those who have ended before are not asked."""

import time
from collections.abc import Callable, Mapping

from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import Found, Outcome
from capillary_interactions.engines._done_store import DoneStore
from capillary_interactions.engines._lookups import BatchLookup, LookupOptions
from capillary_interactions.engines._worker_client import worker_client
from capillary_interactions.jobs._store.records import ResultRow, result_row

Take = Callable[[int, ResultRow, CustomerInteractions | None], None]


def look_up_once(
    customers: Mapping[int, str],
    options: LookupOptions,
    store: DoneStore | None,
    take: Take,
    *,
    since: float = 0.0,
    is_stopped: Callable[[], bool] = bool,
) -> bool:
    """Look up customers as they are sent, by their keys; False if it was stopped before the end.

    Args:
        customers: All different.
        options: How.
        store: Where outcomes are kept, or None.
        take: Called with a key, the result, and the answer where the result has none as JSON; from
            one thread at a time.
        since: See `DoneStore.find`.
        is_stopped: Called now and then; True ends the lookups in progress, and begins no more.
    """
    ended = {} if store is None else store.find(customers.values(), since)
    for key, customer in customers.items():
        if customer in ended:
            take(key, ended[customer], None)

    def record(key: int, outcome: Outcome) -> None:
        at = time.time()
        if store is not None:
            store.record(customers[key], outcome, at)
        answer = outcome.customer if isinstance(outcome, Found) else None
        take(key, result_row(0, "", outcome, at), answer)

    def tick() -> None:
        if store is not None:
            store.flush()
        if is_stopped():
            lookup.stop()

    worker = worker_client(options.config)
    lookup = BatchLookup(worker, options, record)
    open_ = {key: customer for key, customer in customers.items() if customer not in ended}
    return worker.run(lookup.run(open_), tick)
