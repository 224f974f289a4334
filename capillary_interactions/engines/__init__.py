"""How are customers looked up where their table lies: by the workers of an engine?

Ray, Spark, Dask and plain processes hand over Arrow record batches and retry what a lost worker
had; each worker has a client of its own. Nothing here may import an engine before it is used, keep
what has ended in the memory of one process only, or show credentials on their way to a worker.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions.engines._cluster.engine import ENGINES as ENGINES
    from capillary_interactions.engines._cluster.engine import Engine as Engine
    from capillary_interactions.engines._cluster.engine import EngineError as EngineError
    from capillary_interactions.engines._cluster.engine import (
        MissingEngineError as MissingEngineError,
    )
    from capillary_interactions.engines._cluster.engine import engine_of as engine_of
    from capillary_interactions.engines._cluster.folder import ClusterFolder as ClusterFolder
    from capillary_interactions.engines._cluster.run import ClusterCounts as ClusterCounts
    from capillary_interactions.engines._cluster.run import ClusterRequest as ClusterRequest
    from capillary_interactions.engines._cluster.run import ClusterRun as ClusterRun
    from capillary_interactions.engines._cluster.run import StoppedError as StoppedError
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
        unlisted={  # what the command line uses
            "._cluster.engine": "ENGINES Engine EngineError MissingEngineError engine_of",
            "._cluster.folder": "ClusterFolder",
            "._cluster.run": "ClusterCounts ClusterRequest ClusterRun StoppedError",
        },
    )
