"""Spark as an engine: a task for each worker, which does its parts one after the other."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyspark.sql import SparkSession

from capillary_interactions.engines._cluster.engine import MAX_LOST, EngineError, Work, first_lines
from capillary_interactions.engines._cluster.part_work import PartResult


def start(workers: int, address: str | None) -> "SparkEngine":
    """Connect to a cluster, or start one in this machine's Java.

    Raises:
        EngineError: That is not possible.
    """
    if address is None:
        # The same Python, with the same packages; on a cluster it is the user's to say which.
        os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("capillary-interactions")
    settings = {
        "spark.master": address or f"local[{workers},{MAX_LOST}]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.speculation": "false",
        "spark.log.level": "ERROR",
    }
    try:
        session = builder.config(map=settings).getOrCreate()
    except Exception as error:
        raise EngineError(f"Spark cannot be used: {first_lines(error)}") from error
    return SparkEngine(workers, session)


class SparkEngine:
    """A session of Spark."""

    def __init__(self, workers: int, session: Any) -> None:
        self._workers = workers
        self._session = session

    def results(self, work: Work, parts: Sequence[int]) -> Iterator[PartResult]:
        """See `Engine`. They all come at the end."""
        shares = [parts[worker :: self._workers] for worker in range(self._workers)]
        context = self._session.sparkContext
        tasks = context.parallelize(shares, self._workers)
        try:
            yield from tasks.flatMap(lambda share: _each(work, share)).collect()
        except Exception as error:
            raise EngineError(
                f"Spark has given up: {first_lines(error)}; the same command goes on"
            ) from error

    def close(self) -> None:
        """See `Engine`."""
        self._session.stop()


def _each(work: Work, share: Iterable[int]) -> list[PartResult]:
    # A list: what is lazy here would end when the first result is not taken.
    return [work(part) for part in share]
