"""How are customers looked up where their table lies: by the workers of an engine?

Ray, Spark, Dask and plain processes hand over Arrow record batches and retry what a lost worker
had; each worker has a client of its own. Nothing here may import an engine before it is used, keep
what has ended in the memory of one process only, or show credentials on their way to a worker.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions.engines._done_store import done_counts as done_counts
    from capillary_interactions.engines._enrich import enrich_batches as enrich_batches
    from capillary_interactions.engines._enrich import result_schema as result_schema
    from capillary_interactions.engines._rate import divided as divided
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "._done_store": "done_counts",
            "._enrich": "enrich_batches result_schema",
            "._rate": "divided",
        },
    )
