"""Ray as an engine: a pool of actors."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import ray

from capillary_interactions.engines._cluster.engine import MAX_LOST, EngineError, Work, first_lines
from capillary_interactions.engines._cluster.part_work import PartResult


def start(workers: int, address: str | None) -> "RayEngine":
    """Connect to a cluster, or start one on this machine.

    Raises:
        EngineError: That is not possible.
    """
    own = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:
        raise EngineError(f"Ray cannot be used: {first_lines(error)}") from error
    return RayEngine(workers)


class RayEngine:
    """Actors, which Ray starts anew when they are lost."""

    def __init__(self, workers: int) -> None:
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=MAX_LOST)(_Worker)
        self._actors = [actor.remote() for _ in range(workers)]

    def results(self, work: Work, parts: Sequence[int]) -> Iterator[PartResult]:
        """See `Engine`."""
        shared, rest = ray.put(work), iter(parts)
        running: dict[Any, Any] = {}

        def begin(actor: Any) -> None:
            for part in rest:
                running[actor.do.remote(shared, part)] = actor
                return

        for actor in self._actors:
            begin(actor)
        while running:
            (ended, *_), _ = ray.wait(list(running), num_returns=1)
            actor = running.pop(ended)
            yield self._result(ended)
            begin(actor)

    def close(self) -> None:
        """See `Engine`."""
        ray.shutdown()

    def _result(self, ended: Any) -> PartResult:
        try:
            result: PartResult = ray.get(ended)
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"Ray has given a part up: {first_lines(error)}; the same command goes on"
            ) from error
        return result


class _Worker:
    def do(self, work: Work, part: int) -> PartResult:
        return work(part)
