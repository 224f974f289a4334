"""Lists, and jobs that are run, for the tests of jobs."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from capillary_interactions import IdentifierName, InteractionsClient, RateLimit, RetryPolicy
from capillary_interactions.jobs import CustomerList, Job, Report
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader, ReadPosition
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row
from capillary_interactions.sandbox import Sandbox

MOBILES = QueryTemplate(name=IdentifierName.MOBILE)
QUICK = RetryPolicy(attempts=2, wait_initial=0.001, throttled_initial=0.001, budget=1_000_000)


def mobile(number: int) -> str:
    """One of many customers."""
    return str(919_000_000_000 + number)


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """A CSV file as Python writes it."""
    path.write_text(csv_text(rows), "utf-8", newline="")
    return path


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """A CSV as Python writes it."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def mobiles(path: Path, numbers: Iterable[int]) -> Path:
    """A list of customers with a second column."""
    return write_csv(path, [("mobile", "name"), *((mobile(n), f"N {n}") for n in numbers)])


def read(
    source: Path | IO[bytes],
    position: ReadPosition | None = None,
    columns: Sequence[str] = (),
    **options: Any,
) -> tuple[list[Row], list[Batch]]:
    """The rows that a list gives, and the batches they came in."""
    batches: list[Batch] = []
    customers = CustomerList(source, **{"identifier": "mobile", **options})
    ListReader(customers, MOBILES, position, columns).read(batches.append)
    return [row for batch in batches for row in batch.rows()], batches


def client_of(sandbox: Sandbox, **settings: Any) -> InteractionsClient:
    """A client that is not paced and does not wait between retries."""
    settings = {"rate": RateLimit(1_000_000, 1.0), "retry": QUICK, "in_flight": 8, **settings}
    return InteractionsClient(sandbox.client_config(**settings))


async def run_job(
    sandbox: Sandbox, customers: CustomerList | Path | None, path: Path, **options: Any
) -> Report:
    """Run a job once, on a list of mobile numbers if it is only a path."""
    if isinstance(customers, Path):
        customers = CustomerList(customers, identifier="mobile")
    async with client_of(sandbox) as client, Job.open(path, customers) as job:
        return await job.run(client, **options)


async def exported(path: Path, name: str = "out.jsonl") -> Path:
    """The results of a job."""
    async with Job.open(path) as job:
        await job.export(path.with_name(name))
    return path.with_name(name)


async def lines_of(path: Path) -> list[dict[str, Any]]:
    """The results of a job, line by line."""
    out = await exported(path)
    return [orjson.loads(line) for line in out.read_bytes().splitlines()]


def names(folder: Path, pattern: str = "*") -> list[str]:
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.glob(pattern))
