"""Runs of a list by an engine, and what a job makes of the same list."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import dataset, parquet

from capillary_interactions import InteractionsClient
from capillary_interactions.engines._cluster.engine import Engine, Work
from capillary_interactions.engines._cluster.folder import ClusterFolder
from capillary_interactions.engines._cluster.part_work import PartResult
from capillary_interactions.engines._cluster.run import ClusterRequest, ClusterRun
from capillary_interactions.jobs import CustomerList, Job, StopRules
from capillary_interactions.sandbox import Sandbox, SandboxProcess

from .batches import config_of

ANY_LIST = StopRules(rejected_share=None)


class InThisProcess:
    """An engine that does one part after the other, and loses what the test wants to be lost."""

    def __init__(self, *lost: int) -> None:
        self.done: list[int] = []
        self._lost = list(lost)

    def results(self, work: Work, parts: Sequence[int]) -> Iterator[PartResult]:
        """Do them as they are asked for."""
        for part in parts:
            result = work(part)
            while part in self._lost:
                self._lost.remove(part)
                result = work(part)
            self.done.append(part)
            yield result

    def close(self) -> None:
        """There is nothing to end."""


def request_of(source: Path, out: Path, **options: Any) -> ClusterRequest:
    """A request for mobiles."""
    options = {"workers": 1, "stops": ANY_LIST, **options}
    customers = CustomerList(source, identifier="mobile")
    return ClusterRequest(customers=customers, folder=ClusterFolder(out), **options)


async def run(
    sandbox: Sandbox | SandboxProcess,
    request: ClusterRequest,
    engine: Engine | None = None,
    **settings: Any,
) -> ClusterRun:
    """A run, from its beginning to its end."""

    def work() -> ClusterRun:
        with ClusterRun(request, config_of(sandbox, **settings)) as running:
            running.prepare()
            running.run(lambda: engine or InThisProcess())
        return running

    return await asyncio.to_thread(work)


def result(out: Path) -> Any:
    """The table in a folder of results, as other software reads it."""
    return dataset.dataset(out, format="parquet").to_table()


async def by_job(sandbox: Sandbox, source: Path) -> Any:
    """The table that a job of the same list exports."""
    customers = CustomerList(source, identifier="mobile")
    path = source.with_suffix(".job")
    async with InteractionsClient(config_of(sandbox)) as client, Job.open(path, customers) as job:
        await job.run(client, stops=ANY_LIST)
        await job.export(source.with_suffix(".result.parquet"))
    return parquet.read_table(source.with_suffix(".result.parquet"))


def write_list(path: Path, *mobiles: object) -> Path:
    """A CSV."""
    rows = "".join(f"{number},{mobile}\n" for number, mobile in enumerate(mobiles))
    path.write_text(f"shop,mobile\n{rows}")
    return path


MOBILES = tuple(919_000_000_000 + number for number in range(180))
TYPED = pa.table({"shop": range(180), "mobile": MOBILES, "ok": [True, None] * 90})
