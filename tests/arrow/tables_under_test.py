"""Tables that are looked up, and what a job on disk makes of the same customers."""

from pathlib import Path
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from capillary_interactions import InteractionsClient, RateLimit, RetryPolicy
from capillary_interactions.jobs import CustomerList, Job, StopRules
from capillary_interactions.sandbox import Sandbox

# Known and unknown customers, one of them in two spellings, rows that are none, and a null.
MOBILES: Final = (
    *(str(919_000_000_000 + number) for number in range(30)),
    "+91 90000-00003",
    "919000000003",
    "none",
    "9.19E+11",
    None,
)
TABLE: Final = pa.table({"shop": range(len(MOBILES)), "mobile": MOBILES})
# These say when and how fast, and differ between two runs.
TIMES: Final = ("elapsed", "waited", "request_id", "ended_at")
_QUICK: Final = RetryPolicy(attempts=2, wait_initial=0.001, throttled_initial=0.001)


def client_of(sandbox: Sandbox, **settings: Any) -> InteractionsClient:
    """A client that is not paced."""
    settings = {"rate": RateLimit(1_000_000, 1.0), "retry": _QUICK, **settings}
    return InteractionsClient(sandbox.client_config(**settings))


async def by_job(sandbox: Sandbox, table: Any, folder: Path) -> Any:
    """The same table by a job: written, looked up, exported and read."""
    source, out = folder / "list.parquet", folder / "out.parquet"
    parquet.write_table(table, source)
    customers = CustomerList(source, identifier="mobile")
    async with client_of(sandbox) as client, Job.open(folder / "list.job", customers) as job:
        await job.run(client, stops=StopRules(rejected_share=None))
        await job.export(out)
    return parquet.read_table(out)


def untimed(table: Any) -> Any:
    """A table without the columns that no two runs have in common."""
    return table.drop_columns(list(TIMES))
