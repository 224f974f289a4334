"""The client without async: the same calls, which block the thread that makes them.

One event loop, in a thread of its own, runs the asynchronous client for all threads of a process;
nothing here sends, paces, retries or reads by itself.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions.sync._client import InteractionsClient as InteractionsClient
    from capillary_interactions.sync._job import Job as Job
    from capillary_interactions.sync._plan import plan_job as plan_job
    from capillary_interactions.sync._stream import OutcomeStream as OutcomeStream
    from capillary_interactions.sync._tables import lookup_table as lookup_table
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "._client": "InteractionsClient",
            "._job": "Job",
            "._plan": "plan_job",
            "._stream": "OutcomeStream",
            "._tables": "lookup_table",
        },
    )
