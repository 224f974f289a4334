"""Ray as an engine: a pool of actors."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import ray

from capillary_interactions.engines._cluster.engine import MAX_LOST, EngineError, Work, first_lines
from capillary_interactions.engines._cluster.part_work import PartResult

# Machines of a cluster in the cloud may have to be started first.
_ROOM_TIMEOUT: Final = 600.0


def start(workers: int, address: str | None) -> "RayEngine":
    """Connect to a cluster, or start one on this machine.

    Raises:
        EngineError: That is not possible.
    """
    own = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        # Without an address Ray would look for a cluster in the environment.
        ray.init(
            address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own
        )
    except Exception as error:
        raise EngineError(f"Ray cannot be used: {first_lines(error)}") from error
    return RayEngine(workers)


class RayEngine:
    """Actors, which Ray starts anew when they are lost."""

    def __init__(self, workers: int) -> None:
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=MAX_LOST)(_Worker)
        self._actors = [actor.remote() for _ in range(workers)]
        self._started = False

    def results(self, work: Work, parts: Sequence[int]) -> Iterator[PartResult]:
        """See `Engine`."""
        shared, rest, open_ = ray.put(work), iter(parts), len(parts)
        # A cluster may have room for some of them only, or get it later.
        running = {actor.ready.remote(): actor for actor in self._actors}
        while open_:
            ended = self._next(running)
            actor, result = running.pop(ended), self._result(ended)
            if result is not None:
                open_ -= 1
                yield result
            part = next(rest, None)
            if part is not None:
                running[actor.do.remote(shared, part)] = actor

    def close(self) -> None:
        """See `Engine`."""
        ray.shutdown()

    def _next(self, running: dict[Any, Any]) -> Any:
        """What ends next; only the first may be waited for in vain."""
        timeout = None if self._started else _ROOM_TIMEOUT
        ended, _ = ray.wait(list(running), num_returns=1, timeout=timeout)
        if not ended:
            raise EngineError(
                f"Ray has had no CPU for a worker for {_ROOM_TIMEOUT:.0f} s: is the cluster busy, "
                "or too small?"
            )
        self._started = True
        return ended[0]

    def _result(self, ended: Any) -> PartResult | None:
        try:
            result: PartResult | None = ray.get(ended)
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"Ray has given a part up: {first_lines(error)}; the same command goes on"
            ) from error
        return result


class _Worker:
    def ready(self) -> None:
        """Return when there is room for it."""

    def do(self, work: Work, part: int) -> PartResult:
        return work(part)
